import type { ConfigInput } from '../../contracts/config';
import type { ItemResult } from '../../contracts/messages';
import type { PolicyInput } from '../../contracts/policy';
import type { Store } from '../../store/store';
import {
  decide,
  item,
  killSwitch,
  openIncident,
  releaseOf,
  runnerOn,
  waveOf,
  World,
  worldConfig,
  type Activities,
} from '../support/runner';
import { memoryStore } from '../support/store';

const HOUR = 3600;
const NOON = Date.parse('2026-05-01T12:00:00Z');
let now: Date;
let store: Store;
let world: World;
let activities: Activities;
let incident: string;
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(now) });
}, 60_000);
afterAll(() => store.close());
afterEach(async () => {
  await activities.close();
  // Each test has an estate of its own, and nothing in force there.
  for (const table of ['lease_holders', 'leases'] as const) await store.db.deleteFrom(table).execute();
});

async function setUp(rules: PolicyInput['rules'], extra: Partial<ConfigInput> = {}): Promise<void> {
  now = new Date(NOON);
  world = new World();
  const config = worldConfig({ policy: { rules }, ...extra });
  activities = runnerOn(store, world, config);
  incident = await openIncident(store, config);
}
const after = (seconds: number): void => {
  now = new Date(NOON + seconds * 1000);
};
const isolate = item();
const scan = item({
  id: 'scan/ws-1',
  action: 'endpoint.scan_av',
  input: { host: { name: 'ws-1' } },
  leaseSeconds: null,
});
const run = async (...items: (typeof isolate)[]): Promise<ItemResult[]> =>
  (await activities.runWave(waveOf(incident, ...(items.length === 0 ? [isolate] : items)))).items;
const one = async (): Promise<ItemResult> => (await run())[0] as ItemResult;
const settlements = async () =>
  (
    await store.db
      .selectFrom('journal')
      .select(['kind', 'data'])
      .where('incident', '=', incident)
      .where('kind', 'in', ['approval_settled', 'approval_expired'])
      .orderBy('seq')
      .execute()
  ).map(({ kind, data }) => [kind, data['action'], data['by']]);

const LEAD = [{ roles: ['lead' as const], count: 1 }];
const silent = (timeoutSeconds = 4 * HOUR): PolicyInput['rules'][number] => ({
  name: 'isolate unless somebody objects',
  when: { actions: ['endpoint.isolate_host'] },
  require: { groups: LEAD, timeoutSeconds, silence: 'allow' },
});
const rest: PolicyInput['rules'][number] = {
  name: 'the rest: one lead within the hour',
  when: {},
  require: { groups: LEAD, timeoutSeconds: HOUR },
};

