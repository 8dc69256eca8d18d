import type { WaveItem } from '../../contracts/messages';
import type { Role } from '../../contracts/values';
import { enqueue } from '../../store/outbox';
import { savePerson } from '../../store/people';
import { inTransaction, openStore, type Store } from '../../store/store';
import {
  decide,
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

let now = new Date('2026-05-01T12:00:00Z');
let store: Store;
let world: World;
let activities: Activities;
let incident: string;
beforeAll(async () => {
  store = await openStore({ memory: true, now: () => Promise.resolve(now) });
  for (const [id, roles] of [
    ['lea', ['lead']],
    ['ana', ['analyst']],
  ] as [string, Role[]][])
    await savePerson(store, { id, name: id, roles });
}, 60_000);
afterAll(() => store.close());
async function begin(mode: 'live' | 'drill' = 'live'): Promise<void> {
  world = new World();
  const config = worldConfig();
  activities = runnerOn(store, world, config);
  incident = await openIncident(store, config, { mode });
}
afterEach(async () => {
  await activities.close();
  for (const table of ['lease_holders', 'leases', 'lease_locks'] as const)
    await store.db.deleteFrom(table).execute();
});

const input = { host: { name: 'ws-1' } };
const reimage = (extra: Partial<WaveItem> = {}): WaveItem =>
  item({ id: 'reimage/ws-1', action: 'host.reimage', input, leaseSeconds: null, ...extra });
const memory = (extra: Partial<WaveItem> = {}): WaveItem =>
  item({ id: 'collect_memory/ws-1', action: 'endpoint.collect_memory', input, leaseSeconds: null, ...extra });
const run = (...items: WaveItem[]) => settled(activities, waveOf(incident, ...items));
const retryBy = (person: string): Promise<void> =>
  inTransaction(store, (tx) =>
    enqueue(
      tx,
      'command',
      incident,
      {
        kind: 'resolve_item',
        id: 'r',
        item: 'reimage/ws-1',
        resolution: 'retry',
        by: `person:${person}`,
        reason: 'no memory to be had',
      },
      now,
    ),
  );

describe('an order rule', () => {
  test('refuses before anybody is asked, names rule and fix, and is in the journal', async () => {
    await begin();
    const result = await run(reimage());
    expect(result).toMatchObject({ status: 'failed', failure: { type: 'order_violation' } });
    expect(result.failure?.message).toMatch(/rule memory_first.*Fix: collect the memory of the host first/);
    expect(world.calls).toEqual([]);
    expect(await kindsOf(store, incident)).toEqual(['action_refused']);
  });

  test('is kept once that is done, in the same incident and on the same target', async () => {
    await begin();
    await run(memory({ input: { host: { name: 'ws-2' } }, id: 'collect_memory/ws-2' }));
    expect((await run(reimage())).status).toBe('failed');
    const other = incident;
    incident = await openIncident(store, worldConfig());
    await run(memory());
    incident = other;
    expect((await run(reimage({ occurrence: 2 }))).status).toBe('failed');
    await run(memory());
    expect((await run(reimage({ occurrence: 3 }))).status).toBe('succeeded');
  });

  test('waits for what was asked for in the same wave, and goes on once that is done', async () => {
    await begin();
    const wave = waveOf(incident, reimage(), memory());
    const [first] = (await activities.runWave(wave)).items;
    expect(first).toMatchObject({ status: 'held', failure: { type: 'order_violation' } });
    await run(memory());
    expect((await run(reimage())).status).toBe('succeeded');
  });

  test('is not kept by what has failed', async () => {
    await begin();
    world.faults = ['refused'];
    expect((await run(memory())).status).toBe('failed');
    expect((await run(reimage())).failure?.type).toBe('order_violation');
  });

  test('yields to a lead who has it retried, and to nobody else', async () => {
    await begin();
    await retryBy('lea');
    now = new Date(now.getTime() + 1000);
    expect((await run(reimage())).status).toBe('failed');
    await retryBy('ana');
    expect((await run(reimage({ occurrence: 2 }))).status).toBe('failed');
    await retryBy('lea');
    expect((await run(reimage({ occurrence: 3 }))).status).toBe('succeeded');
  });

  test('holds in a drill too', async () => {
    await begin('drill');
    expect((await run(reimage())).failure?.type).toBe('order_violation');
    expect((await run(memory())).status).toBe('succeeded');
    expect((await run(reimage({ occurrence: 2 }))).status).toBe('succeeded');
    expect(world.calls).toEqual([]);
  });
});

describe('a release that waits for both scans', () => {
  const both = releaseOf({ onlyWhenClean: true, cleanBy: ['antivirus', 'vulnerability'] });
  const scan = (action: 'endpoint.scan_av' | 'vuln.scan', occurrence = 1): WaveItem =>
    item({ id: `${action}/ws-1`, action, input, leaseSeconds: null, occurrence });

  test('asks a lead while one of them is missing or not clean, and says which', async () => {
    await begin();
    await run(item());
    now = new Date(now.getTime() + 1000);
    await run(scan('endpoint.scan_av'));
    const waits = await run(both);
    expect(waits.status).toBe('awaiting');
    const asked = await store.db
      .selectFrom('approval_items')
      .select('requirement')
      .where('request_id', '=', waits.request?.id ?? '')
      .executeTakeFirstOrThrow();
    expect(asked.requirement).toMatchObject({
      groups: [{ roles: ['lead'], count: 1 }],
      why: 'release in spite of this: no vulnerability scan that began since it was contained has ended',
    });
    await run(scan('vuln.scan'));
    expect((await run(both)).status).toBe('succeeded');
  });

  test('a lead lets it go in spite of it', async () => {
    await begin();
    await run(item());
    const waits = await run(both);
    await decide(store, waits.request?.id ?? '', 'lea');
    expect((await run(both)).status).toBe('succeeded');
  });
});
