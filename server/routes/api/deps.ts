import type { PlaybookView } from '../../../contracts/api';
import type { ChannelConfig } from '../../../contracts/config';
import type { CorrelateOptions } from '../../../store/correlate';
import type { SealWitness } from '../../../store/seals';
import type { Store } from '../../../store/store';
import type { Notifier } from '../../notifier';
import { Problem } from '../../problem';

/** What the routes of the API work with. */
export interface ApiDeps {
  store: Store;
  playbooks: readonly PlaybookView[];
  /** How alerts are joined to incidents; for what a person starts or detaches. */
  correlation: CorrelateOptions;
  witness: () => SealWitness | undefined;
  channels: readonly ChannelConfig[];
  /** What tells people; none where this process tells nobody. */
  notifier?: Notifier | undefined;
  /** Something is in SQL that the dispatcher should see at once. */
  wake: () => void;
}

export const notFound = (what: string): Problem => new Problem(404, 'Not found', `There is no such ${what}.`);
