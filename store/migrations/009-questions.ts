import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  `CREATE TABLE questions (
    id text PRIMARY KEY, incident text NOT NULL, name text NOT NULL, about text NOT NULL, occurrence integer NOT NULL,
    form jsonb NOT NULL, status text NOT NULL CHECK (status IN ('open', 'answered', 'lapsed', 'withdrawn')),
    asked_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, UNIQUE (incident, name, about, occurrence))`,
  `CREATE INDEX questions_open ON questions (asked_at) WHERE status = 'open'`,
  `CREATE TABLE answers (
    question text PRIMARY KEY REFERENCES questions, answer_id text NOT NULL, answer jsonb NOT NULL, answered_by text NOT NULL,
    channel text NOT NULL, at timestamptz NOT NULL)`,
  `CREATE TABLE run_tellings (incident text NOT NULL, n integer NOT NULL, PRIMARY KEY (incident, n))`,
];

/** Questions of runs, the one answer that each has, and what runs have told already. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
