import type { ConfigInput } from '../../contracts/config';
import { extendLease, requestReleases, transferLease } from '../../store/lease-changes';
import type { Store } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import {
  holdFirst,
  item,
  kindsOf,
  openIncident,
  releaseOf,
  runnerOn,
  settled,
  waveOf,
  World,
  worldConfig,
  type Activities,
} from '../support/runner';
import { memoryStore } from '../support/store';

const START = new Date('2026-05-04T12:00:00Z');
const LEA = { by: 'person:lea', reason: 'the forensics team needs it' };
let now: Date;
let store: Store;
let world: World;
const opened: Activities[] = [];
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(now) });
}, 60_000);
afterAll(() => store.close());
beforeEach(() => {
  now = START;
  world = new World();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  expect((await verifyJournal(store.db)).problems).toEqual([]);
  for (const table of ['lease_holders', 'leases', 'lease_locks', 'claims', 'outbox'] as const)
    await store.db.deleteFrom(table).execute();
});

const later = (minutes: number): Date => new Date(START.getTime() + minutes * 60_000);
function runner(extra: Partial<ConfigInput> = {}) {
  const config = worldConfig(extra);
  const activities = runnerOn(store, world, config);
  opened.push(activities);
  const isolated = async (incident: string, leaseSeconds: number | null = 36_000): Promise<void> => {
    await settled(activities, waveOf(incident, item({ leaseSeconds })));
  };
  return { activities, isolated, open: () => openIncident(store, config) };
}
const theLease = () => store.db.selectFrom('leases').selectAll().executeTakeFirstOrThrow();
const holders = async (): Promise<string[]> =>
  (await store.db.selectFrom('lease_holders').select('incident').where('released_at', 'is', null).execute())
    .map(({ incident }) => incident)
    .sort();
const leaseKinds = async (incident: string): Promise<string[]> =>
  (await kindsOf(store, incident)).filter((kind) => kind.startsWith('lease_') && kind !== 'lease_acquired');
const attentionOf = async (number: string): Promise<string | null> =>
  (
    await store.db
      .selectFrom('incidents')
      .select('attention')
      .where('number', '=', number)
      .executeTakeFirstOrThrow()
  ).attention;

describe('before a lease is due', () => {
  test.each([
    ['an hour before, when it is long', 36_000, {}, 539, 540],
    ['a tenth of its length before, when it is short', 3600, {}, 53, 54],
    ['as long before as the configuration says', 36_000, { leases: { askBeforeSeconds: 7200 } }, 479, 480],
  ])('people are asked once, %s', async (_when, seconds, extra, early, due) => {
    const { activities, isolated, open } = runner(extra);
    const incident = await open();
    await isolated(incident, seconds);
    now = later(early);
    await activities.sweepLeases();
    expect(await leaseKinds(incident)).toEqual([]);
    now = later(due);
    await activities.sweepLeases();
    await activities.sweepLeases();
    expect(await leaseKinds(incident)).toEqual(['lease_due_soon']);
    expect(await attentionOf(incident)).toMatch(
      /ws-1 is due at .*Z: extend it, release it, or it is extended/,
    );
    expect(world.inForce.size).toBe(1);
  });
  test('nobody is asked about what may lapse, or has no end', async () => {
    const { activities, isolated, open } = runner();
    const incident = await open();
    await isolated(incident, null);
    const block = item({ id: 'b', action: 'network.block_ip', input: { ip: '203.0.113.9' } });
    await settled(activities, waveOf(incident, block));
    now = later(59);
    await activities.sweepLeases();
    expect(await leaseKinds(incident)).toEqual([]);
  });
  test('each who holds it is asked', async () => {
    const { activities, isolated, open } = runner();
    const both = [await open(), await open()];
    for (const incident of both) await isolated(incident);
    now = later(545);
    await activities.sweepLeases();
    for (const incident of both) expect(await leaseKinds(incident)).toContain('lease_due_soon');
  });
});

