import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATEGORIES } from '../../contracts/alert';
import { testFileOf } from './coverage';

const ROOT = join(__dirname, '../..');
const REGISTRY = 'workflows/registry.ts';
const LIST = /(export const PLAYBOOKS: readonly Playbook\[\] = \[)([^\]]*?),?\s*(\];)/;

/** What a new playbook is. */
export interface Wanted {
  /** snake_case */
  readonly id: string;
  readonly title: string;
  /** ATT&CK techniques and alert categories: `T1110`, `phishing`. */
  readonly answers: readonly string[];
}

const nameOf = (id: string): string => id.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());

function matcherOf(answer: string): string {
  if (/^T\d{4}(\.\d{3})?$/.test(answer)) return `technique('${answer}')`;
  if ((CATEGORIES as readonly string[]).includes(answer)) return `category('${answer}')`;
  throw new Error(
    `--answers: ${answer} is neither an ATT&CK technique such as T1110 nor one of ${CATEGORIES.join(', ')}.`,
  );
}

function playbookText({ id, title, answers }: Wanted): string {
  const matchers = answers.map(matcherOf);
  const imports = ['category', 'technique'].filter((word) => matchers.some((one) => one.startsWith(word)));
  return `import { endpoint } from '../../contracts/actions';
import { ${[...imports, 'definePlaybook'].sort().join(', ')} } from '../kit/define-playbook';

/**
 * ${title}. Say here what it does and why in this order, with ATT&CK, D3FEND and the sources.
 */
export const ${nameOf(id)} = definePlaybook(
  {
    id: '${id}',
    version: 1,
    title: '${title}',
    answers: [${matchers.join(', ')}],
  },
  async ({ scope, collect, contain, eradicate, release, watch }) => {
    await collect('Triage before anything changes', scope.hosts, (host) => endpoint.collectTriage({ host }));

    await contain('Isolate the hosts', scope.hosts, (host) => endpoint.isolateHost({ host }), {
      lease: '72h',
    });

    await eradicate('Scan and quarantine', scope.hosts, (host) => endpoint.scanAv({ host }), {
      onFind: 'quarantine',
      lease: '30d',
    });

    await release(scope.hosts, { when: 'clean' });

    await watch('72h', { onRecurrence: 'contain' });
  },
);
`;
}

function testText({ id }: Wanted): string {
  const name = nameOf(id);
  const path = id.replaceAll('_', '-');
  return `import { ${name} } from '../../workflows/playbooks/${path}';
import { about, denied, fails, play, silent } from '../support/author';

const alert = about({ hosts: ['ws-1'] });

test('nothing in the way: everything in order', async () => {
  const { done, closed } = await play(${name}, alert);
  expect(done).toEqual([
    'collect_triage/host:ws-1',
    'isolate_host/host:ws-1',
    'scan_av/host:ws-1',
    'release/isolate_host/host:ws-1',
  ]);
  expect(closed).toBe(true);
});

test('denied, or nobody answers: it stays on the network, and what can be done still is', async () => {
  for (const fault of [denied('isolate_host'), silent('isolate_host')]) {
    const { done } = await play(${name}, alert, { faults: [fault] });
    expect(done).toEqual(['collect_triage/host:ws-1', 'scan_av/host:ws-1']);
  }
});

test('a step that fails undoes nothing, and a person is told', async () => {
  const { done, attention, closed } = await play(${name}, alert, { faults: [fails('isolate_host')] });
  expect(done).not.toContain('release/isolate_host/host:ws-1');
  expect(attention).toContain('Isolate host');
  expect(closed).toBe(false);
});
`;
}

/** The registry with one more playbook. Throws when its list is not where it is looked for. */
export function registered(registry: string, id: string): string {
  const name = nameOf(id);
  const line = `import { ${name} } from './playbooks/${id.replaceAll('_', '-')}';\n`;
  const at = registry.lastIndexOf('import { ');
  const end = registry.indexOf('\n', at) + 1;
  if (at < 0 || !LIST.test(registry))
    throw new Error(`${REGISTRY} has no list of playbooks that could be added to: add ${name} by hand.`);
  return (registry.slice(0, end) + line + registry.slice(end)).replace(
    LIST,
    (_all, head: string, list: string, tail: string) => {
      if (list.includes('\n')) return `${head}${list.trimEnd()},\n  ${name},\n${tail}`;
      return `${head}${list === '' ? '' : `${list}, `}${name}${tail}`;
    },
  );
}

/** Writes a new playbook with its test into a checkout and registers it. Overwrites nothing. Returns the files. */
export function scaffold(wanted: Wanted, root = ROOT): string[] {
  const { id } = wanted;
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(id) || id.length > 60)
    throw new Error(`The id of a playbook is snake_case, at most 60 characters: ${id} is not.`);
  if (/['\\\n]/.test(wanted.title)) throw new Error('--title: without quotes and backslashes, please.');
  if (wanted.answers.length === 0) throw new Error('--answers: name at least one technique or category.');
  const playbook = `workflows/playbooks/${id.replaceAll('_', '-')}.ts`;
  const test = testFileOf(id);
  for (const file of [playbook, test])
    if (existsSync(join(root, file))) throw new Error(`${file} is there already; nothing was changed.`);
  const registry = registered(readFileSync(join(root, REGISTRY), 'utf8'), id);
  writeFileSync(join(root, playbook), playbookText(wanted));
  writeFileSync(join(root, test), testText(wanted));
  writeFileSync(join(root, REGISTRY), registry);
  return [playbook, test, REGISTRY];
}
