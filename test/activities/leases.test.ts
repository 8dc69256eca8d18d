import type { CrashPoint } from '../../activities/runner-types';
import type { Store } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import {
  holdFirst,
  item,
  kindsOf,
  killSwitch,
  openIncident,
  releaseOf,
  runnerOn,
  settled,
  takeOver,
  waveOf,
  World,
  worldConfig,
  type Activities,
} from '../support/runner';
import { startPostgres, type Postgres } from '../support/store';

const LONG_AGO = new Date('2020-01-01T00:00:00Z');
let postgres: Postgres;
let store: Store;
let world: World;
const opened: Activities[] = [];
beforeAll(async () => {
  postgres = await startPostgres();
  store = await postgres.newStore();
}, 120_000);
afterAll(async () => {
  await store.close();
  postgres.remove();
});
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  expect((await verifyJournal(store.db)).problems).toEqual([]);
  for (const table of [
    'lease_holders',
    'leases',
    'lease_locks',
    'budget_uses',
    'settings',
    'claims',
  ] as const)
    await store.db.deleteFrom(table).execute();
});

function runner(config = worldConfig(), at?: (point: CrashPoint) => Promise<void>): Activities {
  const made = runnerOn(store, world, config, at === undefined ? {} : { at });
  opened.push(made);
  return made;
}

const leases = () => store.db.selectFrom('leases').select(['status', 'we_did_it', 'target_key']).execute();
const holders = async (): Promise<string[]> =>
  (await store.db.selectFrom('lease_holders').select('incident').where('released_at', 'is', null).execute())
    .map(({ incident }) => incident)
    .sort();
const host = (name: string) => item({ id: `isolate/${name}`, input: { host: { name } } });
const release = (name: string) => releaseOf({ id: `release/${name}`, input: { host: { name } } });

