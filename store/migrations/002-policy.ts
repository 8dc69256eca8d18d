import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  `CREATE TABLE approval_escalations (
    request_id text NOT NULL REFERENCES approval_requests, step integer NOT NULL, due_at timestamptz NOT NULL,
    people jsonb NOT NULL, channels jsonb NOT NULL, told_at timestamptz, PRIMARY KEY (request_id, step))`,
  `CREATE INDEX approval_escalations_due ON approval_escalations (due_at) WHERE told_at IS NULL`,
  `ALTER TABLE decisions DROP CONSTRAINT decisions_verdict_check`,
  `ALTER TABLE decisions ADD CONSTRAINT decisions_verdict_check CHECK (verdict IN ('approve', 'deny', 'withdraw', 'break_glass'))`,
  `CREATE TABLE reviews (
    id text PRIMARY KEY, incident text NOT NULL, request_id text NOT NULL REFERENCES approval_requests, person text NOT NULL,
    reason text NOT NULL, items jsonb NOT NULL, opened_at timestamptz NOT NULL, closed_at timestamptz, closed_by text, note text)`,
  `CREATE INDEX reviews_open ON reviews (incident) WHERE closed_at IS NULL`,
];

/** What approvals need beside requests and decisions. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
