import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // Which transaction appended the entry. Added without the default first: entries that are there keep null, and no row is rewritten.
  `ALTER TABLE journal ADD COLUMN tx xid8`,
  `ALTER TABLE journal ALTER COLUMN tx SET DEFAULT pg_current_xact_id()`,
  `CREATE INDEX journal_tx ON journal (tx) WHERE tx IS NOT NULL`,
];

/** An order over all chains in which what changed can be read on from where one was. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
