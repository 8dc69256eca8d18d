import { randomUUID } from 'node:crypto';
import type { DelegationView, PolicyExplanation } from '../../contracts/api';
import type { ApprovalRequest } from '../../contracts/approval';
import type { PolicyInput } from '../../contracts/policy';
import type { Role } from '../../contracts/values';
import { recordDecision } from '../../store/decisions';
import { createToken, savePerson } from '../../store/people';
import { openStore, type Store } from '../../store/store';
import { item, openIncident, runnerOn, waveOf, World, worldConfig, type Activities } from '../support/runner';
import { startTestServer, type TestServer } from '../support/server';

type Asking = Exclude<PolicyInput['rules'][number]['require'], string>;
const HOUR = 3_600_000;
const NOON = Date.parse('2026-05-01T12:00:00Z');
const LEADS = (count: number): Asking => ({ groups: [{ roles: ['lead'], count }], timeoutSeconds: 7200 });
let now = new Date(NOON);
let store: Store;
let server: TestServer;
let world: World;
let activities: Activities;
let request: string;
let incident: string;
const extra: Record<string, string> = {};
beforeAll(async () => {
  store = await openStore({ memory: true, now: () => Promise.resolve(now) });
  server = await startTestServer({}, store);
  const more: Record<string, Role[]> = {
    lou: ['lead'],
    boss: ['admin', 'lead'],
    hanna: ['hr'],
    olga: ['viewer'],
  };
  for (const [id, roles] of Object.entries(more)) {
    await savePerson(store, { id, name: id, roles });
    extra[id] = await createToken(store, id, 'test');
  }
}, 60_000);
afterAll(async () => {
  await server.stop();
  await store.close();
});
beforeEach(async () => {
  now = new Date(NOON);
  await store.db.deleteFrom('delegations').execute();
});
afterEach(async () => {
  await activities.close();
  for (const table of ['lease_holders', 'leases'] as const) await store.db.deleteFrom(table).execute();
});

/** An item waits for people under this rule. The guard is the real one, and so is the server. */
async function ask(require: Asking = LEADS(1), started_by = 'source:siem'): Promise<void> {
  world = new World();
  const config = worldConfig({
    assets: [{ id: 'ws-1', kind: 'host', owner: 'olga' }],
    policy: { rules: [{ name: 'asked', when: {}, require }] },
  });
  activities = runnerOn(store, world, config);
  incident = await openIncident(store, config, { started_by });
  request = (await look())?.request?.id ?? '';
}
const look = async () => (await activities.runWave(waveOf(incident, item()))).items[0];
const status = async () => (await look())?.status;
const call = <T = { detail?: string }>(method: string, path: string, as: string, body?: object) =>
  server.call<T>(method, `/api/v1${path}`, { as: extra[as] ?? as, body });
const lend = (from: string, to: string, hours = 1, more: object = {}, as = from) =>
  call<DelegationView & { detail?: string }>('POST', '/delegations', as, {
    to,
    until: new Date(now.getTime() + hours * HOUR).toISOString(),
    reason: 'on leave',
    ...more,
  });
const lent = async (from: string, to: string, hours = 1): Promise<string> => {
  const { status: code, data } = await lend(from, to, hours);
  expect([code, data.detail]).toEqual([201, undefined]);
  return data.id;
};
const say = (as: string, verdict: string, body: object = {}) =>
  call('POST', `/approvals/${request}/decisions`, as, { decisionId: randomUUID(), verdict, ...body });
/** A decision that is taken. */
const does = async (as: string, verdict: string, seat?: string): Promise<void> => {
  const answer = await say(as, verdict, seat === undefined ? {} : { for: seat });
  expect([as, answer.status, answer.data.detail]).toEqual([as, 202, undefined]);
};
/** Why a decision is refused. */
const why = async (as: string, verdict: string, body: object = {}) => {
  const { status: code, data } = await say(as, verdict, body);
  return `${String(code)} ${data.detail ?? ''}`;
};
const seats = async () => {
  const { data } = await call<ApprovalRequest>('GET', `/approvals/${request}`, 'vera');
  return data.items[0]?.decisions.map((one) => [one.person, one.for, one.roles, one.verdict]);
};
const undo = (id: string, as: string) => call<DelegationView>('DELETE', `/delegations/${id}`, as);
const journal = async (chain: string) =>
  store.db
    .selectFrom('journal')
    .select(['kind', 'actor', 'data'])
    .where('incident', '=', chain)
    .orderBy('seq', 'desc')
    .execute();

test('who may not decide by themselves decides in the seat that was lent, with its roles, and it is written down', async () => {
  await ask();
  await does('bo', 'approve');
  expect(await status()).toBe('awaiting');
  await lent('lea', 'bo');
  await does('bo', 'approve');
  expect(await seats()).toEqual([
    ['bo', undefined, ['analyst'], 'approve'],
    ['bo', 'lea', ['lead'], 'approve'],
  ]);
  expect(await status()).toBe('succeeded');
  const entry = (await journal(incident)).find(({ kind }) => kind === 'decision_recorded');
  expect(entry).toMatchObject({ actor: 'person:bo', data: { person: 'bo' } });
  expect(Object.values(entry?.data['for'] ?? {})).toEqual(['lea']);
});

