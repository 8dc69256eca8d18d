import { CHANNEL_MUTANTS } from './channels';
import { EFFECTS } from './effects';
import { GUARD } from './guard';
import type { Mutant } from './mutant';
import { INVERSES, PLAYBOOKS } from './playbooks';

/** Every check and step whose loss a named test must notice. `npm run mutants` takes each out and demands it. */
export const MUTANTS: readonly Mutant[] = [
  ...GUARD,
  ...EFFECTS,
  ...PLAYBOOKS,
  ...INVERSES,
  ...CHANNEL_MUTANTS,
];
