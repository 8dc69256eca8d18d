import type { TokenView } from '../../contracts/api';
import { openStore, type Store } from '../../store/store';
import { savePeople, savePerson } from '../../store/people';
import { startTestServer, type TestServer } from '../support/server';

let now = new Date('2026-05-01T00:00:00Z');
let store: Store;
let server: TestServer;
beforeAll(async () => {
  store = await openStore({ memory: true, now: () => Promise.resolve(now) });
  server = await startTestServer({}, store);
});
afterAll(async () => {
  await server.stop();
  await store.close();
});

const create = (body: object, as = 'adam') =>
  server.call<TokenView & { token: string; detail: string }>('POST', '/api/v1/tokens', { as, body });
const whoAmI = (token: string) => server.call<{ id: string }>('GET', '/api/v1/me', { as: token });
const system = async () =>
  (
    await store.db
      .selectFrom('journal')
      .select(['kind', 'actor', 'data'])
      .where('incident', '=', 'SYSTEM')
      .orderBy('seq', 'desc')
      .limit(1)
      .execute()
  )[0];

test('a token lets its person in until it expires; its text is nowhere but in that answer', async () => {
  const { status, data } = await create({ person: 'bo', label: 'laptop', expiresInDays: 2 });
  expect([status, data.expiresAt]).toEqual([201, '2026-05-03T00:00:00.000Z']);
  expect((await whoAmI(data.token)).data).toMatchObject({ id: 'bo', roles: ['analyst'] });
  expect(await system()).toMatchObject({
    kind: 'token_created',
    actor: 'person:adam',
    data: { token: data.id, person: 'bo' },
  });
  const everything = JSON.stringify([
    (await server.call('GET', '/api/v1/tokens', { as: 'adam' })).data,
    await store.db.selectFrom('tokens').selectAll().execute(),
    await store.db.selectFrom('journal').selectAll().execute(),
    server.logged,
  ]);
  expect(everything).not.toContain(data.token);
  expect(everything).toContain(data.id);
  now = new Date('2026-05-02T23:59:59Z');
  expect((await whoAmI(data.token)).status).toBe(200);
  now = new Date('2026-05-03T00:00:00Z');
  expect((await whoAmI(data.token)).status).toBe(401);
  now = new Date('2026-05-01T00:00:00Z');
});

test('a revoked token is of no use; revoking twice is one', async () => {
  const { data } = await create({ person: 'bo', label: 'lost' });
  const revoke = () => server.call<TokenView>('DELETE', `/api/v1/tokens/${data.id}`, { as: 'adam' });
  expect((await revoke()).data.revokedAt).toBe('2026-05-01T00:00:00.000Z');
  expect((await whoAmI(data.token)).status).toBe(401);
  now = new Date('2026-05-01T01:00:00Z');
  expect((await revoke()).data.revokedAt).toBe('2026-05-01T00:00:00.000Z');
  now = new Date('2026-05-01T00:00:00Z');
  expect(await system()).toMatchObject({
    kind: 'token_revoked',
    actor: 'person:adam',
    data: { token: data.id },
  });
  expect((await server.call('DELETE', '/api/v1/tokens/nothing', { as: 'adam' })).status).toBe(404);
});

test('only an admin makes tokens, and only for active people', async () => {
  for (const as of ['vera', 'ana', 'lea']) {
    expect((await create({ person: 'bo', label: 'x' }, as)).status).toBe(403);
    expect((await server.call('GET', '/api/v1/tokens', { as })).status).toBe(403);
  }
  const unknown = await create({ person: 'nobody', label: 'x' });
  expect([unknown.status, unknown.data.detail]).toEqual([422, expect.stringContaining('cordon.config.ts')]);
  expect((await create({ person: 'bo', label: 'x', expiresInDays: 10_000 })).status).toBe(422);
});

test('who is no longer in the configuration is inactive: neither in by token nor able to get one; back when named again', async () => {
  const bo = { id: 'bo', name: 'bo', roles: ['analyst' as const] };
  await savePerson(store, { id: 'local', name: 'Local operator', roles: ['admin'] });
  const keep = ['vera', 'ana', 'lea', 'adam'].map((id) => ({ id, name: id, roles: [] }));
  const roles = await store.db.selectFrom('people').select(['id', 'roles']).execute();
  const people = keep.map((one) => ({
    ...one,
    roles: (roles.find(({ id }) => id === one.id)?.roles ?? []) as never[],
  }));
  await savePeople(store, people);
  expect((await whoAmI(server.tokens['bo'] ?? '')).status).toBe(401);
  expect((await create({ person: 'bo', label: 'x' })).status).toBe(422);
  const listed = await server.call<{ items: object[] }>('GET', '/api/v1/people', { as: 'vera' });
  expect(listed.data.items).toContainEqual({ ...bo, active: false });
  expect(listed.data.items).toContainEqual({
    id: 'local',
    name: 'Local operator',
    roles: ['admin'],
    active: true,
  });
  expect(await system()).toMatchObject({ kind: 'person_deactivated', data: { person: 'bo' } });
  await savePeople(store, [...people, bo]);
  expect((await whoAmI(server.tokens['bo'] ?? '')).status).toBe(200);
});
