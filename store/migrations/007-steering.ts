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
  `CREATE INDEX repeatable_requests_at ON repeatable_requests (at)`,
];

/** Who asked for what an incident does, and what people asked for once. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
