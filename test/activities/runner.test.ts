import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { createActivities } from '../../activities/create-activities';
import { ConnectionRegistry } from '../../activities/connections';
import type { CrashPoint, RunnerDeps } from '../../activities/runner-types';
import { AssetIndex } from '../../contracts/assets';
import type { Config, ConfigInput } from '../../contracts/config';
import type { ItemResult, WaveInput } from '../../contracts/messages';
import { APPROVALS_OFF_FOR_LAB, DEFAULT_POLICY } from '../../contracts/policy';
import { verifyJournal } from '../../store/verify-journal';
import type { Store } from '../../store/store';
import { FakeEstate, fakeConfig, hostInput } from '../support/estate';
import { memoryStore } from '../support/store';

let now = new Date('2026-05-01T00:00:00Z');
let store: Store;
let estate: FakeEstate;
const opened: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(now) });
}, 60_000);
afterAll(() => store.close());
beforeEach(() => {
  estate = new FakeEstate();
});
afterEach(async () => {
  const report = await verifyJournal(store.db);
  expect(report.problems).toEqual([]);
  for (const one of opened.splice(0)) await one.close();
  for (const table of [
    'decisions',
    'approval_items',
    'approval_requests',
    'claims',
    'lease_holders',
    'leases',
    'lease_locks',
    'budget_uses',
    'settings',
    'incidents',
    'journal',
    'journal_heads',
  ] as const)
    await store.db.deleteFrom(table).execute();
});

const NO_APPROVALS: Partial<ConfigInput> = {
  connections: [{ id: 'edr', use: 'fake', tags: ['lab'] }],
  policy: { rules: [APPROVALS_OFF_FOR_LAB, ...DEFAULT_POLICY.rules] },
};
type Activities = ReturnType<typeof createActivities>;

function activitiesOf(config: Config, extra: Partial<RunnerDeps> = {}): Activities {
  const quiet = { info: () => undefined, warn: () => undefined };
  const connections = new ConnectionRegistry(
    config,
    new Map([['fake', estate.integration()]]),
    (connectionId) => ({
      connectionId,
      dataDir: tmpdir,
      log: quiet,
      blocklist: {
        get: () => Promise.resolve(null),
        entries: () => Promise.resolve([]),
        put: () => Promise.resolve(),
        remove: () => Promise.resolve(false),
      },
    }),
  );
  const made = createActivities({
    store,
    config,
    assets: new AssetIndex(config.assets),
    connections,
    owner: randomUUID(),
    dataDir: tmpdir(),
    log: quiet,
    ...extra,
  });
  opened.push(made);
  return made;
}

async function openIncident(config: Config, number = 'INC-2026-000001'): Promise<string> {
  const version = JSON.stringify(config.policy).length.toString();
  await store.db
    .insertInto('policies')
    .values({ version, body: JSON.stringify(config.policy), loaded_at: now })
    .onConflict((c) => c.column('version').doUpdateSet({ body: JSON.stringify(config.policy) }))
    .execute();
  await store.db
    .insertInto('incidents')
    .values({
      number,
      title: 't',
      status: 'open',
      mode: 'live',
      phase: 'containment',
      severity: 4,
      policy_version: version,
      playbook: null,
      started_by: 'source:siem',
      opened_at: now,
      updated_at: now,
      last_alert_at: now,
      verdict: null,
      attention: null,
      reopens: null,
      alert_seq: 0,
      signalled_seq: 0,
      summary: '{}',
    })
    .execute();
  return number;
}

const wave = (
  incident: string,
  host = 'ws-1',
  extra: Partial<WaveInput['items'][number]> = {},
): WaveInput => ({
  incident,
  group: { id: 'contain-1', phase: 'containment', title: 'Cut the hosts off', reason: 'ransomware' },
  ask: true,
  items: [
    {
      id: `isolate/${host}`,
      occurrence: 1,
      action: 'endpoint.isolate_host',
      input: hostInput(host),
      release: false,
      onlyWhenClean: false,
      leaseSeconds: 3600,
      ...extra,
    },
  ],
});
const releaseWave = (incident: string, onlyWhenClean = false): WaveInput => ({
  ...wave(incident, 'ws-1', { id: 'release/ws-1', release: true, onlyWhenClean }),
  group: { id: 'release-1', phase: 'recovery', title: 'Release', reason: 'clean' },
});
const one = async (activities: Activities, input: WaveInput): Promise<ItemResult> => {
  const { items } = await activities.runWave(input);
  return items[0] as ItemResult;
};
async function vote(request: string, person: string, role: string, verdict = 'approve'): Promise<void> {
  const items = await store.db
    .selectFrom('approval_items')
    .selectAll()
    .where('request_id', '=', request)
    .execute();
  for (const { item_hash } of items)
    await store.db
      .insertInto('decisions')
      .values({
        decision_id: randomUUID(),
        request_id: request,
        item_hash,
        person,
        roles: JSON.stringify([role]),
        verdict,
        reason: null,
        channel: 'api',
        at: now,
      })
      .execute();
}
const kinds = async (): Promise<string[]> =>
  (await store.db.selectFrom('journal').select('kind').orderBy('seq').execute()).map(({ kind }) => kind);

