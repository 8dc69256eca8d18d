import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { sha256 } from '../../store/canonical';
import { evidenceWriter } from '../../activities/evidence';
import type { WaveCall } from '../../activities/run-wave';
import type { Config } from '../../contracts/config';
import { incidentWorkflowId, type ItemResult, type WaveInput, type WaveItem } from '../../contracts/messages';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { enqueue } from '../../store/outbox';
import { savePolicy } from '../../store/policies';
import { inTransaction, type Store } from '../../store/store';
import {
  decide,
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

const asking = worldConfig({ policy: DEFAULT_POLICY });
const free = worldConfig();
let now = new Date('2026-05-01T00:00:00Z');
let store: Store;
let world: World;
const opened: Activities[] = [];
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(now) });
}, 60_000);
afterAll(() => store.close());
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  for (const table of [
    'lease_holders',
    'leases',
    'lease_locks',
    'budget_uses',
    'settings',
    'outbox',
  ] as const)
    await store.db.deleteFrom(table).execute();
});

function runner(config: Config, call: WaveCall = {}): Activities {
  const made = runnerOn(store, world, config, {}, () => call);
  opened.push(made);
  return made;
}
const later = (minutes: number): void => {
  now = new Date(now.getTime() + minutes * 60_000);
};
const first = async (activities: Activities, wave: WaveInput): Promise<ItemResult> =>
  (await activities.runWave(wave)).items[0] as ItemResult;

describe('a denial holds', () => {
  async function denied(): Promise<{ incident: string; activities: Activities }> {
    const incident = await openIncident(store, asking);
    const activities = runner(asking);
    const { request } = await first(activities, waveOf(incident, item()));
    await decide(store, request?.id ?? '', 'lee', 'deny');
    expect(await first(activities, waveOf(incident, item()))).toMatchObject({ status: 'denied' });
    return { incident, activities };
  }
  const names: [string, Partial<WaveItem>, string][] = [
    ['another occurrence', { occurrence: 2 }, 'contain-1'],
    ['another item', { id: 'please/ws-1' }, 'contain-1'],
    ['another group', {}, 'contain-2'],
    ['another lease', { id: 'x', leaseSeconds: 60 }, 'contain-1'],
    ['another spelling', { id: 'y', input: { host: { name: 'WS-1' } } }, 'contain-1'],
  ];
  test.each(names)('under %s nobody is asked again', async (_what, change, group) => {
    const { incident, activities } = await denied();
    const wave = waveOf(incident, item(change));
    const again = await first(activities, { ...wave, group: { ...wave.group, id: group } });
    expect(again).toMatchObject({ status: 'denied', failure: { type: 'approval_denied' } });
    const requests = store.db.selectFrom('approval_requests').select('id').where('incident', '=', incident);
    expect(await requests.execute()).toHaveLength(1);
    expect(world.calls).toEqual([]);
  });
  test('silence is such a denial', async () => {
    const incident = await openIncident(store, asking);
    const activities = runner(asking);
    await first(activities, waveOf(incident, item()));
    later(241);
    expect(await first(activities, waveOf(incident, item()))).toMatchObject({
      status: 'denied',
      failure: { type: 'approval_expired' },
    });
    expect(await first(activities, waveOf(incident, item({ occurrence: 2 })))).toMatchObject({
      status: 'denied',
      failure: { type: 'approval_denied' },
    });
  });
  test('an alert that joins makes it a new question', async () => {
    const { incident, activities } = await denied();
    later(1);
    await store.db
      .updateTable('incidents')
      .set({ last_alert_at: now })
      .where('number', '=', incident)
      .execute();
    expect(await first(activities, waveOf(incident, item({ occurrence: 2 })))).toMatchObject({
      status: 'awaiting',
    });
  });
  test('a person who asks for a retry makes it a new question, for that item only', async () => {
    const { incident, activities } = await denied();
    later(1);
    const command = { kind: 'resolve_item', id: 'c', resolution: 'retry', by: 'lee', reason: 'r' };
    await inTransaction(store, (tx) =>
      enqueue(tx, 'command', incident, { ...command, item: 'contain-1/isolate/ws-1' }, now),
    );
    expect(await first(activities, waveOf(incident, item({ id: 'z', occurrence: 2 })))).toMatchObject({
      status: 'denied',
    });
    expect(await first(activities, waveOf(incident, item({ occurrence: 2 })))).toMatchObject({
      status: 'awaiting',
    });
  });
  test('of another host or in another incident it is another question', async () => {
    const { incident, activities } = await denied();
    const other = item({ id: 'isolate/ws-2', input: { host: { name: 'ws-2' } } });
    expect(await first(activities, waveOf(incident, other))).toMatchObject({ status: 'awaiting' });
    const elsewhere = await openIncident(store, asking);
    expect(await first(activities, waveOf(elsewhere, item()))).toMatchObject({ status: 'awaiting' });
  });
});

