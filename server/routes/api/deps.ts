import { z } from 'zod';
import type { Alert } from '../../../contracts/alert';
import type { PlaybookView } from '../../../contracts/api';
import type { ChannelConfig, Config } from '../../../contracts/config';
import type { PlaybookGraph } from '../../../contracts/graph';
import type { Plan, PlanInput } from '../../../contracts/plan';
import type { Json } from '../../../contracts/values';
import type { CorrelateOptions } from '../../../store/correlate';
import type { SealWitness } from '../../../store/seals';
import type { Store } from '../../../store/store';
import type { Notifier } from '../../notifier';
import { Problem } from '../../problem';

/** What the routes of the API work with. */
export interface ApiDeps {
  store: Store;
  config: Pick<Config, 'policy' | 'connections' | 'budgets' | 'drills'>;
  playbooks: readonly PlaybookView[];
  /** How alerts are joined to incidents; for what a person starts or detaches. */
  correlation: CorrelateOptions;
  /** Makes a plan; a CordonError says why there is none. */
  plan: (input: PlanInput) => Promise<Plan>;
  /** All ways through a playbook; a CordonError says why there is no picture of them. */
  graph: (playbook: string) => Promise<PlaybookGraph>;
  /** The alerts of what a source sends; a ZodError or a CordonError says why there are none. */
  readAlerts: (sent: { alert: Json; source?: string | undefined }, now: Date) => Alert[];
  /** When a scheduled drill starts next, ISO 8601; null when it is not known. */
  nextDrillAt?: ((drill: string) => Promise<string | null>) | undefined;
  witness: () => SealWitness | undefined;
  channels: readonly ChannelConfig[];
  /** What tells people; none where this process tells nobody. */
  notifier?: Notifier | undefined;
  /** Something is in SQL that the dispatcher should see at once. */
  wake: () => void;
}

/** The same key is the same request, however often it is sent. */
export const Idempotency = z.object({
  'Idempotency-Key': z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, 'expected 1 to 200 visible characters')
    .optional(),
});

/** The key of a request, if it has one. */
export const keyOf = (header: (name: string) => string | undefined): string | undefined =>
  Idempotency.parse({ 'Idempotency-Key': header('idempotency-key') })['Idempotency-Key'];

export const keyReused = (): Problem =>
  new Problem(409, 'Conflict', 'This Idempotency-Key was used for another request.');

export const notFound = (what: string): Problem => new Problem(404, 'Not found', `There is no such ${what}.`);
