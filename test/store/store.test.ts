import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataFolderLocked } from '../../store/data-folder-lock';
import { inTransaction, openStore, type Store } from '../../store/store';
import { memoryStore, startPostgres, type Postgres } from '../support/store';

describe('both databases', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);
  afterAll(() => {
    postgres.remove();
  });

  describe.each([
    ['PGlite', () => memoryStore()],
    ['PostgreSQL', () => postgres.newStore()],
  ])('%s', (_name, open) => {
    let store: Store;
    beforeAll(async () => {
      store = await open();
    }, 60_000);
    afterAll(() => store.close());

    test('gives jsonb as objects, times as Date, and counts of changed rows', async () => {
      const at = new Date('2026-01-02T03:04:05.678Z');
      await store.db
        .insertInto('policies')
        .values({ version: 'v', body: JSON.stringify({ a: [1, null] }), loaded_at: at })
        .execute();
      const row = await store.db.selectFrom('policies').selectAll().executeTakeFirstOrThrow();
      expect(row).toEqual({ version: 'v', body: { a: [1, null] }, loaded_at: at });
      const { numUpdatedRows } = await store.db
        .updateTable('policies')
        .set({ loaded_at: at })
        .executeTakeFirstOrThrow();
      expect(numUpdatedRows).toBe(1n);
    });

    test('a failed transaction leaves nothing behind', async () => {
      const work = inTransaction(store, async (tx) => {
        await tx.insertInto('entities').values({ key: 'host:a' }).execute();
        throw new Error('on purpose');
      });
      await expect(work).rejects.toThrow('on purpose');
      expect(await store.db.selectFrom('entities').selectAll().execute()).toEqual([]);
    });

    test('transactions side by side do not mix', async () => {
      await store.db.insertInto('incident_counters').values({ year: 2026, last: 0 }).execute();
      const increment = (): Promise<number> =>
        inTransaction(store, async (tx) => {
          const { last } = await tx
            .selectFrom('incident_counters')
            .select('last')
            .where('year', '=', 2026)
            .forUpdate()
            .executeTakeFirstOrThrow();
          await tx
            .updateTable('incident_counters')
            .set({ last: last + 1 })
            .where('year', '=', 2026)
            .execute();
          return last;
        });
      const seen = await Promise.all(Array.from({ length: 20 }, increment));
      expect(new Set(seen).size).toBe(20);
    });

    test('tells the time of its clock', async () => {
      expect(Math.abs((await store.now()).getTime() - Date.now())).toBeLessThan(60_000);
    });
  });
});

describe('the embedded folder', () => {
  let folder: string;
  let other: ChildProcess | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-store-'));
  });
  afterEach(() => {
    other?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  test('keeps what was committed over a reopening', async () => {
    const first = await openStore({ dataDir: folder });
    await first.db.insertInto('entities').values({ key: 'host:kept' }).execute();
    await first.close();
    const second = await openStore({ dataDir: folder });
    expect(await second.db.selectFrom('entities').select('key').execute()).toEqual([{ key: 'host:kept' }]);
    await second.close();
  });

  test('refuses a second process and names the pid of the first', async () => {
    other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6); console.log("up")'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (other.stdout !== null) await once(other.stdout, 'data');
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: other.pid }));
    const opening = openStore({ dataDir: folder });
    await expect(opening).rejects.toThrow(DataFolderLocked);
    await expect(opening).rejects.toThrow(String(other.pid));
  });

  test('takes over the lock of a process that is dead', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: dead.pid }));
    const store = await openStore({ dataDir: folder });
    await store.close();
  });

  test('takes over the lock of a process whose pid was given to another', async () => {
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: process.pid, started: '1' }));
    const store = await openStore({ dataDir: folder });
    await store.close();
  });
});
