import { sql } from 'kysely';
import { correlateBatch } from '../../store/correlate';
import { acceptDelivery } from '../../store/intake';
import { inTransaction, openStore, type Store } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import {
  alert,
  batches,
  close,
  correlate,
  deliver,
  empty,
  incidentOf,
  incidents,
  numberOf,
  options,
} from '../support/correlation';
import { startPostgres, type Postgres } from '../support/store';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
}, 120_000);
afterAll(() => {
  postgres.remove();
});

describe('races, on PostgreSQL', () => {
  let url: string;
  let stores: Store[];
  beforeAll(async () => {
    url = await postgres.newDatabase();
    stores = [await openStore({ databaseUrl: url }), await openStore({ databaseUrl: url })];
  }, 60_000);
  afterAll(async () => {
    for (const store of stores) await store.close();
  });
  afterEach(async () => {
    const [store] = stores as [Store];
    expect((await verifyJournal(store.db)).problems).toEqual([]);
    await empty(store);
  });
  const until = async (store: Store): Promise<void> => {
    for (;;) {
      await correlateBatch(store, options);
      const left = await store.db
        .selectFrom('alerts')
        .select('id')
        .where('dirty', '=', true)
        .limit(1)
        .execute();
      if (left.length === 0) return;
    }
  };

  test('an alert that waits for the close gets a new incident; one that was first keeps it open', async () => {
    const [one, two] = stores as [Store, Store];
    await deliver(one, alert({ hosts: ['a'] }));
    await correlate(one);
    await deliver(one, alert({ key: 'late', hosts: ['a'] }));
    let correlating: Promise<void> | undefined;
    await inTransaction(one, async (tx) => {
      await tx.updateTable('incidents').set({ status: 'closed', closed_at: new Date() }).execute();
      correlating = correlate(two);
      for (let waits = 0; waits === 0;) {
        const { rows } = await sql<{ n: string }>`
          SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
        `.execute(tx);
        waits = Number(rows[0]?.n);
      }
    });
    await correlating;
    expect(await incidentOf(one, 'siem:late')).toBe(2);
    expect(await incidents(one)).toMatchObject([{}, { reopens: numberOf(1) }]);
    await deliver(one, alert({ key: 'early', hosts: ['a'] }));
    await correlate(two);
    expect(await close(one, numberOf(2), 1)).toEqual({ closed: false, moreAlerts: true });
  });

  test('close and correlation at once, thirty times: no alert ends in an incident that is closed over it', async () => {
    const [one, two] = stores as [Store, Store];
    const ends = new Set<string>();
    for (let n = 0; n < 30; n++) {
      const host = `h-${String(n)}`;
      await deliver(one, alert({ key: `a-${host}`, hosts: [host] }));
      await correlate(one);
      await deliver(one, alert({ key: `b-${host}`, hosts: [host] }));
      const first = await incidentOf(one, `siem:a-${host}`);
      const [{ closed }] = await Promise.all([close(one, numberOf(first), 1), until(two)]);
      const second = await incidentOf(one, `siem:b-${host}`);
      expect(second === first).toBe(!closed);
      if (closed) expect((await incidents(one)).at(-1)).toMatchObject({ reopens: numberOf(first) });
      ends.add(closed ? 'closed' : 'open');
    }
    expect(ends.size).toBeGreaterThan(0);
  }, 60_000);

  test('two dispatchers and many alerts: each alert once, each host in one incident, no deadlock gets out', async () => {
    const [one, two] = stores as [Store, Store];
    const hosts = Array.from({ length: 15 }, (_, n) => `h-${String(n)}`);
    for (let batch = 0; batch < 12; batch++)
      await deliver(
        one,
        ...Array.from({ length: 50 }, (_, n) => alert({ hosts: [hosts[(n * 7 + batch) % 15] ?? ''] })),
      );
    await Promise.all([until(one), until(two), until(one), until(two)]);
    const alerts = await one.db.selectFrom('alerts').select(['incident', 'seq', 'data']).execute();
    expect(new Set(alerts.map(({ incident, seq }) => `${String(incident)}/${String(seq)}`)).size).toBe(600);
    const of = new Map<string, Set<string | null>>();
    for (const { incident, data } of alerts) {
      const host = data.entities.hosts[0]?.name ?? '';
      of.set(host, (of.get(host) ?? new Set()).add(incident));
    }
    expect([...of.values()].map((found) => found.size)).toEqual(hosts.map(() => 1));
    const joined = await one.db
      .selectFrom('journal')
      .select('data')
      .where('kind', '=', 'alert_joined')
      .execute();
    expect(new Set(joined.map(({ data }) => data['alert'])).size).toBe(600);
    expect(joined).toHaveLength(600);
  }, 120_000);

  test('two dispatchers and hosts that are known of old: one new incident for each', async () => {
    const [one, two] = stores as [Store, Store];
    for (let round = 1; round <= 6; round++) {
      const seen = Array.from({ length: 220 }, () => alert({ hosts: ['a'] }));
      await deliver(one, ...seen);
      await Promise.all([until(one), until(two)]);
      expect(await incidents(one)).toHaveLength(round);
      await close(one, numberOf(round), 220);
    }
  }, 60_000);

  test('two dispatchers and alerts that bridge everything: nothing is lost, nothing escapes', async () => {
    const [one, two] = stores as [Store, Store];
    for (let n = 0; n < 8; n++) await batches(one, undefined, [{ hosts: [`h-${String(n)}`] }]);
    for (let batch = 0; batch < 30; batch++)
      await deliver(
        one,
        alert({
          hosts: [`h-${String(batch % 8)}`, `h-${String((batch * 3 + 5) % 8)}`, `u-${String(batch)}`],
        }),
      );
    await Promise.all([until(one), until(two), until(two)]);
    const alerts = await one.db.selectFrom('alerts').select(['incident', 'seq']).execute();
    expect(new Set(alerts.map(({ incident, seq }) => `${String(incident)}/${String(seq)}`)).size).toBe(38);
    expect(await incidents(one)).toHaveLength(8);
  }, 60_000);

  test('fifty repeats of one delivery at once: one incident, the same ids', async () => {
    const both = stores as [Store, Store];
    const parsed = { messageId: 'm-1', alerts: [alert({ key: 'once', hosts: ['a'] })] };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        acceptDelivery(both[n % 2] as Store, 'siem', Buffer.from('x'), parsed, {}),
      ),
    );
    expect(new Set(answers.map(({ deliveryId, alerts }) => `${deliveryId} ${alerts.join()}`)).size).toBe(1);
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    await Promise.all(both.map(until));
    expect(await incidents(both[0])).toHaveLength(1);
  });

  test('an update while the alert is being correlated is not lost', async () => {
    const [one, two] = stores as [Store, Store];
    await deliver(one, alert({ key: 'k', hosts: ['a'], severity: 1 }));
    await Promise.all([until(one), deliver(two, alert({ key: 'k', hosts: ['a'], severity: 5 }))]);
    await until(two);
    expect(await incidents(one)).toMatchObject([{ severity: 5 }]);
  });
});
