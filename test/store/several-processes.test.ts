import { appendFileSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { SYSTEM_CHAIN } from '../../contracts/journal';
import { appendJournal } from '../../store/journal';
import { createFirstToken, createToken, personOfToken, savePerson } from '../../store/people';
import { openInstallationSealer, readWitness, sealJournal, type Sealer } from '../../store/seals';
import { inTransaction, isDatabaseAway, openStore, type Store } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import { startPostgres, type Postgres } from '../support/store';

let postgres: Postgres;
let stores: Store[];
let folder: string;
beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);
afterAll(() => {
  postgres.remove();
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cordon-several-'));
  const databaseUrl = await postgres.newDatabase();
  // They also migrate side by side, as processes that start together do.
  stores = await Promise.all([1, 2, 3].map(() => openStore({ databaseUrl })));
}, 60_000);
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  rmSync(folder, { recursive: true, force: true });
});

const store = (n = 0): Store => stores[n % stores.length] as Store;
const note = (n: number): Promise<void> =>
  inTransaction(store(n), async (tx) =>
    appendJournal(tx, {
      incident: `INC-2026-00000${String(n % 5)}`,
      at: new Date(),
      actor: 'cordon',
      kind: 'note_added',
      data: { text: String(n) },
    }),
  );
const kinds = async (kind: string): Promise<number> =>
  (
    await store()
      .db.selectFrom('journal')
      .select('seq')
      .where('incident', '=', SYSTEM_CHAIN)
      .where('kind', '=', kind)
      .execute()
  ).length;

test('processes that start together make one first token, which is valid, and add each person once', async () => {
  const kept: string[] = [];
  const local = { id: 'local', name: 'Local', roles: ['admin' as const] };
  const made = await Promise.all(
    Array.from({ length: 12 }, async (_, n) => {
      await savePerson(store(n), { id: 'lea', name: 'Lea', roles: ['lead'] });
      return createFirstToken(store(n), local, (token) => kept.push(token));
    }),
  );
  const tokens = made.filter((token) => token !== undefined);
  expect(tokens).toHaveLength(1);
  expect(kept).toEqual(tokens);
  expect(await personOfToken(store(), tokens[0] ?? '')).toMatchObject({ id: 'local' });
  expect(await kinds('person_added')).toBe(2);
  expect(await kinds('token_created')).toBe(1);
});

test('a token that could not be kept is not valid: the next start makes another', async () => {
  const local = { id: 'local', name: 'Local', roles: ['admin' as const] };
  const broken = createFirstToken(store(), local, () => {
    throw new Error('the disk is full');
  });
  await expect(broken).rejects.toThrow('the disk is full');
  expect(await createFirstToken(store(), local, () => undefined)).toBeDefined();
});

test('a token that was made by one process is valid in another; once there is one, no first token is made', async () => {
  const lea = { id: 'lea', name: 'Lea', roles: ['lead' as const] };
  await savePerson(store(), lea);
  const token = await createToken(store(), 'lea', 'by hand');
  expect(await personOfToken(store(1), token)).toEqual(lea);
  expect(await createFirstToken(store(1), lea, () => undefined)).toBeUndefined();
});

describe('sealing by several processes', () => {
  test('makes one chain and one line a seal, and verifies', async () => {
    const sealers = await Promise.all(stores.map((one) => openInstallationSealer(one, folder)));
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(Array.from({ length: 6 }, (_, n) => note(n)));
      await Promise.all(Array.from({ length: 9 }, (_, n) => sealJournal(store(n), sealers[n % 3] as Sealer)));
    }
    const lines = readFileSync(join(folder, 'journal-seals.jsonl'), 'utf8').trim().split('\n');
    const numbers = lines.map((line) => (JSON.parse(line) as { n: number }).n);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeGreaterThanOrEqual(5);
    expect(await verifyJournal(store().db, readWitness(folder))).toMatchObject({ ok: true, unsealed: 0 });
  });

  test('is left to those that hold the key of the installation', async () => {
    const other = join(folder, 'other');
    const mine = await openInstallationSealer(store(), folder);
    expect(mine).toBeDefined();
    expect(await openInstallationSealer(store(1), other)).toBeUndefined();
    expect(existsSync(join(other, 'journal-key.pem'))).toBe(false);
    const stray = join(folder, 'stray');
    const strangers = await openStore({ databaseUrl: await postgres.newDatabase() });
    await openInstallationSealer(strangers, stray);
    await strangers.close();
    expect(await openInstallationSealer(store(1), stray)).toBeUndefined();
    copyFileSync(join(folder, 'journal-key.pem'), join(stray, 'journal-key.pem'));
    const second = await openInstallationSealer(store(1), stray);
    await note(1);
    await sealJournal(store(1), second as Sealer);
    expect(await verifyJournal(store().db, readWitness(folder))).toMatchObject({ ok: true, seals: 1 });
  });

  test('writes a line again that a crash cut off, and only that', async () => {
    const sealer = (await openInstallationSealer(store(), folder)) as Sealer;
    for (const n of [1, 2]) {
      await note(n);
      await sealJournal(store(), sealer);
    }
    const whole = readFileSync(sealer.file, 'utf8');
    const cut = whole.slice(0, -20);
    rmSync(sealer.file);
    appendFileSync(sealer.file, cut);
    expect(readWitness(folder)?.lines).toHaveLength(1);
    await sealJournal(store(), sealer);
    expect(readFileSync(sealer.file, 'utf8')).toBe(whole);
  });
});

test('a connection that is lost in the middle of a transaction fails that transaction, not the process', async () => {
  const lost = inTransaction(store(), async (tx) => {
    const { rows } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(tx);
    await sql`SELECT pg_terminate_backend(${rows[0]?.pid})`.execute(store(1).db);
    // Nobody asks anything of the connection while it goes: its error has no query to reject.
    await new Promise((resolve) => setImmediate(resolve));
    for (;;) await sql`SELECT 1`.execute(tx);
  });
  const error = await lost.catch((reason: unknown) => reason);
  expect(isDatabaseAway(error)).toBe(true);
  await expect(sql`SELECT 1`.execute(store().db)).resolves.toBeDefined();
});