test('at its end, or once revoked, it is refused with the reason; what was decided before stays unless withdrawn', async () => {
  await ask(LEADS(2));
  const id = await lent('lea', 'bo');
  now = new Date(NOON + HOUR - 1);
  const decisionId = randomUUID();
  expect((await say('bo', 'approve', { decisionId, for: 'lea' })).status).toBe(202);
  now = new Date(NOON + HOUR);
  expect((await say('bo', 'approve', { decisionId, for: 'lea' })).data).toMatchObject({
    items: [{ status: 'repeated' }],
  });
  expect(await why('bo', 'deny', { decisionId })).toMatch(/^409 .*new id/);
  const ended = 'The delegation from lea to bo ended at 2026-05-01T13:00:00.000Z';
  expect(await why('bo', 'approve', { for: 'lea' })).toBe(`403 ${ended}.`);
  expect(await why('bo', 'deny')).toContain(`403 ${ended}, and by your own roles`);
  now = new Date(NOON + HOUR / 2);
  expect((await undo(id, 'lea')).status).toBe(200);
  expect(await why('bo', 'approve')).toContain(
    '403 The delegation from lea to bo was revoked at 2026-05-01T12:30',
  );
  await does('bo', 'withdraw');
  await does('lou', 'approve');
  expect(await status()).toBe('awaiting');
  await lent('lea', 'bo', 0.1);
  await does('bo', 'approve', 'lea');
  now = new Date(NOON + 1.5 * HOUR);
  expect(await status()).toBe('succeeded');
});

test('one human being fills one seat, and a seat is filled once', async () => {
  await ask({
    groups: [
      { roles: ['lead'], count: 1 },
      { roles: ['analyst'], count: 1 },
    ],
    timeoutSeconds: 7200,
  });
  await lent('lea', 'bo');
  await lent('lea', 'ana');
  await does('bo', 'approve');
  await does('bo', 'approve', 'lea');
  expect(await status()).toBe('awaiting');
  await does('ana', 'approve', 'lea');
  expect(await status()).toBe('awaiting');
  await does('ana', 'approve');
  expect(await status()).toBe('succeeded');
});

test('who decides in person is not decided for, whichever came first', async () => {
  await ask(LEADS(2));
  await lent('lea', 'bo');
  await does('bo', 'deny', 'lea');
  await does('lea', 'approve');
  expect(await status()).toBe('awaiting');
  expect(await why('bo', 'approve', { for: 'lea' })).toMatch(/^403 lea has decided in person about /);
  await does('bo', 'deny');
  await does('lou', 'approve');
  expect(await status()).toBe('succeeded');
  expect((await seats())?.map(([person, seat]) => [person, seat])).toEqual([
    ['bo', 'lea'],
    ['lea', undefined],
    ['bo', undefined],
    ['lou', undefined],
  ]);
});

test('neither the delegate of who started it, nor who started it as a delegate', async () => {
  const strict = { ...LEADS(1), noSelfApproval: true };
  await ask(strict, 'person:lea');
  await lent('lea', 'bo');
  await lent('lou', 'ana');
  await does('bo', 'approve');
  expect(await why('bo', 'approve', { for: 'lea' })).toContain(
    '403 In the seat of lea your word has no weight on',
  );
  expect(await status()).toBe('awaiting');
  await does('ana', 'approve');
  expect(await status()).toBe('succeeded');
  await activities.close();
  await ask(strict, 'person:ana');
  expect(await why('ana', 'approve', { for: 'lou' })).toContain('your word has no weight on');
  expect(await status()).toBe('awaiting');
});

test('it goes no further: not to the delegate’s delegate, not to breaking the glass, not through a channel', async () => {
  await ask({ ...LEADS(1), breakGlass: ['lead'] });
  await lent('lea', 'bo');
  await lent('bo', 'ana');
  expect(await why('ana', 'approve', { for: 'lea' })).toBe('403 lea has not delegated to ana.');
  expect(await why('ana', 'approve', { for: 'bo' })).toContain('your word has no weight on');
  const glass = (body: object) =>
    call('POST', `/approvals/${request}/break-glass`, 'bo', {
      decisionId: randomUUID(),
      reason: 'now',
      ...body,
    });
  expect([(await glass({})).status, (await glass({ for: 'lea' })).status]).toEqual([403, 422]);
  const voice = (authenticated: boolean) => ({
    person: 'bo',
    roles: ['analyst' as const],
    channel: 'channel:chat',
    onBehalf: { authenticated, maxImpact: 'high' as const },
  });
  for (const authenticated of [true, false]) {
    const input = { decisionId: randomUUID(), verdict: 'approve' as const };
    expect(await recordDecision(store, request, input, voice(authenticated))).toMatchObject({
      kind: 'recorded',
    });
    const forLea = { ...input, decisionId: randomUUID(), for: 'lea' };
    expect(await recordDecision(store, request, forLea, voice(authenticated))).toMatchObject({
      kind: 'no_seat',
    });
  }
  expect((await seats())?.map(([, seat]) => seat)).toEqual([undefined, undefined]);
  expect(await status()).toBe('awaiting');
  expect(await why('bo', 'withdraw', { for: 'lea' })).toMatch(/^422 .*leave it out/);
});

