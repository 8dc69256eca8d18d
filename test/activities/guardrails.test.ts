import type { ConfigInput } from '../../contracts/config';
import type { WaveItem } from '../../contracts/messages';
import { DEFAULT_POLICY } from '../../contracts/policy';
import type { Store } from '../../store/store';
import {
  item,
  kindsOf,
  openIncident,
  runnerOn,
  settled,
  waveOf,
  World,
  worldConfig,
  type Activities,
} from '../support/runner';
import { memoryStore } from '../support/store';

let now: Date;
let store: Store;
let world: World;
const opened: Activities[] = [];
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(now) });
}, 60_000);
afterAll(() => store.close());
beforeEach(() => {
  now = new Date('2026-05-04T12:00:00Z');
  world = new World();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  for (const table of [
    'lease_holders',
    'leases',
    'lease_locks',
    'budget_uses',
    'claims',
    'journal',
    'journal_heads',
  ] as const)
    await store.db.deleteFrom(table).execute();
});

/** What becomes of an item in an incident of its own. */
async function attempt(activities: Activities, config: ReturnType<typeof worldConfig>, one: WaveItem) {
  return settled(activities, waveOf(await openIncident(store, config), one));
}
function guarded(extra: Partial<ConfigInput>) {
  const config = worldConfig(extra);
  const activities = runnerOn(store, world, config);
  opened.push(activities);
  return { config, activities, attempt: (one: WaveItem) => attempt(activities, config, one) };
}
const isolate = (name: string, extra: object = {}) =>
  item({ id: `isolate/${name}`, input: { host: { name, ...extra } } });

describe('a budget that holds', () => {
  const budget = (per: 'estate' | 'site' | 'connection') => [
    { id: 'b', actions: ['endpoint.isolate_host'], per, limit: 1, windowSeconds: 3600 },
  ];
  const assets: ConfigInput['assets'] = [
    { id: 'north-1', kind: 'host', site: 'north' },
    { id: 'north-2', kind: 'host', site: 'north' },
    { id: 'south-1', kind: 'host', site: 'south', ips: ['198.51.100.7'] },
    { id: 'south-2', kind: 'host', site: 'south' },
  ];
  test('per site: each has its own limit, and what has no site shares one', async () => {
    const { attempt: tried } = guarded({ budgets: budget('site'), assets });
    const ends: Record<string, string> = {};
    for (const name of ['north-1', 'north-2', 'south-1', 'south-2', 'stranger-1', 'stranger-2'])
      ends[name] = (await tried(isolate(name))).status;
    expect(ends).toEqual({
      'north-1': 'succeeded',
      'north-2': 'held',
      'south-1': 'succeeded',
      'south-2': 'held',
      'stranger-1': 'succeeded',
      'stranger-2': 'held',
    });
    expect(await tried(isolate('north-2'))).toMatchObject({
      failure: { type: 'budget_exceeded', message: 'The budget b of site north (1 in 3600 s) is used up.' },
    });
  });
  test('per site: what may be at one of two sites counts at both', async () => {
    const { attempt: tried } = guarded({ budgets: budget('site'), assets });
    expect(await tried(isolate('north-1', { ips: ['198.51.100.7'] }))).toMatchObject({ status: 'succeeded' });
    for (const name of ['north-2', 'south-2'])
      expect(await tried(isolate(name))).toMatchObject({
        status: 'held',
        failure: { type: 'budget_exceeded' },
      });
  });
  test('per connection: each has its own limit', async () => {
    const { attempt: tried } = guarded({
      budgets: budget('connection'),
      assets,
      connections: [
        { id: 'north', use: 'world', tags: ['lab'], targets: ['north-1', 'north-2'] },
        { id: 'rest', use: 'world', tags: ['lab'] },
      ],
    });
    const ends: string[] = [];
    for (const name of ['north-1', 'south-1', 'north-2', 'south-2'])
      ends.push((await tried(isolate(name))).status);
    expect(ends).toEqual(['succeeded', 'succeeded', 'held', 'held']);
  });
  test('for the whole estate: the site does not matter', async () => {
    const { attempt: tried } = guarded({ budgets: budget('estate'), assets });
    expect(await tried(isolate('north-1'))).toMatchObject({ status: 'succeeded' });
    expect(await tried(isolate('south-1'))).toMatchObject({ status: 'held' });
  });
});

