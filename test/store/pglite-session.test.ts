import { PGlite } from '@electric-sql/pglite';
import { PGliteSession } from '../../store/pglite-session';

let pglite: PGlite;
let session: PGliteSession;

beforeAll(async () => {
  pglite = await PGlite.create();
  await pglite.exec(
    'CREATE TABLE things (id text PRIMARY KEY, n integer, big bigint, ok boolean, at timestamptz, data jsonb)',
  );
});
beforeEach(async () => {
  await pglite.exec('DELETE FROM things');
  session = new PGliteSession(pglite);
  await pglite.exec('DEALLOCATE ALL');
});
afterAll(() => pglite.close());

const INSERT = 'insert into things (id, n, big, ok, at, data) values ($1, $2, $3, $4, $5, $6)';
const prepared = async (): Promise<number> => {
  const { rows } = await pglite.query<{ n: number }>('SELECT count(*)::int AS n FROM pg_prepared_statements');
  return rows[0]?.n ?? -1;
};

test('rows and counts are those of PGlite itself, the first time and every other', async () => {
  const at = new Date('2026-11-25T08:00:00.123Z');
  const values = (id: string): unknown[] => [id, 7, '9007199254740993', true, at, JSON.stringify({ a: [1] })];
  for (const id of ['a', 'b'])
    await expect(session.query(INSERT, values(id))).resolves.toMatchObject({ affectedRows: 1, rows: [] });
  await session.query(INSERT, ['c', null, null, null, null, null]);
  for (const id of ['a', 'b', 'c', 'nobody']) {
    const text = 'select * from things where id = $1';
    const theirs = await pglite.query(text, [id]);
    expect((await session.query(text, [id])).rows).toEqual(theirs.rows);
  }
  await expect(session.query('update things set n = $1', [1])).resolves.toMatchObject({ affectedRows: 3 });
  await expect(
    session.query('delete from things where id in ($1, $2) returning id', ['a', 'b']),
  ).resolves.toMatchObject({ rows: [{ id: 'a' }, { id: 'b' }] });
});

test('an error names its state, and the session goes on', async () => {
  const row = ['a', 1, 1, false, new Date(0), '{}'];
  await session.query(INSERT, row);
  await expect(session.query(INSERT, row)).rejects.toMatchObject({ code: '23505' });
  await expect(session.query('select nothing from nowhere', [])).rejects.toMatchObject({ code: '42P01' });
  await expect(session.query('select id from things', [])).resolves.toMatchObject({ rows: [{ id: 'a' }] });
});

test('a transaction that failed takes nothing until it is rolled back', async () => {
  await session.command('BEGIN');
  await session.query(INSERT, ['a', 1, 1, false, new Date(0), '{}']);
  await expect(session.query('select 1 / $1::int as x', [0])).rejects.toMatchObject({ code: '22012' });
  await expect(session.query('select id from things', [])).rejects.toMatchObject({ code: '25P02' });
  await session.command('ROLLBACK');
  await expect(session.query('select id from things', [])).resolves.toMatchObject({ rows: [] });
});

test('a text is prepared once; the number of prepared statements is bounded', async () => {
  await session.query('select id from things', []);
  await session.query('\n    WITH one AS (SELECT 1 AS n)\n    SELECT n FROM one', []);
  expect(await prepared()).toBe(2);
  session = new PGliteSession(pglite);
  await pglite.exec('DEALLOCATE ALL');
  for (let n = 0; n < 10; n++) await session.query('select $1::int as x', [n]);
  await expect(prepared()).resolves.toBe(1);
  for (let n = 0; n < 450; n++) await session.query(`select ${String(n)} as x`, []);
  await expect(prepared()).resolves.toBe(400);
  await expect(session.query('select 3 as x', [])).resolves.toMatchObject({ rows: [{ x: 3 }] });
});

test('a change of a table reaches statements that were prepared before it', async () => {
  await session.query(INSERT, ['a', 1, 1, false, new Date(0), '{}']);
  await session.query('select * from things', []);
  await session.query("ALTER TABLE things ADD COLUMN added text DEFAULT 'x'", []);
  const { rows } = await session.query('select * from things', []);
  expect(rows).toEqual([expect.objectContaining({ id: 'a', added: 'x' })]);
  await session.query('ALTER TABLE things DROP COLUMN added', []);
});

test('more parameters than are prepared are taken too', async () => {
  const ids = Array.from({ length: 200 }, (_, n) => `id-${String(n)}`);
  const text = `insert into things (id) values ${ids.map((_, n) => `($${String(n + 1)})`).join(', ')}`;
  await expect(session.query(text, ids)).resolves.toMatchObject({ affectedRows: 200 });
  await expect(prepared()).resolves.toBe(0);
});
