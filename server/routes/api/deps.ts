import type { PlaybookView } from '../../../contracts/api';
import type { ChannelConfig, Config } from '../../../contracts/config';
import type { Plan, PlanInput } from '../../../contracts/plan';
import type { CorrelateOptions } from '../../../store/correlate';
import type { SealWitness } from '../../../store/seals';
import type { Store } from '../../../store/store';
import type { Notifier } from '../../notifier';
import { Problem } from '../../problem';

/** What the routes of the API work with. */
export interface ApiDeps {
  store: Store;
  config: Pick<Config, 'policy' | 'connections' | 'budgets'>;
  playbooks: readonly PlaybookView[];
  /** How alerts are joined to incidents; for what a person starts or detaches. */
  correlation: CorrelateOptions;
  /** Makes a plan; a CordonError says why there is none. */
  plan: (input: PlanInput) => Promise<Plan>;
  witness: () => SealWitness | undefined;
  channels: readonly ChannelConfig[];
  /** What tells people; none where this process tells nobody. */
  notifier?: Notifier | undefined;
  /** Something is in SQL that the dispatcher should see at once. */
  wake: () => void;
}

export const notFound = (what: string): Problem => new Problem(404, 'Not found', `There is no such ${what}.`);
