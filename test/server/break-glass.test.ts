import { randomUUID } from 'node:crypto';
import type { IncidentSummary, ReviewView } from '../../contracts/api';
import { createToken, savePerson } from '../../store/people';
import { openStore, type Store } from '../../store/store';
import { item, openIncident, runnerOn, waveOf, World, worldConfig, type Activities } from '../support/runner';
import { startTestServer, type TestServer } from '../support/server';

const NOON = Date.parse('2026-05-01T12:00:00Z');
let now = new Date(NOON);
let store: Store;
let server: TestServer;
let lou: string;
let world: World;
let activities: Activities;
let incident: string;
let request: string;
beforeAll(async () => {
  store = await openStore({ memory: true, now: () => Promise.resolve(now) });
  server = await startTestServer({}, store);
  await savePerson(store, { id: 'lou', name: 'lou', roles: ['lead'] });
  lou = await createToken(store, 'lou', 'test');
}, 60_000);
afterAll(async () => {
  await server.stop();
  await store.close();
});
afterEach(async () => {
  await activities.close();
  for (const table of ['lease_holders', 'leases', 'settings'] as const)
    await store.db.deleteFrom(table).execute();
});

/** Two leads are needed; one alone may break the glass. The guard is the real one, and so is the server. */
async function ask(started_by = 'source:siem'): Promise<void> {
  now = new Date(NOON);
  world = new World();
  const config = worldConfig({
    policy: {
      rules: [
        {
          name: 'two leads',
          when: {},
          require: {
            groups: [{ roles: ['lead'], count: 2 }],
            timeoutSeconds: 3600,
            noSelfApproval: true,
            breakGlass: ['lead'],
          },
        },
      ],
    },
  });
  activities = runnerOn(store, world, config);
  incident = await openIncident(store, config, { started_by });
  request = (await look())?.request?.id ?? '';
}
const look = async () => (await activities.runWave(waveOf(incident, item()))).items[0];
const post = <T = { detail?: string }>(path: string, as: string, body: object) =>
  server.call<T>('POST', `/api/v1${path}`, { as, body });
const breakGlass = (as: string, extra: object = {}) =>
  post(`/approvals/${request}/break-glass`, as, { decisionId: randomUUID(), reason: 'it spreads', ...extra });
const decide = (as: string, verdict: string) =>
  post(`/approvals/${request}/decisions`, as, { decisionId: randomUUID(), verdict });
const attention = async () =>
  (await server.call<IncidentSummary>('GET', `/api/v1/incidents/${incident}`)).data.attention;
const reviews = async (all = false) =>
  (await server.call<{ items: ReviewView[] }>('GET', `/api/v1/reviews?all=${String(all)}`)).data.items.filter(
    (one) => one.incident === incident,
  );
const journal = async () =>
  (
    await store.db
      .selectFrom('journal')
      .select(['kind', 'actor'])
      .where('incident', '=', incident)
      .orderBy('seq')
      .execute()
  ).map(({ kind, actor }) => `${kind} ${actor}`);

test('one lead has it done at once; it is journaled, and asks for attention until another lead closes it', async () => {
  await ask();
  expect(await attention()).toBeNull();
  const decisionId = randomUUID();
  expect((await breakGlass('lea', { decisionId })).status).toBe(202);
  expect((await breakGlass('lea', { decisionId })).data).toMatchObject({ items: [{ status: 'repeated' }] });
  expect(await look()).toMatchObject({ status: 'succeeded' });
  expect(await journal()).toEqual(
    expect.arrayContaining(['decision_recorded person:lea', 'break_glass_used person:lea']),
  );
  const [review, ...more] = await reviews();
  expect([review?.person, review?.reason, more]).toEqual(['lea', 'it spreads', []]);
  expect(await attention()).toBe('lea broke the glass: another lead must review it.');
  const close = (as: string) => post(`/reviews/${review?.id ?? ''}/close`, as, { note: 'it was right' });
  expect((await close('ana')).status).toBe(403);
  expect(await close('lea')).toMatchObject({
    status: 403,
    data: { detail: expect.stringContaining('another lead') as string },
  });
  expect((await close(lou)).status).toBe(200);
  expect((await close(lou)).status).toBe(409);
  expect((await post('/reviews/none/close', lou, { note: 'n' })).status).toBe(404);
  expect([await attention(), await reviews()]).toEqual([null, []]);
  expect(await reviews(true)).toEqual([expect.objectContaining({ closedBy: 'lou', note: 'it was right' })]);
  expect((await journal()).at(-1)).toBe('review_closed person:lou');
});

test('who may not is told so, and nothing is done: another role, who started it, without a reason', async () => {
  await ask('person:lea');
  for (const as of ['ana', 'adam', 'lea'])
    expect(await breakGlass(as)).toMatchObject({
      status: 403,
      data: { detail: expect.stringContaining(as) as string },
    });
  expect((await breakGlass(lou, { reason: ' ' })).status).toBe(422);
  expect((await look())?.status).toBe('awaiting');
  expect(await reviews()).toEqual([]);
});

test('after a deny, or when it is settled, it is too late', async () => {
  await ask();
  await decide(lou, 'deny');
  expect((await breakGlass('lea')).status).toBe(202);
  expect(await look()).toMatchObject({ status: 'denied' });
  expect((await breakGlass('lea')).status).toBe(409);
  expect(world.calls).toEqual([]);
});

test('an approval is withdrawn before execution in any order, and after it that is too late', async () => {
  await ask();
  await decide('lea', 'approve');
  await decide('lea', 'withdraw');
  await decide(lou, 'approve');
  expect((await look())?.status).toBe('awaiting');
  await decide('lea', 'approve');
  expect((await look())?.status).toBe('succeeded');
  const late = await decide('lea', 'withdraw');
  expect([late.status, late.data.detail]).toEqual([
    409,
    'The request is settled; to take an effect back, release its containment.',
  ]);
});

test('what is held beyond its time is stopped by a withdrawal, and approved by nobody any more', async () => {
  await ask();
  await decide('lea', 'approve');
  await decide(lou, 'approve');
  await store.db.insertInto('settings').values({ key: 'kill_switch', value: '{"on":true}' }).execute();
  now = new Date(NOON + 7_200_000);
  expect((await look())?.status).toBe('held');
  expect((await decide('lea', 'approve')).status).toBe(409);
  expect((await decide('lea', 'withdraw')).status).toBe(202);
  await store.db.deleteFrom('settings').execute();
  expect((await look())?.status).toBe('denied');
  expect(world.calls).toEqual([]);
});
