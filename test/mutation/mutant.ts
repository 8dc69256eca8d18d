/** One check or one step taken out of the product, and the test that must notice. */
export interface Mutant {
  readonly what: string;
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly test: string;
  /** Part of the full name of a test in that file which must then fail. */
  readonly fails: string;
}

export const RUNNER = 'test/activities/runner.test.ts';
export const FORGED = 'test/activities/forged.test.ts';
export const PROTECTED = 'test/activities/protected.test.ts';
export const AUDIT = 'test/activities/audit.test.ts';
export const LEASE_CHANGES = 'test/activities/lease-changes.test.ts';
export const GATES = 'test/activities/gates.test.ts';
export const RACES = 'test/activities/races.test.ts';
export const SILENCE = 'test/activities/silence.test.ts';
export const POLICY = 'test/contracts/policy-rules.test.ts';
export const POLICY_FACTS = 'test/contracts/policy-facts.test.ts';
export const GUARD_FACTS = 'test/activities/policy-facts.test.ts';
export const VOTE_WEIGHT = 'test/server/vote-weight.test.ts';
export const SCHEDULES = 'test/cli/schedules.test.ts';
export const LOAD_DRILLS = 'test/cli/load-drills.test.ts';
export const LOAD = 'test/cli/load-config.test.ts';
export const ESCALATION = 'test/activities/escalation.test.ts';
export const QUORUM = 'test/contracts/quorum.test.ts';
export const DELEGATION = 'test/server/delegations.test.ts';
export const GLASS = 'test/server/break-glass.test.ts';
export const GUARDRAILS = 'test/activities/guardrails.test.ts';
export const SETTLE = 'test/activities/settle.test.ts';
export const LEASES = 'test/activities/leases.test.ts';
export const DRILL = 'test/activities/drill.test.ts';
export const DRILL_SERVER = 'test/server/drill.test.ts';
export const CORRELATE = 'test/store/correlate.test.ts';
export const CORRELATE_RACES = 'test/store/correlate-races.test.ts';
export const ENTITIES = 'test/contracts/correlation.test.ts';

type Row = readonly [what: string, find: string, replace: string, test: string, fails: string];

/** Mutants of one file. */
export const of = (file: string, rows: readonly Row[]): Mutant[] =>
  rows.map(([what, find, replace, test, fails]) => ({ what, file, find, replace, test, fails }));