describe('silence', () => {
  test('extends by the length of the lease, each time the same, asks again, and escalates in the end', async () => {
    const { activities, isolated, open } = runner({ leases: { escalateAfter: 2 } });
    const incident = await open();
    await isolated(incident, 7200);
    const ends: (Date | null)[] = [];
    for (const minutes of [120, 235, 240, 355, 360]) {
      now = later(minutes);
      await activities.sweepLeases();
      ends.push((await theLease()).expires_at);
    }
    expect(ends).toEqual([later(240), later(240), later(360), later(360), later(480)]);
    expect(await leaseKinds(incident)).toEqual([
      'lease_due',
      'lease_extended',
      'lease_due_soon',
      'lease_due',
      'lease_extended',
      'lease_escalated',
      'lease_due_soon',
      'lease_due',
      'lease_extended',
      'lease_escalated',
    ]);
    expect(await attentionOf(incident)).toMatch(/ws-1 was extended 3 times without an answer/);
    expect(world.inForce.size).toBe(1);
  });
});

describe('a person extends', () => {
  test('until a time, by name and with a reason; again it is unchanged; the question is answered', async () => {
    const { activities, isolated, open } = runner({ leases: { escalateAfter: 2 } });
    const incident = await open();
    await isolated(incident, 7200);
    now = later(120);
    await activities.sweepLeases();
    expect(await attentionOf(incident)).toMatch(/was due and was extended/);
    const { id } = await theLease();
    const until = later(600);
    expect(await extendLease(store, id, until, LEA)).toEqual({
      kind: 'changed',
      expiresAt: until.toISOString(),
    });
    expect(await extendLease(store, id, until, LEA)).toMatchObject({ kind: 'unchanged' });
    expect(await attentionOf(incident)).toBeNull();
    const entries = await store.db
      .selectFrom('journal')
      .select(['kind', 'actor', 'data'])
      .where('incident', '=', incident)
      .where('actor', '=', LEA.by)
      .execute();
    expect(entries).toMatchObject([
      { kind: 'lease_extended', data: { until: until.toISOString(), reason: LEA.reason } },
    ]);
    // The count begins anew.
    now = later(600);
    await activities.sweepLeases();
    expect(await leaseKinds(incident)).not.toContain('lease_escalated');
  });
  test('never shortens it, and not what has no end', async () => {
    const { isolated, open } = runner();
    await isolated(await open(), 36_000);
    const { id, expires_at: end } = await theLease();
    expect(await extendLease(store, id, later(10), LEA)).toMatchObject({ kind: 'unchanged' });
    expect((await theLease()).expires_at).toEqual(end);
    await store.db.updateTable('leases').set({ expires_at: null }).execute();
    expect(await extendLease(store, id, later(10), LEA)).toEqual({ kind: 'unchanged', expiresAt: null });
  });
  test('not into the past, not for years, not what is released or not there', async () => {
    const { activities, isolated, open } = runner();
    await isolated(await open());
    const { id } = await theLease();
    expect(await extendLease(store, id, later(-1), LEA)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/passed/) as string,
    });
    const tooFar = new Date('2028-01-01T00:00:00Z');
    expect(await extendLease(store, id, tooFar, LEA)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/year/) as string,
    });
    expect(await extendLease(store, 'none', later(1), LEA)).toMatchObject({ kind: 'not_found' });
    await activities.releaseLease({ leaseId: id, ...LEA });
    expect(await extendLease(store, id, later(700), LEA)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/released/) as string,
    });
  });
});

