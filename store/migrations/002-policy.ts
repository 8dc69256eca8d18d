import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  `CREATE TABLE approval_escalations (
    request_id text NOT NULL REFERENCES approval_requests, step integer NOT NULL, due_at timestamptz NOT NULL,
    people jsonb NOT NULL, channels jsonb NOT NULL, told_at timestamptz, PRIMARY KEY (request_id, step))`,
  `CREATE INDEX approval_escalations_due ON approval_escalations (due_at) WHERE told_at IS NULL`,
];

/** What approvals need beside requests and decisions. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
