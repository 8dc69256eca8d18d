import type { Alert } from '../contracts/alert';
import { AssetIndex } from '../contracts/assets';
import type { Config } from '../contracts/config';
import { soughtKeys, viewOf } from '../contracts/correlation';
import { CordonError } from '../contracts/errors';
import type { PlaybookGraph } from '../contracts/graph';
import { playbookRef, type Plan, type PlanInput } from '../contracts/plan';
import type { Source } from '../contracts/source';
import { policyVersionOf } from '../store/policies';
import { planState, type PlanState } from '../store/plan-facts';
import type { Store } from '../store/store';
import { alertsOf } from '../sources/alerts-of';
import { configFacts, type IntegrationFacts, type PlanFacts } from './facts';
import { exploreInThread, foretellInThread } from './in-thread';

/** Plans that are made at the same time; each has a thread. */
const AT_ONCE = 2;

export interface PlannerDeps {
  config: Pick<
    Config,
    'connections' | 'sources' | 'assets' | 'policy' | 'budgets' | 'maintenance' | 'correlation' | 'people'
  >;
  integrations: ReadonlyMap<string, IntegrationFacts>;
  sources: ReadonlyMap<string, Source>;
  playbooks: readonly { id: string; version: number; ref: string; authors?: readonly string[] }[];
  /** Makes the plan of the facts. */
  foretell?: (facts: PlanFacts) => Promise<Plan>;
}

/** The facts of a plan: configuration and alert, with the state of things where it is known. */
function factsOf(deps: PlannerDeps, input: PlanInput, alerts: readonly Alert[], state: PlanState): PlanFacts {
  const { config } = deps;
  const assets = new AssetIndex(config.assets);
  const [first] = alerts;
  const playbook = playbookRef(input.playbook, deps.playbooks);
  return {
    ...configFacts(config, deps.integrations),
    at: state.at.toISOString(),
    playbook,
    authors: deps.playbooks.find(({ ref }) => ref === playbook)?.authors ?? [],
    mode: 'live',
    severity: Math.max(...alerts.map(({ severity }) => severity)),
    startedBy: `source:${first?.source ?? ''}`,
    policy: config.policy,
    policyVersion: policyVersionOf(config.policy),
    alerts: alerts.map((alert, index) =>
      viewOf(alert, { id: `alert-${String(index + 1)}`, seq: index + 1 }, assets),
    ),
    assume: [...new Set(input.assume)],
    usedAt: state.usedAt,
    killSwitch: state.killSwitch,
    people: state.people,
    inForce: state.inForce,
    notes: [
      ...(alerts.length > 1 ? [`The ${String(alerts.length)} alerts are taken as one incident.`] : []),
      ...(state.wouldJoin.length > 0
        ? [
            `An open incident knows these entities: the alert would join ${state.wouldJoin.join(', ')}, whose playbook goes on.`,
          ]
        : []),
    ],
  };
}

/** Makes plans over the state of a store. Nothing is written, connected to or started. */
export function createPlanner(deps: PlannerDeps & { store: Store }): (input: PlanInput) => Promise<Plan> {
  const { store, config, foretell = foretellInThread } = deps;
  let underWay = 0;
  return async (input) => {
    if (underWay >= AT_ONCE)
      throw new CordonError('rate_limited', `${String(AT_ONCE)} plans are being made: ask again.`);
    underWay += 1;
    try {
      const now = await store.now();
      const alerts = alertsOf(input, config.sources, deps.sources, now.getTime());
      const assets = new AssetIndex(config.assets);
      const state = await planState(store, {
        budgets: config.budgets,
        keys: [...new Set(alerts.flatMap((alert) => soughtKeys(alert, assets)))],
        windowMinutes: config.correlation.windowMinutes,
      });
      return await foretell(factsOf(deps, input, alerts, state));
    } finally {
      underWay -= 1;
    }
  };
}

/** Who decides where the configuration names nobody: the person that the first start lets in. */
const LOCAL: PlanState['people'] = [{ id: 'local', roles: ['admin', 'lead', 'analyst', 'engineer'] }];

/** A plan of the configuration alone: as if nothing were contained, no budget used and the kill switch off. */
export async function planOffline(deps: PlannerDeps, input: PlanInput): Promise<Plan> {
  const { config, foretell = foretellInThread } = deps;
  const at = new Date();
  const alerts = alertsOf(input, config.sources, deps.sources, at.getTime());
  const people = config.people.length === 0 ? LOCAL : config.people;
  const plan = await foretell(
    factsOf(deps, input, alerts, {
      at,
      people,
      killSwitch: false,
      inForce: [],
      usedAt: {},
      wouldJoin: [],
    }),
  );
  const note =
    'Made offline, of the configuration alone: kill switch, budgets in use, containments and open incidents are not known.';
  return { ...plan, notes: [note, ...plan.notes] };
}

/** The graphs of playbooks by `id@version` or `id`, each made once. What failed is tried again when it is asked for again. */
export function createGraphs(
  playbooks: PlannerDeps['playbooks'],
  explore: (ref: string) => Promise<PlaybookGraph> = exploreInThread,
): (playbook: string) => Promise<PlaybookGraph> {
  const made = new Map<string, Promise<PlaybookGraph>>();
  return async (playbook) => {
    const ref = playbookRef(playbook, playbooks);
    const known = made.get(ref) ?? explore(ref);
    made.set(ref, known);
    try {
      return await known;
    } catch (error) {
      made.delete(ref);
      throw error;
    }
  };
}
