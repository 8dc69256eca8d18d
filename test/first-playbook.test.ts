import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { registered } from '../cli/authoring/scaffold';

const ROOT = join(__dirname, '..');
const STEP_MS = 240_000;

/** The fenced blocks of the walk-through, in order: commands, and files by the path that stands behind `ts`. */
const blocks = [
  ...readFileSync(join(ROOT, 'docs/first-playbook.md'), 'utf8').matchAll(
    /^```(sh|ts) ?(.*)\n([\s\S]*?)^```$/gm,
  ),
].map(([, kind = '', info = '', text = '']) => ({ kind, info, text }));

/** What is tracked, and what is new and not ignored, in a folder of its own. */
function copyOfTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'cordon-authoring-'));
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  for (const file of files.split('\n').filter((one) => one !== '')) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(ROOT, file), join(copy, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

describe('the walk-through of the first playbook, in a copy of the tree', () => {
  let copy: string;
  const run = (command: string) =>
    spawnSync('bash', ['-euo', 'pipefail', '-c', command], { cwd: copy, encoding: 'utf8', timeout: STEP_MS });
  const write = (file: string, text: string): void => {
    writeFileSync(join(copy, file), text);
  };
  beforeAll(() => {
    copy = copyOfTree();
  });
  afterAll(() => {
    rmSync(copy, { recursive: true, force: true });
  });

  test.each(
    blocks
      .filter(({ info }) => !info.includes('until it is stopped'))
      .map((block, index) => [index + 1, block] as const),
  )(
    'block %i',
    (_n, { kind, info, text }) => {
      if (kind === 'ts') {
        write(info, text);
        return;
      }
      const { status, stdout, stderr } = run(text);
      expect([status, status === 0 ? '' : stdout + stderr]).toEqual([0, '']);
    },
    STEP_MS,
  );

  test(
    'a way that no test takes is named, and fails',
    () => {
      const test = blocks.find(({ info }) => info.startsWith('test/'));
      write(test?.info ?? '', (test?.text ?? '').replaceAll('found: true', 'found: false'));
      const { status, stdout } = run('npx cordon playbooks test lost_badge --coverage');
      expect(status).toBe(1);
      expect(stdout).toContain('never taken: Was it found? → yes');
      expect(stdout).toContain('never taken: Has the badge been found? → It was found: yes');
      expect(stdout).not.toContain('→ no\n');
    },
    STEP_MS,
  );

  test(
    'a parameter that an action does not have does not compile',
    () => {
      const playbook = blocks.find(({ info }) => info.startsWith('workflows/'));
      const wrong = (playbook?.text ?? '').replace(
        'disableAccount({ account })',
        'disableAccount({ host: account })',
      );
      write(playbook?.info ?? '', wrong);
      const { status, stdout } = run('npx tsc --noEmit');
      expect(status).not.toBe(0);
      expect(stdout).toContain("'host' does not exist");
    },
    STEP_MS,
  );

  test(
    'what is there is not overwritten, and mistakes name the option',
    () => {
      const again = run('npx cordon playbooks new lost_badge --title "Lost badge" --answers policy');
      expect(again.status).toBe(1);
      expect(again.stderr).toContain('lost-badge.ts is there already; nothing was changed');
      const wrong = (args: string): string => run(`npx cordon playbooks new ${args}`).stderr;
      expect(wrong('other --title T --answers nonsense')).toContain('--answers: nonsense is neither');
      expect(wrong('Other --title T --answers policy')).toContain('snake_case');
    },
    STEP_MS,
  );
});

test('a registry in either layout takes one more playbook', () => {
  const head =
    "import type { Playbook } from './kit/define-playbook';\nimport { a } from './playbooks/a';\n\n";
  const line = `${head}export const PLAYBOOKS: readonly Playbook[] = [a, b];\n`;
  const lines = `${head}export const PLAYBOOKS: readonly Playbook[] = [\n  a,\n  // Before c, which it goes on to.\n  b,\n];\n`;
  for (const [registry, list] of [
    [line, '= [a, b, lostBadge];'],
    [lines, '= [\n  a,\n  // Before c, which it goes on to.\n  b,\n  lostBadge,\n];'],
  ] as const) {
    const made = registered(registry, 'lost_badge');
    expect(made).toContain(
      "import { a } from './playbooks/a';\nimport { lostBadge } from './playbooks/lost-badge';\n",
    );
    expect(made).toContain(list);
  }
  expect(() => registered('export const OTHER = [];', 'lost_badge')).toThrow(/add lostBadge by hand/);
});
