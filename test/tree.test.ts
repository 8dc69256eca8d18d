import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../package.json';

const ROOT = join(__dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const folders = (path: string): string[] =>
  existsSync(join(ROOT, path))
    ? readdirSync(join(ROOT, path), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
    : [];
const tracked = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)));
const code = tracked.filter((path) => /\.(ts|tsx|cjs|mjs|sh)$/.test(path));
const shipped = code.filter((path) => !path.startsWith('test/'));

test('the top level that users know is there', () => {
  for (const name of [
    'workflows',
    'activities',
    'integrations',
    'server',
    'test',
    'temporal-config',
    'package.json',
    'tsconfig.json',
    'README.md',
  ])
    expect([name, tracked.some((path) => path === name || path.startsWith(`${name}/`))]).toEqual([
      name,
      true,
    ]);
});

test('all Temporal packages have one exact version', () => {
  const versions = Object.entries(packageJson.dependencies).filter(([name]) =>
    name.startsWith('@temporalio/'),
  );
  expect(versions.length).toBeGreaterThan(5);
  expect(new Set(versions.map(([, version]) => version))).toEqual(new Set(['1.24.0']));
});

test('the lockfile names no download address but the public npm registry', () => {
  const addresses = [...read('package-lock.json').matchAll(/"resolved": "([^"]+)"/g)].map(
    ([, address]) => address,
  );
  expect(addresses.filter((address) => address?.startsWith('https://registry.npmjs.org/') === false)).toEqual(
    [],
  );
});

test('nothing that ships is unfinished', () => {
  const found = shipped.filter((path) => /\b(TODO|FIXME|XXX)\b/.test(read(path)));
  expect(found).toEqual([]);
});

test('no test is switched off or runs alone without a reason in its name', () => {
  const pattern =
    /\b(?:it|test|describe)\.(?:only|todo)\b|\b(?:it|test|describe)\.skip\((?!['"`][^'"`]*: )|\bx(?:it|describe)\(/;
  const found = code.filter(
    (path) => path.startsWith('test/') && path !== 'test/tree.test.ts' && pattern.test(read(path)),
  );
  expect(found).toEqual([]);
});

test('no path of one machine is in the tree', () => {
  const pattern = /(?:^|[^A-Za-z0-9_.])\/(?:work\/|farm\/|root\/(?!\.ssh\/))/m;
  const found = tracked.filter(
    (path) =>
      /\.(ts|md|json|sh|cjs|mjs)$/.test(path) && path !== 'test/tree.test.ts' && pattern.test(read(path)),
  );
  expect(found).toEqual([]);
});

test('each integration has its files, its documentation, its test, and the id of its folder', () => {
  const names = folders('integrations').filter((name) => tracked.includes(`integrations/${name}/index.ts`));
  const missing = names.flatMap((name) => [
    ...[`integrations/${name}/README.md`, `test/integrations/${name}.test.ts`].filter(
      (path) => !tracked.includes(path),
    ),
    ...(read(`integrations/${name}/index.ts`).includes(`id: '${name.replaceAll('-', '_')}'`)
      ? []
      : [`the id in ${name}/index.ts`]),
  ]);
  expect(missing).toEqual([]);
});

test('each playbook has the id of its file, and a test', () => {
  const paths = tracked.filter((path) => /^workflows\/playbooks\/(?!index\.ts$)[a-z-]+\.ts$/.test(path));
  const missing = paths.flatMap((path) => {
    const name = path.replace('workflows/playbooks/', '').replace('.ts', '');
    return [
      ...(tracked.includes(`test/playbooks/${name}.test.ts`) ? [] : [`test/playbooks/${name}.test.ts`]),
      ...(read(path).includes(`id: '${name.replaceAll('-', '_')}'`) ? [] : [`the id in ${path}`]),
    ];
  });
  expect(missing).toEqual([]);
});
