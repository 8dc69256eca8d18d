import type { Migration } from 'kysely';
import * as initial from './001-initial';
import * as policy from './002-policy';
import * as guardrails from './003-guardrails';
import * as notices from './005-notices';
import * as delegations from './006-delegations';
import * as steering from './007-steering';
import * as questions from './009-questions';
import * as consoleEvents from './010-console';

/** In order of their names. */
export const MIGRATIONS: Record<string, Migration> = {
  '001-initial': initial,
  '002-policy': policy,
  '003-guardrails': guardrails,
  '005-notices': notices,
  '006-delegations': delegations,
  '007-steering': steering,
  '009-questions': questions,
  '010-console': consoleEvents,
};
