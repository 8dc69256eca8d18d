import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // The length that it was taken for, how often silence extended it since a person looked, and when people were asked.
  `ALTER TABLE leases ADD COLUMN length_seconds integer, ADD COLUMN extensions integer NOT NULL DEFAULT 0,
    ADD COLUMN asked_at timestamptz`,
  // When an audit first found that the product no longer has it; null while it has.
  `ALTER TABLE leases ADD COLUMN lost_at timestamptz`,
  `CREATE TABLE lease_audits (
    id text PRIMARY KEY, asked_by text NOT NULL, asked_at timestamptz NOT NULL, finished_at timestamptz, rows jsonb)`,
  `CREATE INDEX lease_audits_finished ON lease_audits (finished_at DESC)`,
];

/** What people are asked about leases, and audits of what is contained. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
