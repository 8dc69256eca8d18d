import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  `CREATE TABLE notices (
    id bigserial PRIMARY KEY, channel text NOT NULL, request_id text NOT NULL, event text NOT NULL, recipient text NOT NULL,
    dedupe text NOT NULL UNIQUE, details jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('due', 'sent', 'skipped', 'failed')), wanted integer NOT NULL DEFAULT 1,
    attempts integer NOT NULL DEFAULT 0, created_at timestamptz NOT NULL, next_at timestamptz NOT NULL,
    done_at timestamptz, error text, posted text)`,
  `CREATE INDEX notices_due ON notices (channel, next_at) WHERE state = 'due'`,
  `CREATE INDEX notices_request ON notices (request_id, channel)`,
  `CREATE INDEX notices_done ON notices (done_at) WHERE state <> 'due'`,
  `CREATE INDEX outbox_notices ON outbox (id) WHERE kind = 'notice' AND done_at IS NULL`,
];

/** What people are told, and whether it reached them. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