describe('where the policy says that silence allows', () => {
  test('nothing happens before the time is over; then it is done once, and the journal says by what', async () => {
    await setUp([silent()]);
    expect(await one()).toMatchObject({ status: 'awaiting' });
    after(4 * HOUR - 1);
    expect(await one()).toMatchObject({ status: 'awaiting' });
    expect(world.calls).toEqual([]);
    after(4 * HOUR);
    expect(await one()).toMatchObject({ status: 'succeeded' });
    expect(await one()).toMatchObject({ status: 'succeeded' });
    expect(world.applied).toEqual(['endpoint.isolate_host ws-1']);
    expect(await settlements()).toEqual([['approval_settled', 'endpoint.isolate_host', 'silence']]);
  });

  test('one deny is enough', async () => {
    await setUp([silent()]);
    const [asked] = await run();
    await decide(store, asked?.request?.id ?? '', 'lea', 'deny');
    after(4 * HOUR);
    expect(await one()).toMatchObject({ status: 'denied', failure: { type: 'approval_denied' } });
    expect(world.calls).toEqual([]);
  });

  test('the time of what silence denies does not end its own', async () => {
    await setUp([silent(), rest]);
    const [isolated, scanned] = await run(isolate, scan);
    expect(isolated?.request?.expiresAt).toBe('2026-05-01T16:00:00.000Z');
    expect(scanned?.request?.expiresAt).toBe('2026-05-01T13:00:00.000Z');
    after(HOUR);
    expect((await run(isolate, scan)).map(({ status }) => status)).toEqual(['awaiting', 'denied']);
  });

  test('what waits for the kill switch when the time is over is done once it is lifted', async () => {
    await setUp([silent()]);
    await run();
    await killSwitch(store, true);
    after(4 * HOUR);
    expect(await one()).toMatchObject({ status: 'held' });
    await killSwitch(store, false);
    after(9 * HOUR);
    expect(await one()).toMatchObject({ status: 'succeeded' });
  });

  test('people who were told that silence denies are not overruled by a policy that says otherwise', async () => {
    await setUp([silent()]);
    await run();
    const { requirement } = await store.db
      .selectFrom('approval_items')
      .innerJoin('approval_requests', 'approval_requests.id', 'approval_items.request_id')
      .select('requirement')
      .where('incident', '=', incident)
      .executeTakeFirstOrThrow();
    expect(requirement['silence']).toBe('allow');
    await store.db
      .updateTable('approval_items')
      .set({ requirement: JSON.stringify({ ...requirement, silence: 'deny' }) })
      .execute();
    after(4 * HOUR);
    expect(await one()).toMatchObject({ status: 'denied', failure: { type: 'approval_expired' } });
  });

  test('a host whose scan is not clean is never given back by silence', async () => {
    await setUp([
      { name: 'isolating asks nobody', when: { actions: ['endpoint.isolate_host'] }, require: 'none' },
      {
        name: 'release unless somebody objects',
        when: { actions: ['endpoint.release_host'] },
        require: { groups: LEAD, timeoutSeconds: HOUR, silence: 'allow' },
      },
    ]);
    expect(await one()).toMatchObject({ status: 'succeeded' });
    const release = releaseOf({ onlyWhenClean: true });
    expect((await run(release))[0]).toMatchObject({ status: 'awaiting' });
    after(HOUR);
    expect((await run(release))[0]).toMatchObject({ status: 'denied' });
  });
});

test('where it may be one of two assets, what silence allows gives way to what somebody must say', async () => {
  const strict: PolicyInput['rules'][number] = {
    name: 'servers: one analyst',
    when: { targetTags: ['server'] },
    require: { groups: [{ roles: ['analyst'], count: 1 }], timeoutSeconds: HOUR },
  };
  await setUp([strict, silent()], {
    assets: [
      { id: 'ws-1.a.example.com', kind: 'host', tags: ['server'] },
      { id: 'ws-1.b.example.com', kind: 'host' },
    ],
  });
  expect((await one()).request?.expiresAt).toBe('2026-05-01T13:00:00.000Z');
});

test('the hour at which it was asked decides, not the hour at which somebody looks', async () => {
  const day = { zone: 'Etc/UTC', from: '08:00', to: '18:00' };
  await setUp([
    { name: 'by day: one lead', when: { time: [day] }, require: { groups: LEAD, timeoutSeconds: 12 * HOUR } },
    { name: 'by night: nobody', when: {}, require: 'none' },
  ]);
  expect(await one()).toMatchObject({ status: 'awaiting' });
  after(8 * HOUR);
  expect(await one()).toMatchObject({ status: 'awaiting' });
});

test('the asset names its owner, who decides beside a lead', async () => {
  await setUp(
    [
      {
        name: 'lead and owner',
        when: {},
        require: {
          groups: [...LEAD, { roles: ['owner'], count: 1 }],
          timeoutSeconds: HOUR,
        },
      },
    ],
    { assets: [{ id: 'ws-1', kind: 'host', owner: 'olga' }] },
  );
  const id = (await one()).request?.id ?? '';
  await decide(store, id, 'lea');
  expect(await one()).toMatchObject({ status: 'awaiting' });
  await decide(store, id, 'oscar');
  expect(await one()).toMatchObject({ status: 'awaiting' });
  await decide(store, id, 'olga');
  expect(await one()).toMatchObject({ status: 'succeeded' });
});
