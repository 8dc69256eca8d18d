import { z } from 'zod';
import { Sha256, type Target } from '../values';

export const CATEGORIES = [
  'detect',
  'investigate',
  'contain',
  'eradicate',
  'recover',
  'notify',
  'generic',
] as const;
export type ActionCategory = (typeof CATEGORIES)[number];

/** none: reads. low: easy to undo, few notice. high: stops somebody's work. irreversible: cannot be undone. */
export type Impact = 'none' | 'low' | 'high' | 'irreversible';

/**
 * How an effect stays single although calls are retried.
 * probe: state can be read before and after. key: the vendor drops repeats of one idempotency key.
 * at_least_once: a repeat does no harm (a second notification).
 */
export type Delivery = 'probe' | 'key' | 'at_least_once';

/** What the catalogue says of an action. Field names after Splunk SOAR apps, OpenC2, D3FEND, RE&CT, CACAO and OCSF. */
export interface ActionSpec<
  Id extends string,
  I extends z.ZodType,
  O extends z.ZodType,
  Inv extends string | null,
> {
  readonly id: Id;
  readonly title: string;
  readonly category: ActionCategory;
  readonly readOnly: boolean;
  readonly impact: Impact;
  /** The action that takes this one back; its input accepts this one's output. */
  readonly inverse: Inv;
  /** What happens to the effect when its run is aborted. Containment is always kept. */
  readonly onAbort: 'keep' | 'ask';
  readonly delivery: Delivery;
  /** A lease on this may lapse by itself when it expires; others are extended and escalated. */
  readonly mayLapse: boolean;
  readonly input: I;
  readonly output: O;
  readonly target: (input: z.output<I>) => Target;
  readonly d3fend: readonly string[];
  readonly react: readonly string[];
  readonly openc2: string;
  readonly cacao: string;
  readonly ocsf: { class_uid: number; activity_id: number } | null;
}

type SpecInput<Id extends string, I extends z.ZodType, O extends z.ZodType, Inv extends string | null> = Omit<
  ActionSpec<Id, I, O, Inv>,
  'onAbort' | 'mayLapse' | 'ocsf' | 'react' | 'd3fend'
> &
  Partial<Pick<ActionSpec<Id, I, O, Inv>, 'onAbort' | 'mayLapse' | 'ocsf' | 'react' | 'd3fend'>>;

/** Declares one action of the catalogue. */
export function defineAction<
  const Id extends string,
  I extends z.ZodType,
  O extends z.ZodType,
  const Inv extends string | null,
>(spec: SpecInput<Id, I, O, Inv>): ActionSpec<Id, I, O, Inv> {
  return { onAbort: 'keep', mayLapse: false, ocsf: null, react: [], d3fend: [], ...spec };
}

/** What an action that only reads has in common with the others: told twice, it reads twice. */
export const READS = {
  category: 'investigate',
  readOnly: true,
  impact: 'none',
  inverse: null,
  delivery: 'at_least_once',
} as const;

/** What an action that takes another one back has in common with the others. */
export const TAKES_BACK = {
  category: 'recover',
  readOnly: false,
  inverse: null,
  delivery: 'probe',
  cacao: 'restore-capabilities',
} as const;

/** What an action that stops something, and can be seen to be in force, has in common with the others. */
export const CONTAINS = {
  category: 'contain',
  readOnly: false,
  delivery: 'probe',
  cacao: 'restrict-access',
} as const;

/** The product's id of an effect, or whatever it needs to take back exactly this one. */
export const Token = z.string().max(4096);

/** Artefacts in the evidence store, by their hashes. */
export const Evidence = z
  .array(z.object({ name: z.string(), sha256: Sha256, bytes: z.number().int().nonnegative() }))
  .max(200);
