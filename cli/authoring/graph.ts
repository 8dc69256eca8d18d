import type { PlaybookGraph } from '../../contracts/graph';
import { playbookRef } from '../../contracts/plan';
import { explore, type Explored } from '../../planner/explore';
import { graphOf, mermaidOf } from '../../planner/graph';
import { svgOf } from '../../planner/graph-svg';
import { PLAYBOOKS } from '../../workflows/registry';

export { mermaidOf, svgOf };

/** All ways through a playbook of this folder's code, `id` or `id@version`, without a server. */
export async function waysThrough(playbook: string): Promise<Explored> {
  const ref = playbookRef(playbook, PLAYBOOKS);
  const [found] = PLAYBOOKS.filter((one) => one.ref === ref);
  if (found === undefined) throw new Error(`There is no playbook ${playbook}.`);
  return explore(found, PLAYBOOKS);
}

/** The same as one picture. */
export async function graph(playbook: string): Promise<PlaybookGraph> {
  return graphOf(await waysThrough(playbook));
}