describe('approvals', () => {
  test('nothing happens before a lead approves; then once, verified, leased and journaled', async () => {
    const config = fakeConfig();
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    const asked = await one(activities, wave(incident));
    expect(asked).toMatchObject({ status: 'awaiting', request: { expiresAt: '2026-05-01T04:00:00.000Z' } });
    expect((await one(activities, wave(incident))).request).toEqual(asked.request);
    const id = asked.request?.id ?? '';
    await vote(id, 'ana', 'analyst');
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'awaiting' });
    expect(estate.calls).toEqual([]);
    await vote(id, 'lee', 'lead');
    expect(await one(activities, wave(incident))).toMatchObject({
      status: 'succeeded',
      connection: 'edr',
      output: { token: 'fake' },
    });
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'succeeded' });
    expect(estate.applied).toEqual(['isolate ws-1']);
    expect(await kinds()).toEqual([
      'approval_requested',
      'approval_settled',
      'action_claimed',
      'action_settled',
      'lease_acquired',
    ]);
    const lease = await store.db.selectFrom('leases').selectAll().executeTakeFirstOrThrow();
    expect(lease).toMatchObject({
      status: 'in_force',
      we_did_it: true,
      expires_at: new Date('2026-05-01T01:00:00Z'),
      inverse: 'endpoint.release_host',
    });
  });
  test('a deny denies, and stays denied', async () => {
    const config = fakeConfig();
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    const { request } = await one(activities, wave(incident));
    await vote(request?.id ?? '', 'lee', 'lead', 'deny');
    expect(await one(activities, wave(incident))).toMatchObject({
      status: 'denied',
      failure: { type: 'approval_denied' },
    });
    await vote(request?.id ?? '', 'lee', 'lead', 'approve');
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'denied' });
    expect(estate.calls).toEqual([]);
  });
  test('a withdrawal before the claim counts', async () => {
    const config = fakeConfig();
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    const { request } = await one(activities, wave(incident));
    await vote(request?.id ?? '', 'lee', 'lead');
    await vote(request?.id ?? '', 'lee', 'lead', 'withdraw');
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'awaiting' });
  });
  test('silence denies', async () => {
    const config = fakeConfig();
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    const { request } = await one(activities, wave(incident));
    now = new Date(now.getTime() + 4 * 3600_000);
    expect(await one(activities, wave(incident))).toMatchObject({
      status: 'denied',
      failure: { type: 'approval_expired' },
    });
    await vote(request?.id ?? '', 'lee', 'lead');
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'denied' });
    now = new Date('2026-05-01T00:00:00Z');
  });
  test('a run that does not ask gets approval_required', async () => {
    const config = fakeConfig();
    const incident = await openIncident(config);
    expect(await one(activitiesOf(config), { ...wave(incident), ask: false })).toMatchObject({
      status: 'failed',
      failure: { type: 'approval_required' },
    });
    expect(estate.calls).toEqual([]);
  });
  test.each([
    ['another target', { input: hostInput('dc-1') }],
    ['another lease', { leaseSeconds: 999_999 }],
  ])('%s than was approved is refused', async (_what, change) => {
    const config = fakeConfig();
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    const { request } = await one(activities, wave(incident));
    await vote(request?.id ?? '', 'lee', 'lead');
    expect(await one(activities, wave(incident, 'ws-1', change))).toMatchObject({
      status: 'failed',
      failure: { type: 'rejected' },
    });
    expect(estate.calls).toEqual([]);
  });
});