describe('a run speaks for its own incident only', () => {
  test('what another run says in its name is refused, and nothing is done or written', async () => {
    const [mine, theirs] = [await openIncident(store, free), await openIncident(store, free)];
    const honest = runner(free);
    await settled(honest, waveOf(theirs, item()));
    const forging = runner(free, { workflowId: incidentWorkflowId(mine) });
    const forged = waveOf(theirs, releaseOf());
    expect(await first(forging, { ...forged, progress: { phase: 'closed' } })).toMatchObject({
      status: 'failed',
      failure: { type: 'rejected' },
    });
    await expect(forging.rollBack({ incident: theirs, by: 'person:lee', reason: 'r' })).rejects.toThrow(
      theirs,
    );
    const close = { verdict: 'benign', reason: 'r', seenAlertSeq: 0 };
    await expect(forging.updateIncident({ incident: theirs, close })).rejects.toThrow(theirs);
    await expect(forging.readAlerts({ incident: theirs, afterSeq: 0 })).rejects.toThrow(theirs);
    const row = store.db.selectFrom('incidents').select(['phase', 'status']).where('number', '=', theirs);
    expect(await row.executeTakeFirst()).toEqual({ phase: 'containment', status: 'open' });
    expect(world.inForce).toEqual(new Set(['endpoint.isolate_host ws-1']));
  });
  test('its own name is taken, and that of a chore too', async () => {
    const incident = await openIncident(store, free);
    const run = runner(free, { workflowId: incidentWorkflowId(incident) });
    expect(await settled(run, waveOf(incident, item()))).toMatchObject({ status: 'succeeded' });
    const chore = runner(free, { workflowId: 'maintenance/roll_back/7' });
    expect(await chore.rollBack({ incident, by: 'person:lee', reason: 'r' })).toEqual({
      released: 1,
      failed: 0,
    });
  });
  test('a lease that only others hold is not released', async () => {
    const [mine, theirs] = [await openIncident(store, free), await openIncident(store, free)];
    const activities = runner(free);
    await settled(activities, waveOf(theirs, item()));
    expect(await first(activities, waveOf(mine, releaseOf()))).toMatchObject({ status: 'already' });
    expect(world.inForce.size).toBe(1);
  });
  test('nothing more is done once the incident is closed', async () => {
    const incident = await openIncident(store, free);
    await store.db
      .updateTable('incidents')
      .set({ status: 'closed' })
      .where('number', '=', incident)
      .execute();
    expect(await first(runner(free), waveOf(incident, item()))).toMatchObject({
      status: 'failed',
      failure: { type: 'rejected', message: 'The incident is closed.' },
    });
    expect(world.calls).toEqual([]);
  });
});

