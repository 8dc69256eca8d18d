import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  `CREATE TABLE delegations (
    id text PRIMARY KEY, from_person text NOT NULL REFERENCES people, to_person text NOT NULL REFERENCES people,
    until timestamptz NOT NULL, reason text NOT NULL, created_at timestamptz NOT NULL, revoked_at timestamptz,
    CHECK (from_person <> to_person))`,
  `CREATE INDEX delegations_to ON delegations (to_person)`,
  `ALTER TABLE decisions ADD COLUMN seat_of text`,
];

/** Who decides for whom, and until when. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