describe('guardrails', () => {
  test('a protected asset is refused, whoever approves', async () => {
    const config = fakeConfig({ ...NO_APPROVALS, assets: [{ id: 'ws-1', kind: 'host', protected: true }] });
    expect(await one(activitiesOf(config), wave(await openIncident(config)))).toMatchObject({
      status: 'denied',
      failure: { type: 'protected_asset' },
    });
    expect(estate.calls).toEqual([]);
  });
  test('with the kill switch on an effect is held, said once, and done once it is lifted', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    await store.db
      .insertInto('settings')
      .values({ key: 'kill_switch', value: JSON.stringify({ on: true }) })
      .execute();
    expect(await one(activities, wave(incident))).toMatchObject({
      status: 'held',
      failure: { type: 'kill_switch' },
    });
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'held' });
    expect(await kinds()).toEqual(['action_held']);
    expect(
      await one(activities, {
        ...wave(incident, 'ws-1', { id: 'scan', action: 'endpoint.scan_av', leaseSeconds: null }),
      }),
    ).toMatchObject({ status: 'succeeded' });
    await store.db.deleteFrom('settings').execute();
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'succeeded' });
  });
  test('a budget holds what is over it; a unit of a failed effect returns', async () => {
    const config = fakeConfig({
      ...NO_APPROVALS,
      budgets: [{ id: 'b', actions: ['endpoint.isolate_host'], limit: 1, windowSeconds: 60 }],
    });
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    estate.faults = ['refused'];
    expect(await one(activities, wave(incident, 'ws-0'))).toMatchObject({
      status: 'failed',
      failure: { type: 'rejected' },
    });
    expect(await one(activities, wave(incident, 'ws-1'))).toMatchObject({ status: 'succeeded' });
    expect(await one(activities, wave(incident, 'ws-2'))).toMatchObject({
      status: 'held',
      failure: { type: 'budget_exceeded' },
    });
  });
  test('input that does not fit, and an action that nobody serves, are named', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    expect(await one(activities, wave(incident, 'ws-1', { input: { hots: 1 } }))).toMatchObject({
      status: 'failed',
      failure: { type: 'invalid_input' },
    });
    expect(
      await one(
        activities,
        wave(incident, 'ws-1', { action: 'network.block_ip', input: { ip: '192.0.2.1' } }),
      ),
    ).toMatchObject({ status: 'failed', failure: { type: 'no_connection' } });
  });
});

describe('effects', () => {
  test('a lost reply is found out by reading: applied once, succeeded', async () => {
    const config = fakeConfig(NO_APPROVALS);
    estate.faults = ['lost_reply'];
    expect(await one(activitiesOf(config), wave(await openIncident(config)))).toMatchObject({
      status: 'succeeded',
      output: { token: 'recovered' },
    });
    expect(estate.applied).toEqual(['isolate ws-1']);
  });
  test('accepted but not in force is not success', async () => {
    const config = fakeConfig(NO_APPROVALS);
    estate.faults = ['ignored'];
    expect(await one(activitiesOf(config), wave(await openIncident(config)))).toMatchObject({
      status: 'failed',
      failure: { type: 'not_verified' },
    });
  });
  test('an offline product makes it pending, and it is done later', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    estate.faults = ['offline', 'offline', 'offline', 'offline'];
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'pending', againInMs: 30_000 });
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'pending' });
    expect(estate.applied).toEqual([]);
    now = new Date(now.getTime() + 31_000);
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'succeeded' });
    now = new Date('2026-05-01T00:00:00Z');
  });
  test.each<CrashPoint>(['claimed', 'probed', 'acted', 'verified', 'settled'])(
    'a crash after "%s" is resumed by another process: applied once, one lease',
    async (point) => {
      const config = fakeConfig(NO_APPROVALS);
      const incident = await openIncident(config);
      const dying = activitiesOf(config, {
        at: (here) => (here === point ? Promise.reject(new Error('kill -9')) : Promise.resolve()),
      });
      await expect(dying.runWave(wave(incident))).rejects.toThrow('kill -9');
      expect(await one(activitiesOf(config), wave(incident))).toMatchObject({ status: 'succeeded' });
      expect(estate.applied).toEqual(['isolate ws-1']);
      expect(await store.db.selectFrom('leases').select(['we_did_it', 'status']).execute()).toEqual([
        { we_did_it: true, status: 'in_force' },
      ]);
    },
  );
  test('with little patience the wave returns while the work goes on, and the next call has its outcome', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const activities = activitiesOf(config, {
      at: (here) => (here === 'claimed' ? gate : Promise.resolve()),
    });
    expect((await activities.runWave({ ...wave(incident), patienceMs: 20 })).items[0]).toMatchObject({
      status: 'running',
    });
    const attached = one(activities, wave(incident));
    open();
    expect(await attached).toMatchObject({ status: 'succeeded' });
    expect(estate.applied).toHaveLength(1);
  });
});