describe('containment is lifted through its lease only', () => {
  test.each([
    ['endpoint.release_host', { host: { name: 'ws-1' } }],
    ['identity.enable_account', { account: { name: 'kim' } }],
    ['network.unblock_ip', { ip: '203.0.113.9' }],
    ['endpoint.restore_file', { host: { name: 'ws-1' }, path: '/tmp/x', sha256: 'a'.repeat(64) }],
    ['data.revert_restore', { set: { name: 'share' }, snapshot: 's', files: 1 }],
  ] as [WaveItem['action'], WaveItem['input']][])(
    '%s as an item of its own is refused',
    async (action, input) => {
      const incident = await openIncident(store, free);
      expect(await first(runner(free), waveOf(incident, item({ action, input })))).toMatchObject({
        status: 'failed',
        failure: { type: 'rejected' },
      });
      expect(world.calls).toEqual([]);
    },
  );
});

describe('an item that is no item', () => {
  test.each([
    ['an action that does not exist', { action: 'endpoint.format_disk' as never }],
    ['an occurrence of zero', { occurrence: 0 }],
    ['half an occurrence', { occurrence: 1.5 }],
    ['a lease of a thousand years', { leaseSeconds: 31_536_000_000 }],
    ['a lease of nothing', { leaseSeconds: 0 }],
    ['an id without end', { id: 'x'.repeat(2000) }],
  ])('%s is named and done to nobody', async (_what, change) => {
    const incident = await openIncident(store, free);
    expect(await first(runner(free), waveOf(incident, item(change)))).toMatchObject({
      status: 'failed',
      failure: { type: 'invalid_input' },
    });
    expect(world.calls).toEqual([]);
  });
  test('the same id twice in a wave: the first is done, the second is named', async () => {
    const incident = await openIncident(store, free);
    const second = item({ occurrence: 2, input: { host: { name: 'ws-9' } } });
    const { items } = await runner(free).runWave(waveOf(incident, item(), second, item()));
    expect(items.map(({ status, failure }) => [status, failure?.type])).toEqual([
      ['succeeded', undefined],
      ['failed', 'invalid_input'],
      ['failed', 'invalid_input'],
    ]);
    expect(world.applied).toEqual(['endpoint.isolate_host ws-1']);
  });
});

describe('what was approved is what is done', () => {
  async function approved(): Promise<string> {
    const incident = await openIncident(store, asking);
    const { request } = await first(runner(asking), waveOf(incident, item()));
    await decide(store, request?.id ?? '', 'lee');
    return incident;
  }
  test('another connection that serves it by now is another thing', async () => {
    const incident = await approved();
    const moved = worldConfig({
      policy: DEFAULT_POLICY,
      connections: [
        { id: 'new-edr', use: 'world' },
        { id: 'edr', use: 'world' },
      ],
    });
    expect(await first(runner(moved), waveOf(incident, item()))).toMatchObject({
      status: 'failed',
      failure: { type: 'rejected' },
    });
    expect(world.calls).toEqual([]);
  });
  test('the policy is the one that the incident began with, whatever has been loaded since', async () => {
    const incident = await openIncident(store, asking);
    const lax = worldConfig();
    await savePolicy(store, lax.policy);
    const asked = await first(runner(lax), waveOf(incident, item()));
    expect(asked).toMatchObject({ status: 'awaiting' });
  });
  test('what is protected by now is not done any more, also when it waits at an offline product', async () => {
    const incident = await openIncident(store, free);
    world.faults = ['offline', 'offline', 'offline', 'offline'];
    expect(await settled(runner(free), waveOf(incident, item()))).toMatchObject({ status: 'pending' });
    later(5);
    const guarded = worldConfig({ assets: [{ id: 'ws-1', kind: 'host', protected: true }] });
    expect(await first(runner(guarded), waveOf(incident, item()))).toMatchObject({
      status: 'denied',
      failure: { type: 'protected_asset' },
    });
    expect(world.applied).toEqual([]);
  });
  test('what no rule of the policy allows is denied, whoever asks and whoever approves', async () => {
    const nothing = worldConfig({
      policy: { rules: [{ name: 'r', when: { readOnly: true }, require: 'none' }] },
    });
    const incident = await openIncident(store, nothing);
    expect(await first(runner(nothing), waveOf(incident, item()))).toMatchObject({
      status: 'denied',
      failure: { type: 'approval_denied' },
    });
    expect(world.calls).toEqual([]);
  });
  test('under the name of what was done nothing else is done', async () => {
    const incident = await openIncident(store, free);
    const activities = runner(free);
    await settled(activities, waveOf(incident, item()));
    const other = item({ input: { host: { name: 'ws-9' } } });
    expect(await first(activities, waveOf(incident, other))).toMatchObject({
      status: 'failed',
      failure: { type: 'rejected' },
    });
    expect(world.applied).toEqual(['endpoint.isolate_host ws-1']);
  });
  test('`ask: false` gives nothing away', async () => {
    const incident = await openIncident(store, asking);
    expect(await first(runner(asking), { ...waveOf(incident, item()), ask: false })).toMatchObject({
      failure: { type: 'approval_required' },
    });
    expect(world.calls).toEqual([]);
  });
});

