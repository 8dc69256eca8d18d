import type { CrashPoint } from '../../activities/runner-types';
import { AssetIndex } from '../../contracts/assets';
import type { ConfigInput } from '../../contracts/config';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { heartbeatClaims, storeFirstProbe } from '../../store/claims';
import { recordDecision } from '../../store/decisions';
import type { Store } from '../../store/store';
import { removeTarget } from '../../store/targets';
import { verifyJournal } from '../../store/verify-journal';
import {
  decide,
  gate,
  holdFirst,
  item,
  kindsOf,
  killSwitch,
  openIncident,
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
const host = (name: string) => item({ id: `isolate/${name}`, input: { host: { name } } });

const revoke = item({
  id: 'revoke',
  action: 'identity.revoke_sessions',
  input: { account: { name: 'kim' } },
  leaseSeconds: null,
});

describe('two processes and one item', () => {
  test('both run the wave at once, twenty times: one effect each time', async () => {
    const config = worldConfig();
    const both = [runner(config), runner(config)];
    for (let n = 0; n < 20; n++) {
      const wave = waveOf(await openIncident(store, config), host(`ws-${String(n)}`));
      const results = await Promise.all(both.map((one) => settled(one, wave)));
      expect(results.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
    }
    expect(world.applied).toHaveLength(20);
    expect(await leases()).toHaveLength(20);
  });

  test('an owner that was taken for dead is fenced before its call, and nothing of its outcome is written', async () => {
    const config = worldConfig();
    const [slow, quick] = [runner(config), runner(config)];
    const wave = waveOf(await openIncident(store, config), item());
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const late = slow.runWave(wave);
    await reached;
    expect(await takeOver(store, 'claims', quick, wave)).toMatchObject({ status: 'succeeded' });
    letGo();
    expect((await late).items[0]).toMatchObject({ status: 'running' });
    expect(await settled(slow, wave)).toMatchObject({ status: 'succeeded' });
    expect(world.applied).toEqual(['endpoint.isolate_host ws-1']);
    expect(await kindsOf(store, wave.incident)).toEqual([
      'action_claimed',
      'action_retried',
      'action_settled',
      'lease_acquired',
    ]);
  });

  test('the reply of an owner that was taken for dead counts no more: its effect is found by reading', async () => {
    const config = worldConfig();
    const [slow, quick] = [runner(config), runner(config)];
    const wave = waveOf(await openIncident(store, config), item());
    const { reached, letGo } = holdFirst(world, 'beforeReply');
    const late = slow.runWave(wave);
    await reached;
    expect(await takeOver(store, 'claims', quick, wave)).toMatchObject({ status: 'succeeded' });
    letGo();
    expect((await late).items[0]).toMatchObject({ status: 'running' });
    expect(world.applied).toHaveLength(1);
    expect((await kindsOf(store, wave.incident)).filter((kind) => kind === 'action_settled')).toHaveLength(1);
    expect(await leases()).toMatchObject([{ we_did_it: true }]);
  });

  test('the runner fences by itself, also what needs no lock and what its adapter does not ask for', async () => {
    const config = worldConfig();
    const [reached, letGo] = [gate(), gate()];
    const slow = runner(config, async (point) => {
      if (point !== 'claimed') return;
      reached.open();
      await letGo.closed;
    });
    const wave = waveOf(await openIncident(store, config), revoke);
    const late = slow.runWave(wave);
    await reached.closed;
    expect(await takeOver(store, 'claims', runner(config), wave)).toMatchObject({ status: 'succeeded' });
    letGo.open();
    expect((await late).items[0]).toMatchObject({ status: 'running' });
    expect(world.calls).toHaveLength(1);
  });
  test('nothing is written of an outcome that a newer attempt has overtaken', async () => {
    const config = worldConfig();
    const [slow, quick] = [runner(config), runner(config)];
    const wave = waveOf(await openIncident(store, config), revoke);
    const { reached, letGo } = holdFirst(world, 'beforeReply');
    const late = slow.runWave(wave);
    await reached;
    expect(await takeOver(store, 'claims', quick, wave)).toMatchObject({ status: 'succeeded' });
    letGo();
    expect((await late).items[0]).toMatchObject({ status: 'running' });
    expect((await kindsOf(store, wave.incident)).filter((kind) => kind === 'action_settled')).toHaveLength(1);
  });
  test('what was read first is kept, whoever reads again', async () => {
    const config = worldConfig();
    const wave = waveOf(await openIncident(store, config), item());
    await settled(runner(config), wave);
    const { action_key: key } = await store.db
      .selectFrom('claims')
      .select('action_key')
      .executeTakeFirstOrThrow();
    await storeFirstProbe(store, { key, fence: 1, lockKey: null }, { inForce: true, state: {} });
    const row = store.db.selectFrom('claims').select('first_probe');
    expect(await row.executeTakeFirst()).toMatchObject({ first_probe: { inForce: false } });
  });

  test('while the owner is heard of, the other waits', async () => {
    const config = worldConfig();
    const [slow, quick] = [runner(config), runner(config)];
    const wave = waveOf(await openIncident(store, config), item());
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const late = slow.runWave(wave);
    await reached;
    expect((await quick.runWave(wave)).items[0]).toMatchObject({ status: 'running' });
    letGo();
    expect((await late).items[0]).toMatchObject({ status: 'succeeded' });
    expect(world.calls).toHaveLength(1);
  });

  test('asked again in the process that works on it, it is that very attempt', async () => {
    const config = worldConfig();
    const activities = runner(config);
    const wave = waveOf(await openIncident(store, config), item());
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const first = activities.runWave(wave);
    await reached;
    expect((await activities.runWave({ ...wave, patienceMs: 50 })).items[0]).toMatchObject({
      status: 'running',
    });
    letGo();
    expect((await first).items[0]).toMatchObject({ status: 'succeeded' });
    expect(world.calls).toHaveLength(1);
    expect(await store.db.selectFrom('claims').select('attempt').execute()).toEqual([{ attempt: 1 }]);
  });

  test('a heartbeat speaks for its own claims only', async () => {
    const config = worldConfig();
    const wave = waveOf(await openIncident(store, config), item());
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const late = runner(config).runWave(wave);
    await reached;
    const { action_key: key, owner } = await store.db
      .selectFrom('claims')
      .selectAll()
      .executeTakeFirstOrThrow();
    const age = async (): Promise<number> => {
      const row = await store.db.selectFrom('claims').select('heartbeat_at').executeTakeFirstOrThrow();
      return Date.now() - row.heartbeat_at.getTime();
    };
    await store.db.updateTable('claims').set({ heartbeat_at: LONG_AGO, owner: 'somebody else' }).execute();
    await heartbeatClaims(store, owner, [key]);
    const others = await age();
    await store.db.updateTable('claims').set({ owner }).execute();
    await heartbeatClaims(store, owner, [key]);
    const own = await age();
    letGo();
    await late;
    expect(others).toBeGreaterThan(60_000);
    expect(own).toBeLessThan(60_000);
  });
});

describe('budgets', () => {
  const budgeted = (limit: number, extra: Partial<ConfigInput> = {}) =>
    worldConfig({
      budgets: [{ id: 'b', actions: ['endpoint.isolate_host'], limit, windowSeconds: 3600 }],
      ...extra,
    });
  test('a hundred incidents in two processes against ten: ten are done, ninety are held', async () => {
    const config = budgeted(10);
    const both = [runner(config), runner(config)];
    const incidents: string[] = [];
    for (let n = 0; n < 100; n++) incidents.push(await openIncident(store, config));
    const results = await Promise.all(
      incidents.map((incident, n) =>
        settled(both[n % 2] as Activities, waveOf(incident, host(`ws-${String(n)}`))),
      ),
    );
    const count = (status: string): number => results.filter((result) => result.status === status).length;
    expect([count('succeeded'), count('held')]).toEqual([10, 90]);
    expect(world.applied).toHaveLength(10);
  }, 60_000);

  test('what certainly did not happen gives its unit back', async () => {
    const config = budgeted(1);
    const activities = runner(config);
    const incident = await openIncident(store, config);
    world.faults = ['refused', 'unsupported'];
    world.inForce.add('endpoint.isolate_host ws-3');
    const ends: string[] = [];
    for (const name of ['ws-1', 'ws-2', 'ws-3', 'ws-4', 'ws-5'])
      ends.push((await settled(activities, waveOf(incident, host(name)))).status);
    expect(ends).toEqual(['failed', 'unsupported', 'already', 'succeeded', 'held']);
  });

  test('what may have happened keeps its unit, and is never repeated by itself', async () => {
    const config = budgeted(1);
    world.blind.add('endpoint.isolate_host');
    world.faults = ['lost_reply'];
    const activities = runner(config);
    const wave = waveOf(await openIncident(store, config), item());
    expect(await settled(activities, wave)).toMatchObject({
      status: 'unknown',
      failure: { type: 'unknown_outcome', message: expect.stringMatching(/^no reply/) as string },
    });
    expect(await settled(runner(config), wave)).toMatchObject({ status: 'unknown' });
    expect(world.calls).toHaveLength(1);
    expect(await settled(activities, waveOf(wave.incident, host('ws-2')))).toMatchObject({ status: 'held' });
  });

  test('one whose owner died without an outcome, and that can’t be read, is unknown', async () => {
    const config = worldConfig();
    world.blind.add('endpoint.isolate_host');
    const dying = runner(config, (point) =>
      point === 'acted' ? Promise.reject(new Error('kill -9')) : Promise.resolve(),
    );
    const wave = waveOf(await openIncident(store, config), item());
    await expect(dying.runWave(wave)).rejects.toThrow('kill -9');
    expect(await takeOver(store, 'claims', runner(config), wave)).toMatchObject({ status: 'unknown' });
    expect(world.applied).toHaveLength(1);
  });

  test('an item that waits for another’s lock holds no unit meanwhile', async () => {
    const config = budgeted(2);
    const [one, two] = [runner(config), runner(config)];
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const late = one.runWave(waveOf(await openIncident(store, config), item()));
    await reached;
    expect((await two.runWave(waveOf(await openIncident(store, config), item()))).items[0]).toMatchObject({
      status: 'running',
    });
    const third = await two.runWave(waveOf(await openIncident(store, config), host('ws-2')));
    expect(third.items[0]).toMatchObject({ status: 'succeeded' });
    letGo();
    await late;
  });
});

describe('between claim and act', () => {
  test('the kill switch stops what was claimed but not told to the product yet', async () => {
    const config = worldConfig();
    const wave = waveOf(await openIncident(store, config), item());
    const activities = runner(config, async (point) => {
      if (point === 'probed') await killSwitch(store, true);
    });
    expect(await settled(activities, wave)).toMatchObject({
      status: 'pending',
      failure: { type: 'kill_switch' },
    });
    await store.db.updateTable('claims').set({ again_at: LONG_AGO }).execute();
    expect(await settled(activities, wave)).toMatchObject({ status: 'held' });
    expect(world.applied).toEqual([]);
    await killSwitch(store, false);
    expect(await settled(activities, wave)).toMatchObject({ status: 'succeeded' });
  });

  test('what a person takes out after its claim and before its call is denied and not told', async () => {
    const config = worldConfig();
    const wave = waveOf(await openIncident(store, config), item());
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const working = runner(config).runWave(wave);
    await reached;
    const by = { person: 'ana', reason: 'not theirs' };
    const target = { kind: 'host', name: 'ws-1' } as const;
    expect(await removeTarget(store, wave.incident, target, by, new AssetIndex([]))).toMatchObject({
      kind: 'removed',
      underWay: [{ action: 'endpoint.isolate_host', target: 'host:ws-1' }],
    });
    letGo();
    expect((await working).items[0]).toMatchObject({ status: 'denied', failure: { type: 'target_removed' } });
    expect(world.applied).toEqual([]);
    expect(await leases()).toEqual([]);
  });

  test('a withdrawal is told that it comes too late, and what to do instead', async () => {
    const config = worldConfig({ policy: DEFAULT_POLICY });
    const activities = runner(config);
    const wave = waveOf(await openIncident(store, config), item());
    const { request } = await settled(activities, wave);
    await decide(store, request?.id ?? '', 'lee');
    const { reached, letGo } = holdFirst(world, 'beforeTold');
    const working = activities.runWave(wave);
    await reached;
    const answer = await recordDecision(
      store,
      request?.id ?? '',
      { decisionId: '6d3f0b1e-6a63-4b0e-9d8f-0c8a2f6f1a10', verdict: 'withdraw' },
      { person: 'lee', roles: ['lead'], channel: 'api' },
    );
    expect(answer).toMatchObject({ kind: 'too_late', why: expect.stringContaining('release') as string });
    letGo();
    expect((await working).items[0]).toMatchObject({ status: 'succeeded' });
  });

  test('a call that was given up tells the product nothing any more', async () => {
    const config = worldConfig();
    world.timeoutMs = 100;
    const { letGo } = holdFirst(world, 'beforeTold');
    const wave = waveOf(await openIncident(store, config), revoke);
    expect(await settled(runner(config), wave)).toMatchObject({ status: 'succeeded' });
    letGo();
    while (world.ended < 2) await store.db.selectFrom('claims').select('fence').execute();
    expect(world.calls).toHaveLength(2);
    expect(world.applied).toHaveLength(1);
  });
});

describe('replies', () => {
  test('one that is lost after it was done: done once, and known to be ours', async () => {
    const config = worldConfig();
    world.faults = ['lost_reply'];
    const wave = waveOf(await openIncident(store, config), item());
    expect(await settled(runner(config), wave)).toMatchObject({ status: 'succeeded' });
    expect(world.applied).toHaveLength(1);
    expect(await leases()).toMatchObject([{ we_did_it: true }]);
  });
  test('one that makes no sense, and leaves nothing in force, fails in the end', async () => {
    const config = worldConfig();
    world.faults = ['garbled', 'garbled', 'garbled', 'garbled', 'garbled'];
    const wave = waveOf(await openIncident(store, config), item());
    expect(await settled(runner(config), wave)).toMatchObject({
      status: 'failed',
      failure: { type: 'unexpected_reply' },
    });
  });
});
