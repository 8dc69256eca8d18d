import type { AlertView } from '../contracts/alert';
import type { Asset } from '../contracts/assets';
import type { Config, ConnectionConfig } from '../contracts/config';
import type { Integration } from '../contracts/integration';
import type { Assumption } from '../contracts/plan';
import type { Policy } from '../contracts/policy';
import type { Mode, Role } from '../contracts/values';

/** What is known of an integration without connecting to anything. */
export type IntegrationFacts = Pick<Integration, 'id' | 'title' | 'simulated' | 'actions'>;

/**
 * All that a plan is made of: plain data without a secret or a handle. What makes a plan of it can reach nothing, because it has
 * nothing to reach with.
 */
export interface PlanFacts {
  /** The moment that the plan speaks of, ISO 8601. */
  readonly at: string;
  /** `id@version` */
  readonly playbook: string;
  readonly mode: Mode;
  readonly severity: number;
  readonly startedBy: string;
  /** Authors of the version of the playbook. */
  readonly authors: readonly string[];
  readonly policy: Policy;
  readonly policyVersion: string;
  readonly alerts: AlertView[];
  readonly assume: Assumption[];
  readonly assets: readonly Asset[];
  readonly connections: readonly Omit<ConnectionConfig, 'config'>[];
  readonly integrations: readonly IntegrationFacts[];
  readonly budgets: Config['budgets'];
  /** Times, in ms since the epoch, at which units were taken inside the window, by the name of a budget's share. */
  readonly usedAt: Readonly<Record<string, number[]>>;
  readonly maintenance: Config['maintenance'];
  readonly killSwitch: boolean;
  /** Active people. */
  readonly people: readonly { id: string; roles: Role[] }[];
  /** What is contained now. */
  readonly inForce: readonly {
    connection: string;
    action: string;
    target: string;
    weDidIt: boolean;
    incidents: string[];
  }[];
  readonly notes: readonly string[];
}

/** The configuration's part of the facts, secrets left behind. */
export function configFacts(
  config: Pick<Config, 'connections' | 'assets' | 'budgets' | 'maintenance'>,
  integrations: ReadonlyMap<string, IntegrationFacts>,
): Pick<PlanFacts, 'assets' | 'connections' | 'integrations' | 'budgets' | 'maintenance'> {
  return {
    assets: config.assets,
    budgets: config.budgets,
    maintenance: config.maintenance,
    connections: config.connections.map(({ config: _secrets, ...rest }) => rest),
    integrations: [...integrations.values()].map(({ id, title, simulated, actions }) => ({
      id,
      title,
      simulated,
      actions,
    })),
  };
}
