import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // The length that it was taken for, how often silence extended it since a person looked, and when people were asked.
  `ALTER TABLE leases ADD COLUMN length_seconds integer, ADD COLUMN extensions integer NOT NULL DEFAULT 0,
    ADD COLUMN asked_at timestamptz`,
  // When an audit first found that the product no longer has it; null while it has.
  `ALTER TABLE leases ADD COLUMN lost_at timestamptz`,
  // When calls were made, of those that still count; and connections that do not answer.
  `CREATE TABLE connection_limits (connection text PRIMARY KEY, taken timestamptz[] NOT NULL)`,
  `CREATE TABLE connection_breakers (
    connection text PRIMARY KEY, failures integer NOT NULL, failing_since timestamptz NOT NULL, opened_at timestamptz,
    trial_at timestamptz, last_error text NOT NULL)`,
  `CREATE TABLE lease_audits (
    id text PRIMARY KEY, asked_by text NOT NULL, asked_at timestamptz NOT NULL, finished_at timestamptz, rows jsonb)`,
  `CREATE INDEX lease_audits_finished ON lease_audits (finished_at DESC)`,
];

/** What people are asked about leases, audits of what is contained, and what stands before a connection. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
