import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { ConnectionRegistry } from '../../activities/connections';
import { createActivities } from '../../activities/create-activities';
import { pollSource } from '../../activities/poll-source';
import { Alert } from '../../contracts/alert';
import { AssetIndex } from '../../contracts/assets';
import { CordonError } from '../../contracts/errors';
import { defineIntegration, type Connection } from '../../contracts/integration';
import type { JsonObject } from '../../contracts/values';
import { pollMetrics } from '../../server/poll-metrics';
import { correlateBatch } from '../../store/correlate';
import type { Store } from '../../store/store';
import { fakeConfig } from '../support/estate';
import { memoryStore, startPostgres, type Postgres } from '../support/store';

const NOW = new Date('2026-05-01T00:00:00Z');

const alert = (n: number): Alert =>
  Alert.parse({
    alertKey: `ids:${String(n)}`,
    source: 'ids',
    product: 'IDS',
    title: `alert ${String(n)}`,
    severity: 3,
    category: 'credential_attack',
    occurredAt: '2026-04-30T23:59:00Z',
    entities: { ips: ['203.0.113.9'] },
  });

/** A product that numbers its alerts; the cursor is the last number. */
class Product {
  last = 0;
  failure: Error | undefined;
  /** Runs when a round has its answer and has not stored it yet. */
  answered: () => Promise<void> = () => Promise.resolve();

  poll: NonNullable<Connection['poll']> = async (cursor) => {
    if (this.failure !== undefined) throw this.failure;
    const [from, to] = [Number(cursor?.['n'] ?? 0), this.last];
    const alerts = Array.from({ length: to - from }, (_, index) => alert(from + index + 1));
    await this.answered();
    return { alerts: alerts.map((one) => ({ alert: one, raw: { key: one.alertKey } })), cursor: { n: to } };
  };
}

