import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // Whoever brought something into an incident by hand: where the policy has noSelfApproval, they do not approve in it.
  `CREATE TABLE incident_askers (
    incident text NOT NULL, person text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (incident, person))`,
  `INSERT INTO incident_askers (incident, person, at)
    SELECT incident, requested->>'person', min(received_at) FROM alerts
    WHERE incident IS NOT NULL AND requested IS NOT NULL AND jsonb_typeof(requested) = 'object'
    GROUP BY 1, 2`,
  `CREATE TABLE repeatable_requests (
    person text NOT NULL, key text NOT NULL, content text NOT NULL, answer jsonb, at timestamptz NOT NULL,
    PRIMARY KEY (person, key))`,
  // What a person took out: null where it left with a detached alert. `keys`: by which alerts about it were correlated.
  `ALTER TABLE detached_targets ADD COLUMN person text, ADD COLUMN reason text, ADD COLUMN keys jsonb`,
  `ALTER TABLE incidents ADD COLUMN target_seq integer NOT NULL DEFAULT 0`,
  `CREATE TABLE incident_targets (
    incident text NOT NULL, seq integer NOT NULL, keys jsonb NOT NULL, scope jsonb NOT NULL, person text NOT NULL,
    reason text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (incident, seq))`,
  `CREATE INDEX repeatable_requests_at ON repeatable_requests (at)`,
];

/** Who asked for what an incident does, and what people asked for once. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
