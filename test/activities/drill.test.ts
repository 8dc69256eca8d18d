import { transferLease } from '../../store/lease-changes';
import type { Store } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import {
  item,
  kindsOf,
  killSwitch,
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

const BUDGET = { id: 'cuts', actions: ['endpoint.isolate_host'], limit: 1, windowSeconds: 3600 };
const config = worldConfig({ budgets: [BUDGET] });
const LEA = { by: 'person:lea', reason: 'test' };
let store: Store;
let world: World;
let activities: Activities;
let clock: Date;
/** Times that a product was asked for its state. */
let probes: number;
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(clock) });
}, 60_000);
afterAll(() => store.close());
beforeEach(() => {
  clock = new Date('2026-03-04T05:06:07Z');
  probes = 0;
  world = new World();
  world.beforeProbed = () => {
    probes += 1;
    return Promise.resolve();
  };
  activities = runnerOn(store, world, config);
});
afterEach(async () => {
  await activities.close();
  await killSwitch(store, false);
  expect((await verifyJournal(store.db)).problems).toEqual([]);
  for (const table of [
    'lease_holders',
    'leases',
    'lease_locks',
    'lease_audits',
    'claims',
    'budget_uses',
  ] as const)
    await store.db.deleteFrom(table).execute();
});

const drill = (): Promise<string> => openIncident(store, config, { mode: 'drill' });
const live = (): Promise<string> => openIncident(store, config);
const block = item({
  id: 'block/203.0.113.9',
  action: 'network.block_ip',
  input: { ip: '203.0.113.9' },
});
const leases = () =>
  store.db
    .selectFrom('leases')
    .select(['id', 'connection', 'simulated', 'status'])
    .orderBy('created_at')
    .orderBy('connection')
    .execute();
const untold = (): void => {
  expect([world.calls, probes]).toEqual([[], 0]);
};

test('an effect is pretended: leased, journaled as simulated, and no product hears of it', async () => {
  const incident = await drill();
  expect(await settled(activities, waveOf(incident, item()))).toMatchObject({
    status: 'succeeded',
    connection: 'drill:edr',
    output: { host: { name: 'ws-1' } },
  });
  expect(await leases()).toMatchObject([{ connection: 'drill:edr', simulated: true, status: 'in_force' }]);
  const entries = await store.db
    .selectFrom('journal')
    .select(['kind', 'data'])
    .where('incident', '=', incident)
    .orderBy('seq')
    .execute();
  expect(entries.map(({ kind, data }) => [kind, data['simulated']])).toEqual([
    ['action_claimed', true],
    ['action_settled', true],
    ['lease_acquired', true],
  ]);
  untold();
});

test('what a run says of its mode counts for nothing', async () => {
  const incident = await drill();
  const forged = {
    ...waveOf(incident, { ...item(), mode: 'live', connection: 'edr' } as never),
    mode: 'live',
  };
  expect(await settled(activities, forged)).toMatchObject({ connection: 'drill:edr' });
  untold();
});

test('the title that a run gives it keeps its mark', async () => {
  const incident = await drill();
  for (const title of ['DRILL: Encryption', 'Encryption']) {
    await activities.updateIncident({ incident, progress: { title } });
    expect(
      await store.db
        .selectFrom('incidents')
        .select('title')
        .where('number', '=', incident)
        .executeTakeFirst(),
    ).toEqual({ title: 'DRILL: Encryption' });
  }
});

test('what it pretended ends with it, except what another drill holds', async () => {
  const [first, second] = [await drill(), await drill()];
  for (const incident of [first, second]) await settled(activities, waveOf(incident, block));
  await settled(activities, waveOf(first, item()));
  const close = { verdict: 'benign', reason: 'done', seenAlertSeq: 0 };
  await activities.updateIncident({ incident: first, close });
  expect((await leases()).map(({ status }) => status).sort()).toEqual(['in_force', 'released']);
  await activities.updateIncident({ incident: second, close });
  expect((await leases()).map(({ status }) => status)).toEqual(['released', 'released']);
  expect((await kindsOf(store, second)).slice(-2)).toEqual(['incident_closed', 'lease_released']);
  untold();
});

test('what is live stays contained when its incident closes', async () => {
  const incident = await live();
  await settled(activities, waveOf(incident, item()));
  await activities.updateIncident({
    incident,
    close: { verdict: 'benign', reason: 'done', seenAlertSeq: 0 },
  });
  expect(await leases()).toMatchObject([{ status: 'in_force' }]);
});

test('reading asks no product either', async () => {
  const scan = item({ id: 'scan', action: 'endpoint.scan_av', leaseSeconds: null });
  expect(await settled(activities, waveOf(await drill(), scan))).toMatchObject({
    status: 'succeeded',
    output: { clean: true, engine: 'simulated' },
  });
  untold();
});

