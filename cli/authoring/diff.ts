import { diffArrays } from 'diff';
import type { Event, Explored } from '../../planner/explore';
import { lasting } from '../plan-text';
import { waysThrough } from './graph';

/** A line of a comparison: in both, only in the one, or only in the other. */
export interface Change {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** A playbook as lines in the order in which its runs come to things: each once, with all that it takes, on any way. */
function linesOf({ runs, ways }: Explored): string[] {
  const met = new Map<string, Event[]>();
  for (const event of runs.flat()) met.set(event.name, [...(met.get(event.name) ?? []), event]);
  return [...met.values()].map((events) => {
    const [first] = events;
    if (first === undefined) return '';
    if ('way' in first) {
      const taken = [...ways.keys()].filter((way) => way.startsWith(`${first.title} → `));
      return `${first.kind}: ${first.title} (${taken.map((way) => way.slice(first.title.length + 3)).join(', ')})`;
    }
    if (first.kind !== 'group') return first.title;
    const groups = events.flatMap((event) => (event.kind === 'group' ? [event] : []));
    const actions = [...new Set(groups.flatMap((group) => group.actions))];
    const leases = [...new Set(groups.flatMap((group) => group.leases))].map(lasting);
    return `${first.phase}: ${first.title} [${actions.join(', ')}]${leases.length === 0 ? '' : ` for ${leases.join(', ')}`}`;
  });
}

/** What two versions of a playbook do differently, as a diff of all that their runs come to. */
export async function diff(one: string, other: string): Promise<Change[]> {
  const parts = diffArrays(linesOf(await waysThrough(one)), linesOf(await waysThrough(other)));
  return parts.flatMap(({ value, added, removed }) =>
    value.map((text): Change => ({ sign: added ? '+' : removed ? '-' : ' ', text })),
  );
}
