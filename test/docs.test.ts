import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../temporal-config/dev-server';

const ROOT = join(__dirname, '..');
const READY_MS = 120_000;
const BLOCK_MS = 180_000;

interface Block {
  file: string;
  line: number;
  /** What stands after `sh`. */
  info: string;
  text: string;
}

/** All fenced `sh` blocks of a page. */
function blocksOf(file: string): Block[] {
  const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
  const blocks: Block[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const [, info] = /^\s*```sh\b\s*(.*)$/.exec(lines[index] ?? '') ?? [];
    if (info === undefined) continue;
    const end = lines.findIndex((line, at) => at > index && /^\s*```\s*$/.test(line));
    blocks.push({ file, line: index + 1, info, text: lines.slice(index + 1, end).join('\n') });
    index = end;
  }
  return blocks;
}

const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '');
const blocks = pages.flatMap(blocksOf);
const runnable = blocks.filter(({ info }) => !info.startsWith('no-ci:'));

test('a block that does not run says why', () => {
  const silent = blocks.filter(
    ({ info }) => info !== '' && (/^no-ci:\s*(.*)$/.exec(info)?.[1]?.length ?? 0) < 10,
  );
  expect(silent.map(({ file, line }) => `${file}:${String(line)}`)).toEqual([]);
});

/** A Cordon as `npm start` makes it, in a data folder of its own; the pages speak of the default folder and port. */
class Started {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'cordon-docs-'));
  #child: ChildProcess | undefined;
  #port = 0;

  get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      CORDON_DATA_DIR: this.dataDir,
      PORT: String(this.#port),
      NODE_ENV: 'production',
    };
  }

  async start(): Promise<void> {
    this.#port = await freePort();
    const child = spawn('npm', ['start'], { cwd: ROOT, env: this.env, detached: true });
    this.#child = child;
    let output = '';
    await new Promise<void>((resolve, reject) => {
      const hear = (chunk: Buffer): void => {
        output += chunk.toString('utf8');
        if (output.includes('Cordon is ready on')) resolve();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('exit', () => {
        reject(new Error(`npm start ended:\n${output}`));
      });
    });
  }

  async stop(): Promise<void> {
    const { pid, exitCode } = this.#child ?? {};
    if (this.#child !== undefined && pid !== undefined && exitCode === null) {
      // Not 'exit': npm ends before what it started.
      const ended = once(this.#child, 'close');
      process.kill(-pid, 'SIGTERM');
      await ended;
    }
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** Runs a block as a reader would, but for folder, port and year. */
  run(text: string): Promise<{ code: number | null; output: string }> {
    const mine = text
      .replaceAll('127.0.0.1:8233', `127.0.0.1:${String(this.#port)}`)
      .replaceAll('.cordon/', `${this.dataDir}/`)
      .replaceAll(/INC-\d{4}-/g, `INC-${String(new Date().getUTCFullYear())}-`);
    return new Promise((resolve) => {
      const child = spawn('bash', ['-euo', 'pipefail', '-c', mine], { cwd: ROOT, env: this.env });
      let output = '';
      const hear = (chunk: Buffer): void => {
        output += chunk.toString('utf8');
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('close', (code) => {
        resolve({ code, output });
      });
    });
  }
}

describe('the blocks of the pages, one after another against one Cordon', () => {
  const cordon = new Started();
  beforeAll(() => cordon.start(), READY_MS);
  afterAll(() => cordon.stop(), 60_000);

  test.each(runnable.map((block) => [`${block.file}:${String(block.line)}`, block] as const))(
    '%s',
    async (_where, { text }) => {
      const { code, output } = await cordon.run(text);
      expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
    },
    BLOCK_MS,
  );
});
