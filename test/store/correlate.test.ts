import fc from 'fast-check';
import { correlateBatch, noteSeen } from '../../store/correlate';
import type { Store } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import {
  alert,
  batches,
  Clock,
  close,
  correlate,
  deliver,
  empty,
  incidentOf,
  incidents,
  links,
  numberOf,
  options,
  type Seen,
} from '../support/correlation';
import { memoryStore, startPostgres, type Postgres } from '../support/store';

const HOUR = 3_600_000;
const clock = new Clock();
let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
}, 120_000);
afterAll(() => {
  postgres.remove();
});

describe.each([
  ['PGlite', () => memoryStore(clock)],
  ['PostgreSQL', () => postgres.newStore(clock)],
])('on %s', (_name, open) => {
  let store: Store;
  beforeAll(async () => {
    store = await open();
  }, 60_000);
  afterAll(() => store.close());
  beforeEach(() => {
    clock.time = new Date('2026-05-01T00:00:00Z');
  });
  afterEach(async () => {
    expect((await verifyJournal(store.db)).problems).toEqual([]);
    await empty(store);
  });

  const full = (name: string) => ({ name, fqdn: name });
  test.each<[string, Seen[][], number[]]>([
    ['one host again', [[{ hosts: ['a'] }], [{ hosts: ['A'] }]], [1, 1]],
    ['two hosts', [[{ hosts: ['a'] }, { hosts: ['b'] }]], [1, 2]],
    [
      'a host of the assets by name, full name and both kinds of address',
      [
        [{ hosts: ['ws-1'] }],
        [{ hosts: [full('ws-1.corp.example.com')] }],
        [{ hosts: [{ name: '198.51.100.41', ips: ['198.51.100.41'] }] }],
        [{ ips: ['198.51.100.41'] }],
        [{ ips: ['2001:0db8:0::0041'] }],
      ],
      [1, 1, 1, 1, 1],
    ],
    [
      'an unknown host by name, then by full name, then by its address',
      [
        [{ hosts: ['ws-9'] }],
        [{ hosts: [{ ...full('ws-9.corp.example.com'), ips: ['192.0.2.9'] }] }],
        [{ ips: ['192.0.2.9'] }],
      ],
      [1, 1, 1],
    ],
    [
      'an unknown host by full name first',
      [[{ hosts: [full('ws-9.corp.example.com')] }], [{ hosts: ['WS-9'] }]],
      [1, 1],
    ],
    ['both in one batch', [[{ hosts: [full('ws-9.corp.example.com')] }, { hosts: ['ws-9'] }]], [1, 1]],
    [
      'one name in two domains',
      [[{ hosts: [full('web01.a.example.com')] }], [{ hosts: [full('web01.b.example.com')] }]],
      [1, 2],
    ],
    [
      'the domain of another host than the asset of that name',
      [[{ hosts: ['ws-1'] }], [{ hosts: [full('ws-1.b.example.com')] }]],
      [1, 2],
    ],
    [
      'an account by its forms',
      [[{ accounts: ['kim'] }], [{ accounts: ['CORP\\Kim', 'x'] }], [{ accounts: ['kim@corp.example.com'] }]],
      [1, 1, 1],
    ],
    [
      'one file on two hosts',
      [[{ hosts: ['a'], files: ['a'.repeat(64)] }], [{ hosts: ['b'], files: ['a'.repeat(64)] }]],
      [1, 1],
    ],
    [
      'the empty file on two hosts',
      [
        [{ hosts: ['a'], files: ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'] }],
        [{ hosts: ['b'], files: ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'] }],
      ],
      [1, 2],
    ],
    [
      'a shared scanner',
      [[{ hosts: ['a'], ips: ['198.51.100.250'] }], [{ hosts: ['b'], ips: ['198.51.100.250'] }]],
      [1, 2],
    ],
    [
      'a shared proxy by name',
      [[{ hosts: ['a', 'proxy-1'] }], [{ hosts: ['b', full('proxy-1.corp.example.com')] }]],
      [1, 2],
    ],
    [
      'a proxy’s address as a host’s',
      [
        [{ hosts: [{ name: 'a', ips: ['198.51.100.3'] }] }],
        [{ hosts: [{ name: 'b', ips: ['198.51.100.3'] }] }],
      ],
      [1, 2],
    ],
    [
      'a shared service account',
      [[{ hosts: ['a'], accounts: ['CORP\\svc-scan'] }], [{ hosts: ['b'], accounts: ['svc-scan'] }]],
      [1, 2],
    ],
    ['loopback', [[{ hosts: ['a'], ips: ['127.0.0.1'] }], [{ hosts: ['b'], ips: ['127.0.0.1'] }]], [1, 2]],
    ['nothing that it could share', [[{}, {}], [{}]], [1, 2, 3]],
    ['only ambient things', [[{ ips: ['198.51.100.250'] }], [{ ips: ['198.51.100.250'] }]], [1, 2]],
    [
      'a chain of bridges in one batch',
      [Array.from({ length: 9 }, (_, n) => ({ hosts: [`c-${String(n)}`, `c-${String(n + 1)}`] }))],
      Array.from({ length: 9 }, () => 1),
    ],
    [
      'a bridge of two incidents',
      [[{ hosts: ['a'] }], [{ hosts: ['b'] }], [{ hosts: ['a', 'b'] }]],
      [1, 2, 1],
    ],
  ])('%s', async (_what, all, expected) => {
    // Within a batch it is open which of two incidents gets the smaller number.
    const found = await batches(store, clock, ...all);
    const order = [...new Set(found)];
    expect(found.map((one) => order.indexOf(one) + 1)).toEqual(expected);
  });

  test('a bridge joins the oldest, whatever came last, and links the others; both records say so', async () => {
    await batches(
      store,
      clock,
      [{ hosts: ['a'] }],
      [{ hosts: ['b'] }],
      [{ hosts: ['c'] }],
      [{ hosts: ['b'] }],
    );
    expect(await batches(store, clock, [{ hosts: ['c', 'b', 'a'] }])).toEqual([1]);
    expect(await links(store)).toEqual([
      [1, 2],
      [1, 3],
    ]);
    const told = store.db.selectFrom('journal').select('data').where('kind', '=', 'incident_linked');
    expect((await told.execute()).map(({ data }) => data['other'])).toEqual([numberOf(2), numberOf(3)]);
  });

  test('inside the window it joins, after it a new incident opens; what goes on keeps the window open', async () => {
    await batches(store, clock, [{ hosts: ['a'] }]);
    clock.move(23 * HOUR);
    expect(await batches(store, clock, [{ hosts: ['a'] }])).toEqual([1]);
    clock.move(23 * HOUR);
    expect(await batches(store, clock, [{ hosts: ['a'] }])).toEqual([1]);
    clock.move(25 * HOUR);
    expect(await batches(store, clock, [{ hosts: ['a'] }, { hosts: ['a'] }])).toEqual([2, 2]);
    expect(await incidents(store)).toMatchObject([{ reopens: null }, { reopens: null }]);
  });

  test('an update of a known alert while its incident is open is told to the run, and makes it no worse than it is', async () => {
    await batches(store, clock, [{ key: 'k', hosts: ['a'], severity: 2 }]);
    expect(await batches(store, clock, [{ key: 'k', hosts: ['a'], severity: 5 }])).toEqual([1]);
    expect(await incidents(store)).toMatchObject([{ alert_seq: 2, severity: 5 }]);
    expect(await batches(store, clock, [{ key: 'k', hosts: ['a'], severity: 1 }])).toEqual([1]);
    expect(await incidents(store)).toMatchObject([{ severity: 5 }]);
    expect(await store.db.selectFrom('alerts').select('seq').execute()).toEqual([{ seq: 3 }]);
  });

  test.each([
    ['with an entity, a day later', { key: 'k', hosts: ['a'] }, 30 * HOUR],
    ['without any entity', { key: 'k' }, 0],
  ])('an update after its incident was closed opens one that says so: %s', async (_what, seen, wait) => {
    await batches(store, clock, [seen]);
    await close(store, numberOf(1), 1);
    clock.move(wait);
    expect(await batches(store, clock, [seen])).toEqual([2]);
    expect(await incidents(store)).toMatchObject([
      { status: 'closed' },
      { status: 'open', reopens: numberOf(1) },
    ]);
  });

  test('another alert of the same host after its incident was closed opens one that says so', async () => {
    await batches(store, clock, [{ hosts: ['a'] }]);
    await close(store, numberOf(1), 1);
    expect(await batches(store, clock, [{ hosts: ['a'] }])).toEqual([2]);
    expect(await incidents(store)).toMatchObject([{}, { reopens: numberOf(1) }]);
  });

  test('the word that it is over opens nothing once the incident is closed, and is noted there', async () => {
    await batches(store, clock, [{ key: 'k', hosts: ['a'] }]);
    await close(store, numberOf(1), 1);
    expect(await batches(store, clock, [{ key: 'k', hosts: ['a'], resolved: true }])).toEqual([1]);
    expect(await incidents(store)).toHaveLength(1);
    const last = store.db.selectFrom('journal').select('kind').orderBy('seq', 'desc').limit(1);
    expect(await last.execute()).toEqual([{ kind: 'note_added' }]);
    expect(await correlateBatch(store, options)).toBe(0);
  });

  test('a storm: 2,000 alerts of one host are one incident, in order, with one message until the run has seen it', async () => {
    await deliver(store, ...Array.from({ length: 2000 }, () => alert({ hosts: ['a'] })));
    await correlate(store);
    expect(await incidents(store)).toMatchObject([{ alert_seq: 2000 }]);
    const seqs = await store.db.selectFrom('alerts').select('seq').orderBy('seq').execute();
    expect(seqs.map(({ seq }) => seq)).toEqual(Array.from({ length: 2000 }, (_, n) => n + 1));
    const messages = async () => (await store.db.selectFrom('outbox').select('id').execute()).length;
    expect(await messages()).toBe(1);
    // The start took along what was there by then: of what joined meanwhile it is told once more, and then of nothing.
    await noteSeen(store, numberOf(1), 50);
    await noteSeen(store, numberOf(1), 2000);
    expect(await messages()).toBe(2);
  }, 120_000);

  test('alerts that name half the estate don’t stop the others', async () => {
    const many = (n: number) => ({
      hosts: Array.from({ length: 100 }, (_, i) => ({
        name: i === 0 ? 'hub' : `h-${String(n)}-${String(i)}`,
        ips: Array.from({ length: 64 }, (_ip, j) => `10.${String(n)}.${String(i)}.${String(j)}`),
      })),
    });
    await deliver(
      store,
      ...Array.from({ length: 12 }, (_, n) => alert({ key: `big-${String(n)}`, ...many(n) })),
      alert({ key: 'small', hosts: ['a'] }),
    );
    await correlate(store);
    expect(await incidents(store)).toHaveLength(2);
    expect(await batches(store, clock, [{ hosts: ['h-3-99'] }])).toEqual([
      await incidentOf(store, 'siem:big-3'),
    ]);
  }, 120_000);

  test('in whatever order and batches they come: what shares an entity is one incident or linked, nothing else is', async () => {
    const pool = ['a', 'b', 'c', 'd', 'e'];
    const seen = fc.record({
      hosts: fc.uniqueArray(fc.constantFrom(...pool), { maxLength: 2 }),
      accounts: fc.uniqueArray(fc.constantFrom('x', 'y'), { maxLength: 1 }),
    });
    const cases = fc
      .array(seen, { minLength: 1, maxLength: 8 })
      .chain((alerts) =>
        fc.tuple(
          fc.shuffledSubarray(alerts, { minLength: alerts.length }),
          fc.array(fc.boolean(), { minLength: alerts.length, maxLength: alerts.length }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(cases, async ([alerts, cuts]) => {
        await empty(store);
        const all: Seen[][] = [[]];
        alerts.forEach((one, n) => {
          if (cuts[n] === true && n > 0) all.push([]);
          all.at(-1)?.push(one);
        });
        const found = await batches(store, clock, ...all);
        const linked = await links(store);
        const entities = alerts.map(({ hosts, accounts }) => [...hosts.map((h) => `h${h}`), ...accounts]);
        const wanted = components(alerts.length, (i, j) =>
          (entities[i] ?? []).some((key) => entities[j]?.includes(key)),
        );
        const got = components(
          alerts.length,
          (i, j) =>
            found[i] === found[j] ||
            linked.some((pair) => pair.includes(found[i] ?? 0) && pair.includes(found[j] ?? 0)),
        );
        expect(got).toEqual(wanted);
        if (all.length === 1) expect(linked).toEqual([]);
      }),
      { numRuns: 25 },
    );
  }, 120_000);
});

/** Which of n things hang together; each is named by the first of its kind. */
function components(n: number, touch: (i: number, j: number) => boolean): number[] {
  const root = Array.from({ length: n }, (_, i) => i);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const [a, b] = [root[i] ?? 0, root[j] ?? 0];
        if (a === b || !touch(i, j)) continue;
        root[i] = root[j] = Math.min(a, b);
        changed = true;
      }
  }
  return root;
}