describe.each(['PGlite', 'PostgreSQL'])('pollSource on %s', (engine) => {
  let postgres: Postgres | undefined;
  let store: Store;
  let product: Product;
  let warnings: { data: object; message: string }[];

  beforeAll(async () => {
    if (engine === 'PostgreSQL') postgres = await startPostgres();
    store =
      postgres === undefined
        ? await memoryStore({ now: () => Promise.resolve(NOW) })
        : await postgres.newStore({ now: () => Promise.resolve(NOW) });
  }, 60_000);
  afterAll(async () => {
    await store.close();
    postgres?.remove();
  });
  beforeEach(async () => {
    product = new Product();
    warnings = [];
    for (const table of [
      'poll_cursors',
      'deliveries',
      'alerts',
      'incident_entities',
      'incidents',
      'outbox',
    ] as const)
      await store.db.deleteFrom(table).execute();
  });

  const deps = (over: Partial<Store> = {}) => {
    const ids = defineIntegration({
      id: 'ids',
      title: 'IDS',
      docs: 'https://example.com/',
      simulated: false,
      config: z.object({}),
      actions: [],
      connect: () => ({
        handlers: {},
        check: () => Promise.resolve({ ok: true, detail: 'well' }),
        poll: (...given) => product.poll(...given),
        close: () => Promise.resolve(),
      }),
    });
    const log = {
      info: () => undefined,
      warn: (data: object, message: string) => void warnings.push({ data, message }),
    };
    const connections = new ConnectionRegistry(
      { connections: fakeConfig({ connections: [{ id: 'ids', use: 'ids' }] }).connections },
      new Map([['ids', ids]]),
      (connectionId) => ({
        connectionId,
        dataDir: tmpdir,
        log,
        blocklist: {
          get: () => Promise.resolve(null),
          entries: () => Promise.resolve([]),
          put: () => Promise.resolve(),
          remove: () => Promise.resolve(false),
        },
      }),
    );
    return { store: Object.assign(Object.create(store) as Store, over), connections, log };
  };
  const poll = (over: Partial<Store> = {}) => pollSource(deps(over), 'ids');
  const stored = async (): Promise<string[]> =>
    (await store.db.selectFrom('alerts').select('alert_key').orderBy('alert_key').execute()).map(
      ({ alert_key: key }) => key,
    );
  const cursor = async (): Promise<JsonObject | null | undefined> =>
    (await store.db.selectFrom('poll_cursors').select('cursor').executeTakeFirst())?.cursor;

  test('stores what is new, once, with its delivery and the cursor', async () => {
    product.last = 2;
    expect(await poll()).toEqual({ alerts: 2 });
    expect(await poll()).toEqual({ alerts: 0 });
    product.last = 3;
    expect(await poll()).toEqual({ alerts: 1 });
    expect(await stored()).toEqual(['ids:1', 'ids:2', 'ids:3']);
    expect(await cursor()).toEqual({ n: 3 });
    const deliveries = await store.db.selectFrom('deliveries').select(['source', 'alert_ids']).execute();
    expect(deliveries.map(({ source, alert_ids: ids }) => [source, ids.length]).sort()).toEqual([
      ['ids', 1],
      ['ids', 2],
    ]);
    const raw = await store.db.selectFrom('alerts').select('raw').orderBy('alert_key').executeTakeFirst();
    expect(raw).toEqual({ raw: { key: 'ids:1' } });
  });

  test('a process that dies between the answer and the commit loses nothing and doubles nothing', async () => {
    product.last = 2;
    await expect(poll({ now: () => Promise.reject(new Error('kill -9')) })).rejects.toThrow('kill -9');
    expect([await stored(), await cursor()]).toEqual([[], null]);
    expect(await poll()).toEqual({ alerts: 2 });
    expect(await stored()).toEqual(['ids:1', 'ids:2']);
  });

  test('a crash in the middle of storing stores nothing, not even the cursor', async () => {
    product.last = 3;
    const broken = { ...alert(2), title: undefined as never };
    Object.defineProperty(broken, 'alertKey', {
      get: (() => {
        let reads = 0;
        return () => {
          // Read once to sort, and then to be stored.
          if (++reads > 3) throw new Error('kill -9');
          return 'ids:2';
        };
      })(),
    });
    const honest = product.poll;
    product.poll = async (...given) => {
      const polled = await honest(...given);
      polled.alerts[1] = { alert: broken, raw: {} };
      return polled;
    };
    await expect(poll()).rejects.toThrow('kill -9');
    expect([await stored(), await cursor()]).toEqual([[], null]);
    product.poll = honest;
    expect(await poll()).toEqual({ alerts: 3 });
    expect(await stored()).toEqual(['ids:1', 'ids:2', 'ids:3']);
  });

  test('of two rounds at once one stores; the other neither doubles nor turns the cursor back', async () => {
    product.last = 1;
    await poll();
    product.last = 2;
    let overtaken: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => {
      overtaken = resolve;
    });
    let asked: () => void = () => undefined;
    const slowHasAnswer = new Promise<void>((resolve) => {
      asked = resolve;
    });
    product.answered = () => {
      asked();
      return wait;
    };
    const slow = poll();
    await slowHasAnswer;
    product.answered = () => Promise.resolve();
    product.last = 4;
    expect(await poll()).toEqual({ alerts: 3 });
    await store.db.updateTable('alerts').set({ dirty: false }).execute();
    overtaken();
    expect(await slow).toEqual({ alerts: 0 });
    expect(await cursor()).toEqual({ n: 4 });
    expect(await store.db.selectFrom('alerts').select('id').where('dirty', '=', true).execute()).toEqual([]);
    expect(warnings.map(({ message }) => message)).toEqual([
      'a poll was overtaken by another one and stores nothing',
    ]);
  });

  test('two first rounds at once store once', async () => {
    product.last = 2;
    const ends = await Promise.all([poll(), poll()]);
    expect(ends.map(({ alerts }) => alerts).sort()).toEqual([0, 2]);
    expect(await stored()).toEqual(['ids:1', 'ids:2']);
  });

  test('a poll that fails says so in log and metrics, keeps the cursor, and the next one makes up for it', async () => {
    product.last = 1;
    await poll();
    product.last = 2;
    product.failure = new CordonError('unavailable', 'ids: no connection (ECONNREFUSED)');
    await expect(poll()).rejects.toMatchObject({ type: 'unavailable' });
    await expect(poll()).rejects.toMatchObject({ type: 'unavailable' });
    expect(warnings).toEqual(
      Array.from({ length: 2 }, () => ({
        data: { connection: 'ids', type: 'unavailable', message: 'ids: no connection (ECONNREFUSED)' },
        message: 'a poll failed; it is tried again',
      })),
    );
    const registry = new Registry();
    pollMetrics(store, registry);
    const metrics = await registry.metrics();
    expect(metrics).toContain('cordon_poll_failures{connection="ids"} 2');
    expect(metrics).toContain(
      `cordon_poll_last_success_timestamp_seconds{connection="ids"} ${String(NOW.getTime() / 1000)}`,
    );
    expect(await cursor()).toEqual({ n: 1 });
    product.failure = undefined;
    expect(await poll()).toEqual({ alerts: 1 });
    expect(await registry.metrics()).toContain('cordon_poll_failures{connection="ids"} 0');
  });

  test('a first poll that fails is counted too, and the next begins at the start', async () => {
    product.failure = new CordonError('auth', 'ids: answered 401');
    await expect(poll()).rejects.toMatchObject({ type: 'auth' });
    const row = await store.db.selectFrom('poll_cursors').selectAll().executeTakeFirst();
    expect(row).toEqual({
      connection: 'ids',
      cursor: null,
      polled_at: null,
      failures: 1,
      error: 'auth: ids: answered 401',
    });
    product.failure = undefined;
    product.last = 1;
    expect(await poll()).toEqual({ alerts: 1 });
  });

  test('polled alerts correlate: those with one attacker are one incident', async () => {
    product.last = 2;
    await poll();
    const options = { assets: new AssetIndex([]), windowMinutes: 60, policyVersion: 'v1' };
    expect(await correlateBatch(store, options)).toBe(2);
    product.last = 3;
    await poll();
    expect(await correlateBatch(store, options)).toBe(1);
    const rows = await store.db.selectFrom('alerts').select(['incident', 'seq']).orderBy('seq').execute();
    expect(new Set(rows.map(({ incident }) => incident)).size).toBe(1);
    expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(await store.db.selectFrom('outbox').select('kind').execute()).toEqual([
      { kind: 'start_or_signal' },
    ]);
  });

  test('the activity polls; a connection that is no longer configured fails', async () => {
    product.last = 1;
    const config = fakeConfig({ connections: [{ id: 'ids', use: 'ids' }] });
    const made = createActivities({
      ...deps(),
      config,
      assets: new AssetIndex([]),
      owner: randomUUID(),
      dataDir: tmpdir(),
    });
    try {
      expect(await made.pollSource({ connection: 'ids' })).toEqual({ alerts: 1 });
      await expect(made.pollSource({ connection: 'gone' })).rejects.toMatchObject({ type: 'no_connection' });
    } finally {
      await made.close();
    }
  });
});
