import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endpoint, identity } from '../../contracts/actions';
import { createGraphs } from '../../planner';
import { explore } from '../../planner/explore';
import { graphOf, mermaidOf } from '../../planner/graph';
import { svgOf } from '../../planner/graph-svg';
import { exploreInThread } from '../../planner/in-thread';
import { defineQuestion } from '../../workflows/kit/ask';
import { definePlaybook, type Playbook } from '../../workflows/kit/define-playbook';
import { PLAYBOOKS } from '../../workflows/registry';

const question = defineQuestion({
  id: 'wipe_it',
  title: 'May it be <wiped>?',
  why: 'It cannot be undone.',
  fields: { wipe: { type: 'boolean', label: 'Wipe' }, why: { type: 'text', label: 'Why', required: false } },
  roles: ['lead'],
  within: '4h',
  onSilence: { wipe: false },
});

const example = definePlaybook(
  { id: 'example', version: 1, title: 'Example', answers: [] },
  async ({ scope, collect, contain, eradicate, release, decide, ask, watch }) => {
    await collect('Look first', scope.hosts, (host) => endpoint.collectTriage({ host }));
    await Promise.all([
      contain('Cut off', scope.hosts, (host) => endpoint.isolateHost({ host }), { lease: '1h' }),
      contain('Stop', scope.accounts, (account) => identity.disableAccount({ account }), { lease: '1h' }),
    ]);
    const kind = decide('Kind of damage', 'none', ['none', 'files', 'boot record']);
    if (kind === 'boot record') {
      const { wipe } = await ask(question);
      if (wipe) return;
    }
    if (decide('Any files', scope.files.size > 0))
      await eradicate('Clean', scope.hosts, (host) => endpoint.scanAv({ host }), {
        onFind: 'quarantine',
        lease: '1h',
      });
    await release(scope.hosts, { when: 'clean' });
    await watch('1h', { onRecurrence: 'contain' });
  },
);
const explored = (playbook: Playbook) => explore(playbook, [playbook]);

test('every way of each decision and question is walked, silence too', async () => {
  const { ways, runs, isCut } = await explored(example);
  expect([...ways.keys()].sort()).toEqual([
    'Any files → no',
    'Any files → yes',
    'Kind of damage → boot record',
    'Kind of damage → files',
    'Kind of damage → none',
    'May it be <wiped>? → Wipe: no',
    'May it be <wiped>? → Wipe: yes',
    'May it be <wiped>? → silence',
  ]);
  expect(runs).toHaveLength(9);
  expect(isCut).toBe(false);
});

test('the graph has what is done with its actions, in the order of doing, side by side where it is so', async () => {
  const { nodes, edges } = graphOf(await explored(example));
  const titles = new Map(nodes.map(({ id, title }) => [id, title]));
  const arrows = edges.map(
    ({ from, to, way }) =>
      `${titles.get(from) ?? ''} -${way === undefined ? '' : ` ${way} `}-> ${titles.get(to) ?? ''}`,
  );
  expect(arrows.sort()).toEqual(
    [
      'Alert --> Look first',
      'Look first --> Cut off',
      'Look first --> Stop',
      'Cut off --> Kind of damage',
      'Stop --> Kind of damage',
      'Kind of damage - none -> Any files',
      'Kind of damage - files -> Any files',
      'Kind of damage - boot record -> May it be <wiped>?',
      'May it be <wiped>? - Wipe: yes -> Closed',
      'May it be <wiped>? - Wipe: no -> Any files',
      'May it be <wiped>? - silence -> Any files',
      'Any files - yes -> Clean',
      'Any files - no -> Release hosts',
      'Clean --> Release hosts',
      'Release hosts --> Watch for its return',
      'Watch for its return --> Closed',
    ].sort(),
  );
  expect(nodes.find(({ title }) => title === 'Clean')).toMatchObject({
    phase: 'eradication',
    actions: ['endpoint.scan_av', 'endpoint.quarantine_file'],
  });
  expect(nodes.find(({ title }) => title === 'Release hosts')?.actions).toEqual([
    'undo endpoint.isolate_host',
  ]);
});

test('an author’s words are text in the pictures', async () => {
  const graph = graphOf(await explored(example));
  expect(mermaidOf(graph)).toContain('[/"May it be &lt;wiped>?"/]');
  const svg = svgOf(graph);
  expect(svg).toContain('May it be &lt;wiped&gt;?');
  expect(svg).not.toMatch(/<wiped>|<script|https?:\/\/(?!www\.w3\.org)/);
  expect(svg.match(/<text /g)?.length).toBeGreaterThan(graph.nodes.length);
});

test('a playbook with more ways than are walked says so, and one that breaks says where', async () => {
  const many = definePlaybook({ id: 'many', version: 1, title: 'Many', answers: [] }, ({ decide }) => {
    for (let n = 0; n < 12; n++) decide(`Way ${String(n)}`, true);
    return Promise.resolve();
  });
  const { runs, isCut, ways } = await explored(many);
  expect(runs).toHaveLength(300);
  expect(isCut).toBe(true);
  expect(ways.size).toBe(24);
  const broken = definePlaybook({ id: 'broken', version: 1, title: 'Broken', answers: [] }, ({ decide }) => {
    if (decide('Fine', true)) throw new Error('this way is not fine');
    return Promise.resolve();
  });
  await expect(explored(broken)).rejects.toThrow(/broken@1 fails on an example: .*this way is not fine/s);
  const against = definePlaybook(
    { id: 'against', version: 1, title: 'Against', answers: [] },
    ({ decide }) => {
      if (!decide('Fine', true)) throw new Error('cannot be');
      return Promise.resolve();
    },
  );
  expect([...(await explored(against)).ways.keys()]).toEqual(['Fine → yes']);
});

test('a graph is made once for all who ask, by name or by version; what failed is tried again', async () => {
  let made = 0;
  const graphs = createGraphs(PLAYBOOKS, (ref) => {
    made += 1;
    if (made === 1) return Promise.reject(new Error('no'));
    return Promise.resolve({ ref, title: '', nodes: [], edges: [], isCut: false });
  });
  await expect(graphs('ransomware@1')).rejects.toThrow('no');
  const [one, two] = await Promise.all([graphs('ransomware@1'), graphs('ransomware@1')]);
  expect(one).toBe(two);
  expect(made).toBe(2);
  await expect(graphs('nothing')).rejects.toThrow(/there is no nothing/);
});

test('it is walked in a thread of its own for the server', async () => {
  expect((await exploreInThread('ransomware@1')).nodes.map(({ title }) => title)).toContain(
    'Cut the hosts off',
  );
});

const PICTURES = join(__dirname, '../../docs/playbook-graphs.md');

test('the pictures in the docs are those of the playbooks', async () => {
  const parts: string[] = [];
  for (const playbook of PLAYBOOKS) {
    const graph = graphOf(await explore(playbook, PLAYBOOKS));
    expect(graph.isCut).toBe(false);
    parts.push(`## ${playbook.title} (\`${playbook.ref}\`)\n\n\`\`\`mermaid\n${mermaidOf(graph)}\`\`\`\n`);
  }
  const text = `# The playbooks as pictures

Made from the playbooks' own code: every way that their decisions and questions open, run on a virtual clock. \`npx cordon playbooks
graph <playbook>\` makes one. After a change of a playbook: \`UPDATE_GRAPHS=1 npx jest test/planner/graph\`.

${parts.join('\n')}`;
  if (process.env['UPDATE_GRAPHS'] === '1') writeFileSync(PICTURES, text);
  expect(readFileSync(PICTURES, 'utf8')).toBe(text);
});
