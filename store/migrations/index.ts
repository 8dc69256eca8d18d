import type { Migration } from 'kysely';
import * as initial from './001-initial';
import * as policy from './002-policy';
import * as guardrails from './003-guardrails';
import * as notices from './005-notices';
import * as delegations from './006-delegations';
import * as consoleEvents from './010-console';

/** In order of their names. */
export const MIGRATIONS: Record<string, Migration> = {
  '001-initial': initial,
  '002-policy': policy,
  '003-guardrails': guardrails,
  '005-notices': notices,
  '006-delegations': delegations,
  '010-console': consoleEvents,
};
