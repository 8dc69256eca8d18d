import { sql, type KyselyPlugin } from 'kysely';
import type { Store } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import { item, openIncident, runnerOn, waveOf, World, worldConfig } from '../support/runner';
import { memoryStore } from '../support/store';

const config = worldConfig();
let store: Store;
/** How often outcomes were written. */
let writes = 0;
beforeAll(async () => {
  const plain = await memoryStore();
  const counting: KyselyPlugin = {
    transformQuery: ({ node }) => {
      if (node.kind === 'RawNode' && node.sqlFragments.join('').includes('WITH ended AS')) writes += 1;
      return node;
    },
    transformResult: ({ result }) => Promise.resolve(result),
  };
  store = { ...plain, db: plain.db.withPlugin(counting) };
}, 60_000);
afterAll(() => store.close());
beforeEach(() => {
  writes = 0;
});

/** One incident a name, each isolating that host, all at once. */
async function isolateAll(names: readonly string[]): Promise<PromiseSettledResult<string | undefined>[]> {
  const world = new World();
  const activities = runnerOn(store, world, config);
  const waves = await Promise.all(
    names.map(async (name) =>
      waveOf(await openIncident(store, config), item({ id: `isolate/${name}`, input: { host: { name } } })),
    ),
  );
  const ends = await Promise.allSettled(
    waves.map(async (wave) => (await activities.runWave(wave)).items[0]?.status),
  );
  await activities.close();
  return ends;
}

test('what ends while others are written is written together, each with its lease and its journal', async () => {
  const names = Array.from({ length: 30 }, (_, n) => `many-${String(n)}`);
  const ends = await isolateAll(names);
  expect(ends).toEqual(names.map(() => ({ status: 'fulfilled', value: 'succeeded' })));
  expect(writes).toBeLessThan(20);
  const leases = await store.db.selectFrom('leases').select('target_key').execute();
  expect(leases.map(({ target_key }) => target_key).sort()).toEqual(
    names.map((name) => `host:${name}`).sort(),
  );
  expect(await store.db.selectFrom('lease_locks').selectAll().execute()).toEqual([]);
  const settled = await store.db
    .selectFrom('journal')
    .select('incident')
    .where('kind', '=', 'action_settled')
    .execute();
  expect(new Set(settled.map(({ incident }) => incident)).size).toBe(30);
  expect((await verifyJournal(store.db)).problems).toEqual([]);
});

test('one that cannot be written keeps no other from being written, and is found again by its claim', async () => {
  const names = ['fine-1', 'poison', 'fine-2', 'fine-3'];
  await sql`ALTER TABLE leases ADD CONSTRAINT no_poison CHECK (target_key <> 'host:poison')`.execute(
    store.db,
  );
  const ends = await isolateAll(names);
  await sql`ALTER TABLE leases DROP CONSTRAINT no_poison`.execute(store.db);
  expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : String(end.reason)))).toEqual([
    'succeeded',
    expect.stringContaining('no_poison'),
    'succeeded',
    'succeeded',
  ]);
  const claims = await store.db
    .selectFrom('claims')
    .select(['target_key', 'state'])
    .where(
      'target_key',
      'in',
      names.map((name) => `host:${name}`),
    )
    .orderBy('target_key')
    .execute();
  expect(claims.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'claimed']);
  expect((await verifyJournal(store.db)).problems).toEqual([]);
});