describe('the kill switch', () => {
  test('holds what a process had claimed when it died, and it is done once it is lifted', async () => {
    const incident = await openIncident(store, free);
    const dying = runnerOn(store, world, free, {
      at: (point) => (point === 'claimed' ? Promise.reject(new Error('kill -9')) : Promise.resolve()),
    });
    await expect(dying.runWave(waveOf(incident, item()))).rejects.toThrow('kill -9');
    await killSwitch(store, true);
    const activities = runner(free);
    expect(await first(activities, waveOf(incident, item()))).toMatchObject({ status: 'held' });
    expect(world.calls).toEqual([]);
    await killSwitch(store, false);
    expect(await settled(activities, waveOf(incident, item()))).toMatchObject({ status: 'succeeded' });
    await dying.close();
  });
  test('what could not be committed as told is told again', async () => {
    const incident = await openIncident(store, free);
    await killSwitch(store, true);
    let breaks = true;
    const failing: Store = {
      ...store,
      db: new Proxy(store.db, {
        get: (db, name) =>
          name !== 'transaction'
            ? (Reflect.get(db, name) as unknown)
            : () => ({
                execute: (work: Parameters<ReturnType<typeof db.transaction>['execute']>[0]) =>
                  db.transaction().execute(async (tx) => {
                    const result = await work(tx);
                    if (breaks) throw new Error('the commit was lost');
                    return result;
                  }),
              }),
      }),
    };
    const activities = runnerOn(failing, world, free);
    await expect(activities.runWave(waveOf(incident, item()))).rejects.toThrow('the commit was lost');
    breaks = false;
    expect(await first(activities, waveOf(incident, item()))).toMatchObject({ status: 'held' });
    expect(await kindsOf(store, incident)).toEqual(['action_held']);
    await activities.close();
  });
});

test('evidence that a crash left half written does not stand in the way of the same evidence', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-evidence-'));
  const bytes = Buffer.from('triage');
  const hash = sha256(bytes);
  const incident = await openIncident(store, free);
  const prepared = { wave: waveOf(incident), actionKey: 'k'.repeat(64), target: { key: 'host:ws-1' } };
  // Whatever lies under the name that an earlier attempt used.
  mkdirSync(join(dataDir, 'evidence', hash.slice(0, 2), `${hash}.${'k'.repeat(16)}`), { recursive: true });
  const put = evidenceWriter({ store, dataDir } as never, prepared as never);
  const artefact = { name: 'a.json', mediaType: 'application/json', bytes };
  expect(await put(artefact)).toEqual({ name: 'a.json', sha256: hash, bytes: 6 });
  await put(artefact);
  expect(await kindsOf(store, incident)).toEqual(['evidence_stored']);
  rmSync(dataDir, { recursive: true });
});
