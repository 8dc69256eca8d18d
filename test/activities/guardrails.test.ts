import type { ConfigInput } from '../../contracts/config';
import type { WaveItem } from '../../contracts/messages';
import type { Store } from '../../store/store';
import {
  item,
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