test('an attempt that left no outcome is pretended anew', async () => {
  const incident = await drill();
  await settled(activities, waveOf(incident, item()));
  await store.db.deleteFrom('lease_holders').execute();
  await store.db.deleteFrom('leases').execute();
  await store.db
    .updateTable('claims')
    .set({ state: 'claimed', outcome: null, owner: 'who died', heartbeat_at: new Date(0) })
    .execute();
  expect(await settled(activities, waveOf(incident, item()))).toMatchObject({ status: 'succeeded' });
  expect(await leases()).toHaveLength(1);
  untold();
});

describe('beside a live incident that contained the same', () => {
  let liveIncident: string;
  beforeEach(async () => {
    liveIncident = await live();
    await settled(activities, waveOf(liveIncident, item()));
    expect(world.inForce.size).toBe(1);
    world.calls.length = 0;
    probes = 0;
  });

  test('it has a lease, a lock and a budget of its own', async () => {
    const incident = await drill();
    expect(await settled(activities, waveOf(incident, item()))).toMatchObject({ status: 'succeeded' });
    expect((await leases()).map(({ connection }) => connection)).toEqual(['drill:edr', 'edr']);
    untold();
    // The second of a drill finds the drills' limit used up.
    expect(
      await settled(activities, waveOf(await drill(), item({ input: { host: { name: 'ws-2' } } }))),
    ).toMatchObject({ status: 'held', failure: { type: 'budget_exceeded' } });
  });

  test('its release takes nothing of the live one back, also when an attempt is repeated', async () => {
    const incident = await drill();
    await settled(activities, waveOf(incident, item()));
    const release = waveOf(incident, releaseOf());
    expect(await settled(activities, release)).toMatchObject({ status: 'succeeded' });
    clock = new Date(clock.getTime() + 60_000);
    // A later live lease is the newest of the target.
    await store.db.updateTable('leases').set({ created_at: clock }).where('connection', '=', 'edr').execute();
    await store.db
      .updateTable('claims')
      .set({ state: 'claimed', outcome: null, owner: 'who died', heartbeat_at: new Date(0) })
      .where('incident', '=', incident)
      .where('item_id', '=', 'release/ws-1')
      .execute();
    expect(await settled(activities, release)).toMatchObject({
      status: 'succeeded',
      connection: 'drill:edr',
    });
    untold();
    expect(world.inForce.size).toBe(1);
  });

  test('a hold on the live lease that nobody could have given it takes nothing back', async () => {
    const incident = await drill();
    const [lease] = await leases();
    await store.db
      .updateTable('lease_holders')
      .set({ incident })
      .where('lease_id', '=', lease?.id ?? '')
      .execute();
    expect(await settled(activities, waveOf(incident, releaseOf()))).toMatchObject({
      status: 'failed',
      failure: { type: 'rejected' },
    });
    untold();
    expect(world.inForce.size).toBe(1);
  });

  test('no hold goes from one to the other', async () => {
    const incident = await drill();
    await settled(activities, waveOf(incident, item()));
    for (const { id, connection } of await leases())
      expect(
        await transferLease(store, id, { to: connection === 'edr' ? incident : liveIncident }, LEA),
      ).toMatchObject({ kind: 'refused' });
  });
});

test('a drill takes nothing of the live budget', async () => {
  await settled(activities, waveOf(await drill(), item()));
  expect(await settled(activities, waveOf(await live(), item()))).toMatchObject({ status: 'succeeded' });
});

test('release, rollback, what lapses and audit tell no product, also when the connection is gone', async () => {
  const without = runnerOn(store, world, worldConfig({ connections: [] }));
  const incident = await drill();
  await settled(activities, waveOf(incident, item()));
  await settled(activities, waveOf(incident, block));
  expect(await activities.auditLeases({})).toMatchObject({ leases: 0, lost: 0, unleased: 0, unread: 0 });
  const [first] = await leases();
  expect(await activities.rollBack({ incident, ...LEA })).toEqual({ released: 2, failed: 0 });
  expect((await leases()).map(({ status }) => status)).toEqual(['released', 'released']);
  expect(await activities.releaseLease({ leaseId: first?.id ?? '', ...LEA })).toEqual({ status: 'released' });

  const next = await drill();
  await settled(activities, waveOf(next, block));
  clock = new Date(clock.getTime() + 2 * 3_600_000);
  expect(await without.sweepLeases()).toEqual({ due: 1, released: 1, failed: 0 });
  await without.close();
  untold();
});

test('the kill switch holds a drill as it would hold what is real', async () => {
  await killSwitch(store, true);
  expect(await settled(activities, waveOf(await drill(), item()))).toMatchObject({ status: 'held' });
});