describe('leases', () => {
  test('two incidents share an isolation; the last holder releases it', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const [first, second] = [await openIncident(config), await openIncident(config, 'INC-2026-000002')];
    const activities = activitiesOf(config);
    await one(activities, wave(first));
    expect(await one(activities, wave(second))).toMatchObject({ status: 'already' });
    expect(await one(activities, releaseWave(first))).toMatchObject({
      status: 'succeeded',
      output: { shared: true },
    });
    expect(estate.isolated.has('ws-1')).toBe(true);
    expect(await one(activities, releaseWave(second))).toMatchObject({ status: 'succeeded' });
    expect(estate.isolated.has('ws-1')).toBe(false);
    expect(await one(activities, releaseWave(second))).toMatchObject({ status: 'succeeded' });
    expect(estate.applied).toEqual(['isolate ws-1', 'release ws-1']);
  });
  test('what was contained before us is never released by us', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    estate.isolated.add('ws-1');
    const activities = activitiesOf(config);
    expect(await one(activities, wave(incident))).toMatchObject({ status: 'already' });
    expect(await one(activities, releaseWave(incident))).toMatchObject({
      status: 'succeeded',
      output: { weDidIt: false },
    });
    expect(estate.calls).toEqual([]);
  });
  test('release only when clean: a dirty scan makes it a question to a lead', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    await one(activities, wave(incident));
    expect(await one(activities, releaseWave(incident, true))).toMatchObject({ status: 'awaiting' });
    await one(
      activities,
      wave(incident, 'ws-1', { id: 'scan', action: 'endpoint.scan_av', leaseSeconds: null }),
    );
    expect(await one(activities, { ...releaseWave(incident, true) })).toMatchObject({ status: 'succeeded' });
    expect(estate.isolated.size).toBe(0);
  });
  test('a failed release is kept and the sweeper ends it', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    await one(activities, wave(incident));
    estate.faults = ['refused'];
    const { id } = await store.db.selectFrom('leases').select('id').executeTakeFirstOrThrow();
    expect(await activities.releaseLease({ leaseId: id, by: 'person:lee', reason: 'done' })).toMatchObject({
      status: 'failed',
    });
    expect(await store.db.selectFrom('leases').select(['status', 'last_error']).executeTakeFirst()).toEqual({
      status: 'releasing',
      last_error: 'no',
    });
    expect(await activities.sweepLeases()).toEqual({ due: 0, released: 1, failed: 0 });
    expect(estate.isolated.size).toBe(0);
  });
  test('a connection that is another product now does not undo it, stops no other release, and is named once', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    await one(activities, wave(incident, 'ws-1'));
    await one(activities, wave(incident, 'ws-2'));
    await store.db
      .updateTable('leases')
      .set({ integration: 'another_edr' })
      .where('target_key', '=', 'host:ws-2')
      .execute();
    const ended = await activities.rollBack({ incident, by: 'person:lee', reason: 'over' });
    expect(ended).toEqual({ released: 1, failed: 1 });
    expect(estate.isolated).toEqual(new Set(['ws-2']));
    expect(await activities.sweepLeases()).toMatchObject({ released: 0, failed: 1 });
    const lease = store.db.selectFrom('leases').select(['status', 'last_error']);
    expect(await lease.where('target_key', '=', 'host:ws-2').executeTakeFirst()).toEqual({
      status: 'releasing',
      last_error: expect.stringContaining('another_edr did this') as string,
    });
    expect((await kinds()).filter((kind) => kind === 'lease_release_failed')).toHaveLength(1);
  });
  test('silence extends an isolation and says so; it never releases', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    await one(activities, wave(incident));
    now = new Date('2026-05-01T02:00:00Z');
    expect(await activities.sweepLeases()).toEqual({ due: 1, released: 0, failed: 0 });
    now = new Date('2026-05-01T00:00:00Z');
    expect(estate.isolated.has('ws-1')).toBe(true);
    expect((await kinds()).slice(-2)).toEqual(['lease_due', 'lease_extended']);
  });
  test('a rollback lets go of everything that the incident holds, also under the kill switch', async () => {
    const config = fakeConfig(NO_APPROVALS);
    const incident = await openIncident(config);
    const activities = activitiesOf(config);
    await one(activities, wave(incident, 'ws-1'));
    await one(activities, wave(incident, 'ws-2'));
    await store.db
      .insertInto('settings')
      .values({ key: 'kill_switch', value: JSON.stringify({ on: true }) })
      .execute();
    expect(await activities.rollBack({ incident, by: 'person:lee', reason: 'false positive' })).toEqual({
      released: 2,
      failed: 0,
    });
    expect(estate.isolated.size).toBe(0);
  });
});
