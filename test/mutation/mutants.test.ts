import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACTIONS } from '../../contracts/actions';
import { MUTANTS } from './mutants';
import { INVERSES, STEP_COUNT } from './playbooks';

const ROOT = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

test('each mutant finds its one place, and its test exists', () => {
  const lost = MUTANTS.filter(
    ({ file, find, test: path }) => read(file).split(find).length !== 2 || !existsSync(join(ROOT, path)),
  );
  expect(lost.map(({ file, what }) => `${file}: ${what}`)).toEqual([]);
});

test('no two mutants are one', () => {
  const all = MUTANTS.map(({ file, find, replace }) => `${file} ${find} ${replace}`);
  expect(new Set(all).size).toBe(all.length);
});

test('every step of every playbook, and every inverse, is among them', () => {
  const steps = readdirSync(join(ROOT, 'workflows/playbooks')).map((name) => {
    const body = read(`workflows/playbooks/${name}`).replace(/^[\s\S]*?async \(/, '');
    const words = body.match(/\b(collect|contain|eradicate|recover|release|watch)\(/g) ?? [];
    return [name.replace('.ts', ''), words.length];
  });
  expect(STEP_COUNT).toEqual(Object.fromEntries(steps));
  const inverses = Object.values(ACTIONS).filter(({ inverse }) => inverse !== null);
  expect(INVERSES).toHaveLength(inverses.length);
});