test('the owner of the asset and hr lend their seats too, with no more than they have', async () => {
  const seat = (role: Role) => ({ roles: [role], count: 1 });
  await ask({ groups: [seat('owner'), seat('hr')], timeoutSeconds: 7200 });
  expect((await lend('olga', 'bo')).status).toBe(403);
  expect((await lend('olga', 'bo', 1, { from: 'olga' }, 'adam')).status).toBe(201);
  await lent('hanna', 'ana');
  await does('bo', 'approve');
  await does('ana', 'approve');
  expect(await status()).toBe('succeeded');
  expect((await seats())?.map(([person, owner]) => [person, owner])).toEqual([
    ['bo', 'olga'],
    ['ana', 'hanna'],
  ]);
});

test('a seat whose owner has left is nobody’s', async () => {
  await ask();
  await lent('lou', 'bo');
  await store.db.updateTable('people').set({ active: false }).where('id', '=', 'lou').execute();
  expect(await why('bo', 'approve', { for: 'lou' })).toContain(
    '403 The delegation from lou to bo does not hold',
  );
  await store.db.updateTable('people').set({ active: true }).where('id', '=', 'lou').execute();
  await does('bo', 'approve', 'lou');
});

test('one lends one’s own seat, an admin that of others and never to themselves; journaled, listed, revoked once', async () => {
  await ask();
  const made = await lend('lea', 'bo');
  expect([made.status, made.data]).toEqual([
    201,
    {
      id: made.data.id,
      from: 'lea',
      to: 'bo',
      until: '2026-05-01T13:00:00.000Z',
      reason: 'on leave',
      createdAt: '2026-05-01T12:00:00.000Z',
      revokedAt: null,
    },
  ]);
  expect((await journal('SYSTEM'))[0]).toMatchObject({
    kind: 'delegation_made',
    actor: 'person:lea',
    data: { delegation: made.data.id, from: 'lea', to: 'bo', reason: 'on leave' },
  });
  expect((await lend('lea', 'bo', 1, { from: 'lea' }, 'ana')).status).toBe(403);
  expect((await lend('lea', 'boss', 1, { from: 'lea' }, 'boss')).status).toBe(403);
  for (const [to, hours, more, detail] of [
    ['lea', 1, {}, 'to: you decide in your own seat'],
    ['nobody', 1, {}, 'to: there is no active person "nobody"'],
    ['vera', 1, {}, 'to: vera may not decide at all'],
    ['bo', 0, {}, 'until: 2026-05-01T12:00:00.000Z is past'],
    ['bo', 90 * 24 + 1, {}, 'until: a delegation lasts 90 days at most'],
    ['bo', 1, { reason: ' ' }, 'reason'],
    ['bo', 1, { until: 'soon' }, 'until'],
  ] as const) {
    const refused = await lend('lea', to, hours, more);
    expect([refused.status, refused.data.detail]).toEqual([422, expect.stringContaining(detail)]);
  }
  const list = async (all = false) =>
    (await call<{ items: DelegationView[] }>('GET', `/delegations?all=${String(all)}`, 'vera')).data.items;
  expect((await list()).map(({ id }) => id)).toEqual([made.data.id]);
  const explained = await call<PolicyExplanation>(
    'GET',
    '/policy/explain?action=endpoint.isolate_host&target=ws-9',
    'vera',
  );
  expect(explained.data.seats[0]?.delegates).toEqual([
    { id: 'bo', for: 'lea', until: '2026-05-01T13:00:00.000Z' },
  ]);
  expect([(await undo(made.data.id, 'ana')).status, (await undo('none', 'adam')).status]).toEqual([403, 404]);
  now = new Date(NOON + 60_000);
  expect((await undo(made.data.id, 'adam')).data.revokedAt).toBe('2026-05-01T12:01:00.000Z');
  now = new Date(NOON + 120_000);
  expect((await undo(made.data.id, 'bo')).data.revokedAt).toBe('2026-05-01T12:01:00.000Z');
  expect((await journal('SYSTEM'))[0]).toMatchObject({ kind: 'delegation_revoked', actor: 'person:adam' });
  expect([await list(), (await list(true)).length]).toEqual([[], 1]);
});
