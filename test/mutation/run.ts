import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { Mutant } from './mutant';
import { MUTANTS } from './mutants';

/**
 * `npm run mutants`: takes each check and step of the table out of a copy of the tree, never of the checkout, and demands
 * that the named test fails. `--sample 6` takes six, chosen by the commit (or `--seed`); `--only` those whose file and words match a pattern;
 * `--trust` leaves out the first round, which shows that the tests pass as long as nothing is taken out.
 */
const ROOT = join(__dirname, '../..');
const LIMIT_MS = 180_000;
const FIRST_LIMIT_MS = 900_000;

const { values } = parseArgs({
  options: {
    sample: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    trust: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();

function chosen(): Mutant[] {
  const all = MUTANTS.filter(({ what, file }) => new RegExp(values.only ?? '').test(`${file} ${what}`));
  if (values.sample === undefined) return [...all];
  const seed = values.seed ?? git('rev-parse', 'HEAD');
  const place = ({ file, what }: Mutant): string =>
    createHash('sha256').update(`${seed} ${file} ${what}`).digest('hex');
  return [...all].sort((a, b) => place(a).localeCompare(place(b))).slice(0, Number(values.sample));
}

function copyOfTree(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-mutants-'));
  for (const path of git('ls-files', '-co', '--exclude-standard').split('\n')) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(ROOT, path), join(folder, path));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

interface Report {
  testResults: { assertionResults: { fullName: string; status: string }[] }[];
}

/** Full names of the tests that ran, and whether each failed. A run that takes for ever has failed. */
function jest(
  folder: string,
  limitMs: number,
  ...args: string[]
): Promise<{ fullName: string; failed: boolean }[] | 'hangs'> {
  const output = join(folder, 'mutant-report.json');
  rmSync(output, { force: true });
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        join(ROOT, 'node_modules/jest/bin/jest.js'),
        '--runInBand',
        '--forceExit',
        '--json',
        `--outputFile=${output}`,
        ...args,
      ],
      { cwd: folder, stdio: 'ignore', detached: true },
    );
    let hangs = false;
    const timer = setTimeout(() => {
      hangs = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, limitMs);
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(timer);
      if (hangs) {
        resolve('hangs');
        return;
      }
      if (!existsSync(output)) {
        resolve([]);
        return;
      }
      const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as Report;
      resolve(
        testResults
          .flatMap(({ assertionResults }) => assertionResults)
          .filter(({ status }) => status === 'passed' || status === 'failed')
          .map(({ fullName, status }) => ({ fullName, failed: status === 'failed' })),
      );
    });
  });
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** What became of a mutant; null when the named test failed, as it must. */
async function survives(folder: string, mutant: Mutant): Promise<string | null> {
  const path = join(folder, mutant.file);
  const whole = readFileSync(path, 'utf8');
  if (whole.split(mutant.find).length !== 2) return 'its pattern no longer matches once';
  writeFileSync(
    path,
    whole.replace(mutant.find, () => mutant.replace),
  );
  try {
    const ran = await jest(folder, LIMIT_MS, mutant.test, '-t', literal(mutant.fails));
    if (ran === 'hangs' || ran.some(({ failed }) => failed)) return null;
    return ran.length === 0 ? 'no test of that name ran' : 'it survived';
  } finally {
    writeFileSync(path, whole);
  }
}

/** Whether the named tests pass as the tree is: a test that always fails notices nothing. */
async function passes(folder: string, todo: readonly Mutant[]): Promise<boolean> {
  const files = [...new Set(todo.map(({ test }) => test))];
  say(`${String(todo.length)} mutants; first their tests in ${String(files.length)} files as they are`);
  const names = todo.map(({ fails }) => literal(fails)).join('|');
  const ran = await jest(folder, FIRST_LIMIT_MS, ...files, '-t', names);
  const broken =
    ran === 'hangs' ? ['they hang'] : ran.filter(({ failed }) => failed).map((one) => one.fullName);
  if (broken.length > 0) say(`These fail without any mutant:\n${broken.join('\n')}`);
  return broken.length === 0;
}

async function main(): Promise<number> {
  const todo = chosen();
  const table = new Table({ head: ['file', 'without', 'must fail', ''] });
  let wrong = 0;
  const folders = Array.from({ length: Math.max(1, Number(values.jobs)) }, copyOfTree);
  try {
    if (!values.trust && !(await passes(folders[0] ?? '', todo))) return 1;
    const queue = [...todo];
    await Promise.all(
      folders.map(async (folder) => {
        for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
          const why = await survives(folder, mutant);
          if (why !== null) wrong++;
          table.push([mutant.file, mutant.what, mutant.fails, why ?? 'noticed']);
          say(
            `${why === null ? 'noticed ' : 'SURVIVES'} ${mutant.file}: ${mutant.what}${why === null ? '' : ` (${why})`}`,
          );
        }
      }),
    );
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
  say(table.toString());
  say(`${String(todo.length - wrong)} of ${String(todo.length)} mutants noticed`);
  return wrong === 0 ? 0 : 1;
}

void main().then((code) => {
  process.exitCode = code;
});
