import type { GraphEdge, GraphNode, PlaybookGraph } from '../contracts/graph';
import type { Event, Explored } from './explore';

const nodeOf = (event: Event): GraphNode => ({
  id: event.name,
  kind: event.kind,
  title: event.title,
  ...(event.kind === 'group' ? { phase: event.phase, actions: [...event.actions] } : {}),
});

/** What a run comes to, step by step; what is done side by side is one step. Back at what it was at already, it goes on from where it was. */
function stepsOf(events: readonly Event[]): Event[][] {
  const steps: Event[][] = [];
  const met = new Set<string>();
  let stage = -1;
  for (const event of events) {
    const isNew = !met.has(event.name);
    met.add(event.name);
    if (!isNew && !('way' in event)) continue;
    if (event.kind === 'group' && event.stage === stage) steps.at(-1)?.push(event);
    else steps.push([event]);
    stage = event.kind === 'group' ? event.stage : -1;
  }
  return steps;
}

/** A group asks for several waves: what a scan finds is quarantined, a backup that proves good is restored. */
const actionsOf = (events: readonly Event[], name: string, before: readonly string[] = []): string[] => [
  ...new Set([
    ...before,
    ...events.flatMap((event) => (event.kind === 'group' && event.name === name ? event.actions : [])),
  ]),
];

/** One picture of all ways through a playbook: what is done, decided and asked, in the order in which runs come to it. */
export function graphOf({ ref, title, runs, isCut }: Explored): PlaybookGraph {
  const nodes = new Map<string, GraphNode>([['start', { id: 'start', kind: 'start', title: 'Alert' }]]);
  const edges = new Map<string, GraphEdge>();
  for (const events of runs) {
    let from: { id: string; way?: string }[] = [{ id: 'start' }];
    for (const step of stepsOf(events)) {
      for (const event of step) {
        const known = nodes.get(event.name);
        const node = nodeOf(event);
        const actions = actionsOf(events, event.name, known?.actions);
        nodes.set(event.name, { ...node, ...(actions.length === 0 ? {} : { actions }) });
        for (const { id, way } of from)
          if (id !== event.name)
            edges.set(JSON.stringify([id, event.name, way]), {
              from: id,
              to: event.name,
              ...(way === undefined ? {} : { way }),
            });
      }
      from = step.map((event) => ({ id: event.name, ...('way' in event ? { way: event.way } : {}) }));
    }
  }
  return { ref, title, nodes: [...nodes.values()], edges: [...edges.values()], isCut };
}

/** What the phases look like in a picture. */
export const PHASE_COLOURS: Readonly<Record<string, string>> = {
  analysis: '#d0ebff',
  containment: '#ffe3e3',
  eradication: '#fff3bf',
  recovery: '#d3f9d8',
};

/** Text inside quotes of Mermaid: titles are an author's words. */
const quoted = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

/** The graph as a Mermaid flowchart. https://mermaid.js.org/syntax/flowchart.html */
export function mermaidOf({ nodes, edges }: PlaybookGraph): string {
  const ids = new Map(nodes.map(({ id }, index) => [id, `n${String(index)}`]));
  const shape = ({ kind, title, actions = [] }: GraphNode): string => {
    const label = [title, ...actions].map(quoted).join('<br/>');
    if (kind === 'decision') return `{"${label}"}`;
    if (kind === 'question') return `[/"${label}"/]`;
    return kind === 'group' ? `["${label}"]` : `(["${label}"])`;
  };
  const lines = nodes.map(
    (node) =>
      `  ${ids.get(node.id) ?? ''}${shape(node)}${node.phase === undefined ? '' : `:::${node.phase}`}`,
  );
  const arrows = edges.map(({ from, to, way }) => {
    const label = way === undefined ? '' : `|"${quoted(way)}"|`;
    return `  ${ids.get(from) ?? ''} -->${label} ${ids.get(to) ?? ''}`;
  });
  const classes = Object.entries(PHASE_COLOURS).map(
    ([phase, colour]) => `  classDef ${phase} fill:${colour},stroke:#495057,color:#212529`,
  );
  return ['flowchart TD', ...lines, ...arrows, ...classes, ''].join('\n');
}
