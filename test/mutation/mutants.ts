import { CATALOGUE } from './catalogue';
import { CHANNEL_MUTANTS } from './channels';
import { DEPLOYMENT } from './deployment';
import { CONSOLE } from './console';
import { DRILLS } from './drills';
import { EFFECTS } from './effects';
import { GUARD } from './guard';
import { GUARDRAIL_CHECKS } from './guardrails';
import type { Mutant } from './mutant';
import { PLANNER } from './planner';
import { INVERSES, PLAYBOOKS } from './playbooks';
import { POLICIES } from './policy';
import { STEERING } from './steering';
import { TARGETS_OF_ORDERS } from './targets';
import { WORD_CHECKS } from './words';

/** Every check and step whose loss a named test must notice. `npm run mutants` takes each out and demands it. */
export const MUTANTS: readonly Mutant[] = [
  ...GUARD,
  ...GUARDRAIL_CHECKS,
  ...POLICIES,
  ...EFFECTS,
  ...PLAYBOOKS,
  ...INVERSES,
  ...PLANNER,
  ...CHANNEL_MUTANTS,
  ...STEERING,
  ...DEPLOYMENT,
  ...TARGETS_OF_ORDERS,
  ...DRILLS,
  ...WORD_CHECKS,
  ...CATALOGUE,
  ...CONSOLE,
];