describe('a person hands a hold over', () => {
  test('the effect stays, the first incident lets go of nothing any more, the second holds it', async () => {
    const { activities, isolated, open } = runner();
    const [first, second] = [await open(), await open()];
    await isolated(first);
    const { id } = await theLease();
    for (const kind of ['changed', 'unchanged'])
      expect(await transferLease(store, id, { from: first, to: second }, LEA)).toEqual({
        kind,
        holders: [second],
      });
    for (const incident of [first, second]) expect(await leaseKinds(incident)).toEqual(['lease_transferred']);
    expect((await settled(activities, waveOf(first, releaseOf()))).status).toBe('already');
    expect(await activities.rollBack({ incident: first, ...LEA })).toEqual({ released: 0, failed: 0 });
    expect(world.inForce.size).toBe(1);
    await settled(activities, waveOf(second, releaseOf()));
    expect(world.inForce.size).toBe(0);
  });
  test('where several hold it, it is said whose; a hold that both have becomes one', async () => {
    const { isolated, open } = runner();
    const [first, second, third] = [await open(), await open(), await open()];
    for (const incident of [first, second]) await isolated(incident);
    const { id } = await theLease();
    expect(await transferLease(store, id, { to: third }, LEA)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/Several incidents hold it/) as string,
    });
    expect(await transferLease(store, id, { from: third, to: first }, LEA)).toMatchObject({
      kind: 'unchanged',
    });
    expect(await transferLease(store, id, { from: first, to: second }, LEA)).toMatchObject({
      kind: 'changed',
    });
    expect(await holders()).toEqual([second]);
    expect(await transferLease(store, id, { from: first, to: third }, LEA)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/does not hold it/) as string,
    });
  });
  test('not to an incident that is closed or is not there', async () => {
    const { isolated, open } = runner();
    await isolated(await open());
    const { id } = await theLease();
    const closed = await open();
    await store.db.updateTable('incidents').set({ status: 'closed' }).where('number', '=', closed).execute();
    expect(await transferLease(store, id, { to: closed }, LEA)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/closed/) as string,
    });
    expect(await transferLease(store, id, { to: 'INC-2026-999999' }, LEA)).toEqual({
      kind: 'not_found',
      what: 'incident',
    });
    expect(await transferLease(store, 'none', { to: closed }, LEA)).toMatchObject({ kind: 'not_found' });
  });
  test('not while its release is under way, nor while one that began waits for the product', async () => {
    const { activities, isolated, open } = runner();
    const [first, second] = [await open(), await open()];
    await isolated(first);
    const { id } = await theLease();
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const releasing = activities.runWave(waveOf(first, releaseOf()));
    await reached;
    expect(await transferLease(store, id, { to: second }, LEA)).toMatchObject({ kind: 'refused' });
    world.faults = ['offline', 'offline', 'offline', 'offline'];
    letGo();
    expect((await releasing).items[0]).toMatchObject({ status: 'pending' });
    expect(await transferLease(store, id, { to: second }, LEA)).toMatchObject({ kind: 'refused' });
    expect(await holders()).toEqual([first]);
  });
});

describe('a person releases many', () => {
  const asked = async (): Promise<string[]> =>
    (await store.db.selectFrom('outbox').select(['kind', 'payload']).execute()).map(({ kind, payload }) => {
      expect(payload).toMatchObject(LEA);
      return kind;
    });
  const isolate = (name: string) => item({ id: name, input: { host: { name } } });
  test.each(['host:ws-1', 'WS-1', ' ws-1 '])('all of %j, its files too, and each once', async (target) => {
    const { activities, open } = runner();
    const incident = await open();
    const file = item({
      id: 'f',
      action: 'endpoint.quarantine_file',
      input: { host: { name: 'ws-1' }, path: '/tmp/x' },
    });
    for (const one of [isolate('ws-1'), isolate('ws-10'), file])
      await settled(activities, waveOf(incident, one));
    expect(await requestReleases(store, { target }, LEA)).toBe(2);
    expect(await requestReleases(store, { target }, LEA)).toBe(2);
    expect(await asked()).toEqual(['release_lease', 'release_lease']);
  });
  test('all that there is', async () => {
    const { activities, open } = runner();
    const [first, second] = [await open(), await open()];
    await settled(activities, waveOf(first, isolate('ws-1')));
    await settled(activities, waveOf(second, isolate('ws-1')));
    await settled(activities, waveOf(second, isolate('ws-2')));
    expect(await requestReleases(store, { all: true }, LEA)).toBe(2);
    const rows = await store.db.selectFrom('outbox').select('key').execute();
    for (const { key } of rows) await activities.releaseLease({ leaseId: key, ...LEA });
    expect(world.inForce.size).toBe(0);
    await store.db.deleteFrom('outbox').execute();
    expect(await requestReleases(store, { all: true }, LEA)).toBe(0);
  });
});
