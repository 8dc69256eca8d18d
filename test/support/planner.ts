import type { Config } from '../../contracts/config';
import type { PlaybookGraph } from '../../contracts/graph';
import type { Plan, PlanInput } from '../../contracts/plan';
import { INTEGRATIONS } from '../../integrations';
import { createPlanner, type PlannerDeps } from '../../planner';
import { explore } from '../../planner/explore';
import { foretell } from '../../planner/foretell';
import { graphOf } from '../../planner/graph';
import { SOURCES } from '../../sources';
import type { Store } from '../../store/store';
import { PLAYBOOKS } from '../../workflows/registry';

/** A planner that works in this process, where a test sees all that it does. */
export function plannerHere(
  store: Store,
  config: Config,
  extra: Partial<PlannerDeps> = {},
): (input: PlanInput) => Promise<Plan> {
  return createPlanner({
    store,
    config,
    integrations: INTEGRATIONS,
    sources: SOURCES,
    playbooks: PLAYBOOKS,
    foretell: (facts) => foretell(facts, PLAYBOOKS),
    ...extra,
  });
}

/** All ways through a playbook, walked in this process. */
export async function exploreHere(ref: string): Promise<PlaybookGraph> {
  const playbook = PLAYBOOKS.find((one) => one.ref === ref);
  if (playbook === undefined) throw new Error(`There is no playbook ${ref}.`);
  return graphOf(await explore(playbook, PLAYBOOKS));
}