describe('a maintenance window', () => {
  const assets: ConfigInput['assets'] = [
    { id: 'dc-01', kind: 'host', tags: ['domain-controller'] },
    { id: 'ws-1', kind: 'host', ips: ['198.51.100.7'] },
  ];
  /** From noon of the test's day for an hour. */
  const hour = { from: '2026-05-04T12:00:00Z', to: '2026-05-04T13:00:00Z' };
  const night = { days: ['mon' as const], from: '23:00', to: '01:00', zone: 'Europe/Berlin' };
  const scan = item({ id: 'scan', action: 'endpoint.scan_av', leaseSeconds: null });

  test('holds what is to be done, says until when, journals it once, and lets it go on', async () => {
    const { activities, config } = guarded({ assets, maintenance: [{ id: 'patching', ...hour }] });
    const wave = waveOf(await openIncident(store, config), isolate('ws-1'));
    for (const _look of [1, 2])
      expect(await settled(activities, wave)).toMatchObject({
        status: 'held',
        failure: {
          type: 'maintenance_window',
          message: 'The maintenance window patching holds it until 2026-05-04T13:00:00.000Z.',
        },
        againInMs: 30_000,
      });
    expect(world.calls).toEqual([]);
    expect(await kindsOf(store, wave.incident)).toEqual(['action_held']);
    now = new Date('2026-05-04T13:00:00Z');
    expect(await settled(activities, wave)).toMatchObject({ status: 'succeeded' });
  });
  test('takes no unit of a budget meanwhile', async () => {
    const { attempt: tried } = guarded({
      assets,
      maintenance: [{ id: 'patching', targets: ['ws-1'], ...hour }],
      budgets: [{ id: 'b', actions: ['endpoint.isolate_host'], limit: 1, windowSeconds: 3600 }],
    });
    expect(await tried(isolate('ws-1'))).toMatchObject({ status: 'held' });
    expect(await tried(isolate('ws-2'))).toMatchObject({ status: 'succeeded' });
  });
  test('denies where it says so, before anybody is asked', async () => {
    const config = worldConfig({
      assets,
      maintenance: [{ id: 'election', mode: 'deny', ...hour }],
      policy: DEFAULT_POLICY,
    });
    const activities = runnerOn(store, world, config);
    opened.push(activities);
    const wave = waveOf(await openIncident(store, config), isolate('ws-1'));
    expect(await settled(activities, wave)).toMatchObject({
      status: 'denied',
      failure: {
        type: 'maintenance_window',
        message: 'The maintenance window election denies it until 2026-05-04T13:00:00.000Z.',
      },
    });
    expect(await kindsOf(store, wave.incident)).toEqual(['action_refused']);
  });
  test('concerns only its targets and actions, whatever they are called', async () => {
    const { attempt: tried } = guarded({
      assets,
      maintenance: [
        {
          id: 'dcs',
          targets: ['domain-controller', 'ws-1'],
          actions: ['endpoint.isolate_host'],
          ...hour,
        },
      ],
    });
    const status = async (one: WaveItem): Promise<string> => (await tried(one)).status;
    expect(await status(isolate('DC-01'))).toBe('held');
    expect(await status(isolate('x', { ips: ['198.51.100.7'] }))).toBe('held');
    expect(await status(isolate('ws-2'))).toBe('succeeded');
    const file = { host: { name: 'ws-1' }, path: '/tmp/x' };
    expect(await status(item({ id: 'f', action: 'endpoint.quarantine_file', input: file }))).toBe(
      'succeeded',
    );
    expect(await status(item({ ...scan, input: { host: { name: 'dc-01' } } }))).toBe('succeeded');
  });
  test('never holds reading', async () => {
    const { attempt: tried } = guarded({ assets, maintenance: [{ id: 'patching', mode: 'deny', ...hour }] });
    expect(await tried(scan)).toMatchObject({ status: 'succeeded' });
  });
  test('of changes: what is named is done only within it', async () => {
    const { activities, config } = guarded({
      assets,
      maintenance: [{ id: 'nights', targets: ['dc-01'], onlyWithin: true, weekly: night }],
    });
    const wave = waveOf(await openIncident(store, config), isolate('dc-01'));
    expect(await settled(activities, wave)).toMatchObject({
      status: 'held',
      failure: {
        message:
          'The change window nights is closed until 2026-05-04T21:00:00.000Z: it holds what is done only within it.',
      },
    });
    now = new Date('2026-05-04T21:00:00Z');
    expect(await settled(activities, wave)).toMatchObject({ status: 'succeeded' });
  });
  test('that denies goes before one that holds longer', async () => {
    const { attempt: tried } = guarded({
      assets,
      maintenance: [
        { id: 'long', from: hour.from, to: '2026-06-01T00:00:00Z' },
        { id: 'short', mode: 'deny', ...hour },
      ],
    });
    expect(await tried(isolate('ws-1'))).toMatchObject({ status: 'denied' });
  });
  test('that begins while a product is away holds what was claimed and not done', async () => {
    const { activities, config } = guarded({
      assets,
      maintenance: [{ id: 'later', from: '2026-05-04T12:10:00Z', to: '2026-05-04T13:00:00Z' }],
    });
    const wave = waveOf(await openIncident(store, config), isolate('ws-1'));
    world.faults = ['offline', 'offline', 'offline', 'offline'];
    expect(await settled(activities, wave)).toMatchObject({ status: 'pending' });
    now = new Date('2026-05-04T12:15:00Z');
    expect(await settled(activities, wave)).toMatchObject({
      status: 'held',
      failure: { type: 'maintenance_window' },
    });
    expect(world.applied).toEqual([]);
  });
  test('lets nothing lapse; what a person releases goes through', async () => {
    const { activities, config } = guarded({
      assets,
      maintenance: [{ id: 'later', from: '2026-05-04T14:00:00Z', to: '2026-05-04T15:00:00Z' }],
    });
    const block = (ip: string) => item({ id: ip, action: 'network.block_ip', input: { ip } });
    const incident = await openIncident(store, config);
    for (const ip of ['203.0.113.8', '203.0.113.9']) await settled(activities, waveOf(incident, block(ip)));
    now = new Date('2026-05-04T14:30:00Z');
    expect(await activities.sweepLeases()).toEqual({ due: 2, released: 0, failed: 0 });
    const { id } = await store.db
      .selectFrom('leases')
      .select('id')
      .where('target_key', '=', 'ip:203.0.113.8')
      .executeTakeFirstOrThrow();
    expect(await activities.releaseLease({ leaseId: id, by: 'person:lee', reason: 'a customer' })).toEqual({
      status: 'released',
    });
    now = new Date('2026-05-04T15:00:00Z');
    expect(await activities.sweepLeases()).toEqual({ due: 1, released: 1, failed: 0 });
  });
});