describe('leases', () => {
  test('two incidents isolate one host at once: one effect and two holders; both let go at once: it is released', async () => {
    const config = worldConfig();
    const both = [runner(config), runner(config)] as const;
    for (let n = 0; n < 10; n++) {
      const name = `ws-${String(n)}`;
      const incidents = [await openIncident(store, config), await openIncident(store, config)] as const;
      const isolated = await Promise.all(
        both.map((one, i) => settled(one, waveOf(incidents[i] ?? '', host(name)))),
      );
      expect(isolated.map(({ status }) => status).sort()).toEqual(['already', 'succeeded']);
      expect(await holders()).toEqual([...incidents].sort());
      const released = await Promise.all(
        both.map((one, i) => settled(one, waveOf(incidents[i] ?? '', release(name)))),
      );
      expect(released.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
      expect(await holders()).toEqual([]);
      expect(world.applied.splice(0)).toEqual([
        `endpoint.isolate_host ${name}`,
        `endpoint.release_host ${name}`,
      ]);
    }
  }, 60_000);

  test('a release that races with another incident’s isolation: leases equal what is in force', async () => {
    const config = worldConfig();
    const both = [runner(config), runner(config)] as const;
    for (let n = 0; n < 15; n++) {
      const name = `ws-${String(n)}`;
      const [first, second] = [await openIncident(store, config), await openIncident(store, config)];
      await settled(both[0], waveOf(first, host(name)));
      await Promise.all([
        settled(both[0], waveOf(first, release(name))),
        settled(both[1], waveOf(second, host(name))),
      ]);
      expect(world.inForce.has(`endpoint.isolate_host ${name}`)).toBe(true);
      expect(await holders()).toEqual([second]);
      await settled(both[1], waveOf(second, release(name)));
      expect(world.inForce.size).toBe(0);
      expect(await holders()).toEqual([]);
    }
  }, 60_000);

  test('one whose lock was taken over meanwhile is fenced, though nobody took its claim', async () => {
    const config = worldConfig();
    const [slow, quick] = [runner(config), runner(config)];
    const [first, second] = [await openIncident(store, config), await openIncident(store, config)];
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const late = slow.runWave(waveOf(first, item()));
    await reached;
    expect(await takeOver(store, 'lease_locks', quick, waveOf(second, item()))).toMatchObject({
      status: 'succeeded',
    });
    letGo();
    expect((await late).items[0]).toMatchObject({ status: 'running' });
    expect(world.applied).toHaveLength(1);
    expect(await settled(slow, waveOf(first, item()))).toMatchObject({ status: 'succeeded' });
    expect(world.applied).toHaveLength(1);
    expect(await holders()).toEqual([first, second].sort());
  });

  test('one that lost its lock after its call reads what is in force before it writes a lease', async () => {
    const config = worldConfig();
    const [slow, quick] = [runner(config), runner(config)];
    const [first, second] = [await openIncident(store, config), await openIncident(store, config)];
    const { reached, letGo } = holdFirst(world, 'beforeReply');
    const late = slow.runWave(waveOf(first, item()));
    await reached;
    await takeOver(store, 'lease_locks', quick, waveOf(second, item()));
    // It was in force before the second came, so nobody has yet said that it is ours.
    world.inForce.clear();
    letGo();
    await late;
    expect((await settled(slow, waveOf(first, item()))).status).toBe('succeeded');
    expect(world.inForce.size).toBe(1);
  });

  test('what was contained before us is not released by us, whoever lets go last', async () => {
    const config = worldConfig();
    world.inForce.add('endpoint.isolate_host ws-1');
    const both = [runner(config), runner(config)] as const;
    const incidents = [await openIncident(store, config), await openIncident(store, config)] as const;
    await Promise.all(both.map((one, i) => settled(one, waveOf(incidents[i] ?? '', item()))));
    expect(await holders()).toEqual([...incidents].sort());
    await Promise.all(both.map((one, i) => settled(one, waveOf(incidents[i] ?? '', releaseOf()))));
    expect(await leases()).toMatchObject([{ status: 'released', we_did_it: false }]);
    expect(world.calls).toEqual([]);
  });

  test('a rollback leaves what another incident holds, and what was contained before us', async () => {
    const config = worldConfig();
    world.inForce.add('endpoint.isolate_host ws-0');
    const activities = runner(config);
    const [first, second] = [await openIncident(store, config), await openIncident(store, config)];
    for (const name of ['ws-0', 'ws-1', 'ws-2']) await settled(activities, waveOf(first, host(name)));
    await settled(activities, waveOf(second, host('ws-1')));
    const order = { incident: first, by: 'person:lee', reason: 'false positive' };
    expect(await activities.rollBack(order)).toEqual({ released: 3, failed: 0 });
    expect(world.inForce).toEqual(new Set(['endpoint.isolate_host ws-0', 'endpoint.isolate_host ws-1']));
    expect(await holders()).toEqual([second]);
  });

  const block = item({ id: 'block', action: 'network.block_ip', input: { ip: '203.0.113.9' } });
  const due = () => store.db.updateTable('leases').set({ expires_at: LONG_AGO }).execute();
  test('two sweeps at once lift a lapsed block once', async () => {
    const config = worldConfig();
    const [one, two] = [runner(config), runner(config)];
    await settled(one, waveOf(await openIncident(store, config), block));
    await due();
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const sweeping = one.sweepLeases();
    await reached;
    await two.sweepLeases();
    letGo();
    expect(await sweeping).toMatchObject({ released: 1 });
    expect(world.applied).toEqual(['network.block_ip 203.0.113.9', 'network.unblock_ip 203.0.113.9']);
    expect(world.calls).toHaveLength(2);
  });
  test('two sweeps at once extend an isolation and say so once', async () => {
    const config = worldConfig();
    const [one, two] = [runner(config), runner(config)];
    const incident = await openIncident(store, config);
    await settled(one, waveOf(incident, item()));
    await due();
    await Promise.all([one.sweepLeases(), two.sweepLeases()]);
    expect((await kindsOf(store, incident)).filter((kind) => kind === 'lease_extended')).toHaveLength(1);
    expect(world.inForce.size).toBe(1);
  });
  test('a round comes to all that is due, however much it is', async () => {
    const one = runner();
    const incident = await openIncident(store, worldConfig());
    await settled(one, waveOf(incident, item()));
    const isolation = await store.db.selectFrom('leases').selectAll().executeTakeFirstOrThrow();
    await settled(one, waveOf(incident, block));
    const copies = Array.from({ length: 250 }, (_, n) => ({
      ...isolation,
      id: `copy-${String(n)}`,
      target_key: `host:copy-${String(n)}`,
      inverse_input: JSON.stringify(isolation.inverse_input),
    }));
    await store.db.insertInto('leases').values(copies).execute();
    await due();
    expect(await one.sweepLeases()).toEqual({ due: 252, released: 1, failed: 0 });
    expect((await one.sweepLeases()).due).toBe(0);
  });
  test('two sweeps at once ask once about what is about to be due', async () => {
    const config = worldConfig();
    const [one, two] = [runner(config), runner(config)];
    const incident = await openIncident(store, config);
    for (let n = 0; n < 10; n++) await settled(one, waveOf(incident, host(`ws-${String(n)}`)));
    const soon = new Date(Date.now() + 60_000);
    await store.db.updateTable('leases').set({ expires_at: soon }).execute();
    await Promise.all([one.sweepLeases(), two.sweepLeases()]);
    const asked = (await kindsOf(store, incident)).filter((kind) => kind === 'lease_due_soon');
    expect(asked).toHaveLength(10);
  });
  test('with the kill switch on nothing lapses; what a person asks for is let through', async () => {
    const config = worldConfig();
    const activities = runner(config);
    const incident = await openIncident(store, config);
    await settled(activities, waveOf(incident, block));
    await settled(activities, waveOf(incident, item()));
    await store.db
      .updateTable('leases')
      .set({ expires_at: LONG_AGO })
      .where('action', '=', 'network.block_ip')
      .execute();
    await killSwitch(store, true);
    expect(await activities.sweepLeases()).toEqual({ due: 1, released: 0, failed: 0 });
    const { id } = await store.db
      .selectFrom('leases')
      .select('id')
      .where('action', '=', 'endpoint.isolate_host')
      .executeTakeFirstOrThrow();
    const asked = await activities.releaseLease({
      leaseId: id,
      by: 'person:lee',
      reason: 'the plant stands still',
    });
    expect(asked).toEqual({ status: 'released' });
    expect(world.inForce).toEqual(new Set(['network.block_ip 203.0.113.9']));
    await killSwitch(store, false);
    expect(await activities.sweepLeases()).toEqual({ due: 1, released: 1, failed: 0 });
  });
});

describe('a host goes back when clean', () => {
  const scan = (extra: object = {}) =>
    item({
      id: 'scan',
      action: 'endpoint.scan_av',
      input: { host: { name: 'ws-1' }, ...extra },
      leaseSeconds: null,
    });
  const whenClean = releaseOf({ onlyWhenClean: true });
  test.each([
    ['without any scan', false, {}, true, 'awaiting'],
    ['after a clean one', true, {}, true, 'succeeded'],
    ['not after a dirty one', true, {}, false, 'awaiting'],
    ['not after one of some folders', true, { paths: ['/tmp/empty'] }, true, 'awaiting'],
  ])('%s', async (_what, scans, extra, clean, status) => {
    const config = worldConfig();
    const activities = runner(config);
    const incident = await openIncident(store, config);
    await settled(activities, waveOf(incident, item()));
    world.clean = clean;
    if (scans) await settled(activities, waveOf(incident, scan(extra)));
    expect(await settled(activities, waveOf(incident, whenClean))).toMatchObject({ status });
  });
  test('not after one that began before it was contained', async () => {
    const config = worldConfig();
    const activities = runner(config);
    const incident = await openIncident(store, config);
    const { reached, letGo } = holdFirst(world, 'beforeReply');
    const scanning = activities.runWave(waveOf(incident, scan()));
    await reached;
    await settled(activities, waveOf(incident, item()));
    letGo();
    await scanning;
    expect(await settled(activities, waveOf(incident, whenClean))).toMatchObject({ status: 'awaiting' });
  });
});

describe('what the product accepted and is still at', () => {
  const AT_IT = { status: 'pending', againInMs: 60_000 };
  test('is not told to it again by another incident, which shares it once it is in force', async () => {
    const config = worldConfig();
    const [one, two] = [runner(config), runner(config)];
    const [first, second] = [await openIncident(store, config), await openIncident(store, config)];
    world.accepts = true;
    expect(await settled(one, waveOf(first, item()))).toMatchObject(AT_IT);
    // Longer ago than any owner of a claim may be silent.
    await store.db.updateTable('lease_locks').set({ heartbeat_at: LONG_AGO }).execute();
    expect((await two.runWave(waveOf(second, item()))).items[0]).toMatchObject({ status: 'running' });
    expect(world.calls).toHaveLength(1);
    world.accepts = false;
    world.inForce.add('endpoint.isolate_host ws-1');
    await store.db.updateTable('claims').set({ again_at: new Date() }).execute();
    expect(await settled(one, waveOf(first, item()))).toMatchObject({ status: 'succeeded' });
    expect(await settled(two, waveOf(second, item()))).toMatchObject({ status: 'already' });
    expect(world.calls).toHaveLength(1);
    expect(await holders()).toEqual([first, second].sort());
    expect(await leases()).toMatchObject([{ we_did_it: true }]);
  });
  test('holds up nobody when nobody has asked for its outcome for long', async () => {
    const config = worldConfig();
    const [one, two] = [runner(config), runner(config)];
    const [first, second] = [await openIncident(store, config), await openIncident(store, config)];
    world.accepts = true;
    await settled(one, waveOf(first, item()));
    world.accepts = false;
    await store.db.updateTable('lease_locks').set({ heartbeat_at: LONG_AGO }).execute();
    await store.db.updateTable('claims').set({ again_at: LONG_AGO }).execute();
    expect(await settled(two, waveOf(second, item()))).toMatchObject({ status: 'succeeded' });
  });
});
