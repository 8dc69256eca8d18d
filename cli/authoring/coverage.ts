import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waysThrough } from './graph';

const ROOT = join(__dirname, '../..');

/** The file with the tests of a playbook. */
export const testFileOf = (id: string): string => `test/playbooks/${id.replaceAll('_', '-')}.test.ts`;

/** How the tests of a playbook went, and which ways of its decisions and questions no virtual run of theirs took. */
export interface Tested {
  readonly passed: boolean;
  /** `Is it a campaign? → no`; undefined when it was not asked for. */
  readonly never?: readonly string[];
}

/** Runs the tests of a playbook. With `coverage` it also compares the branches that they took with those that there are. */
export async function runTests(playbook: string, coverage: boolean): Promise<Tested> {
  const [id = playbook] = playbook.split('@');
  const file = testFileOf(id);
  if (!existsSync(join(ROOT, file)))
    throw new Error(`There is no ${file}: npx cordon playbooks new makes one with a new playbook.`);
  const folder = mkdtempSync(join(tmpdir(), 'cordon-branches-'));
  const log = join(folder, 'branches');
  try {
    const passed = await jest(file, coverage ? log : undefined);
    if (!coverage) return { passed };
    const { ways } = await waysThrough(playbook);
    const taken = new Set(existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []);
    return { passed, never: [...ways.keys()].filter((way) => !taken.has(way)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function jest(file: string, log: string | undefined): Promise<boolean> {
  const main = require.resolve('jest/bin/jest');
  const args = log === undefined ? [] : ['--setupFilesAfterEnv', join(ROOT, 'test/support/branch-log.ts')];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, file, ...args], {
      cwd: ROOT,
      env: { ...process.env, ...(log === undefined ? {} : { CORDON_BRANCH_LOG: log }) },
      stdio: 'inherit',
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve(code === 0);
    });
  });
}
