import { Webhook } from 'standardwebhooks';
import { Secret } from '../../contracts/secret';
import { openStore, type Store } from '../../store/store';
import { startPostgres, type Postgres } from '../support/store';
import { startTestServer, type TestServer } from '../support/server';

const SECRET = `whsec_${Buffer.from('a secret of the source').toString('base64')}`;
let postgres: Postgres;
let store: Store;
let server: TestServer;
beforeAll(async () => {
  postgres = await startPostgres();
  store = await openStore({ databaseUrl: await postgres.newDatabase() });
  server = await startTestServer(
    { sources: [{ id: 'siem', use: 'generic', secrets: [new Secret(SECRET)] }] },
    store,
  );
}, 60_000);
afterAll(async () => {
  await server.stop();
  await store.close();
  postgres.remove();
});

function hook(body: string) {
  const at = new Date();
  return server.call('POST', '/hooks/siem', {
    as: null,
    body: Buffer.from(body),
    headers: {
      'Content-Type': 'application/json',
      'webhook-id': 'm1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(SECRET).sign('m1', at, body),
    },
  });
}
const problem = expect.stringContaining('application/problem+json') as string;

test('2 MB are taken, 10 MB are not, by hooks and API alike; nothing is stored', async () => {
  const big = JSON.stringify({ title: 'x'.repeat(10_000_000) });
  const tooBig = await hook(big);
  expect([tooBig.status, tooBig.headers['content-type']]).toEqual([413, problem]);
  const api = await server.call('PUT', '/api/v1/kill-switch', {
    body: big,
    headers: { 'Content-Type': 'application/json' },
  });
  expect([api.status, api.headers['content-type']]).toEqual([413, problem]);
  expect(await store.db.selectFrom('deliveries').select('id').execute()).toEqual([]);
  const nearly = JSON.stringify({ title: 'x', description: 'x'.repeat(2_000_000) });
  expect((await hook(nearly)).status).toBe(202);
});

test('a stranger cannot make the API read a body', async () => {
  const big = JSON.stringify({ title: 'x'.repeat(10_000_000) });
  expect((await server.call('PUT', '/api/v1/kill-switch', { as: null, body: big })).status).toBe(401);
});

test('broken JSON is 400, what does not fit is 422 and names each field, what is not there is 404', async () => {
  const json = { 'Content-Type': 'application/json' };
  const broken = await server.call('PUT', '/api/v1/kill-switch', { body: '{"on": tru', headers: json });
  expect(broken.status).toBe(400);
  const wrong = await server.call<{ errors: { field: string }[] }>('PUT', '/api/v1/kill-switch', {
    body: { on: 'yes' },
  });
  expect([wrong.status, wrong.data.errors.map(({ field }) => field)]).toEqual([422, ['reason', 'on']]);
  for (const path of ['/api/v1/nothing', '/nothing', '/api/v2/incidents']) {
    const missing = await server.call('GET', path);
    expect([path, missing.status, missing.headers['content-type']]).toEqual([path, 404, problem]);
  }
});

test('a request keeps the id that it came with, in the answer and in the log; nonsense is replaced', async () => {
  const kept = await server.call('GET', '/api/v1/me', { headers: { 'X-Request-Id': 'trace-42' } });
  expect(kept.headers['x-request-id']).toBe('trace-42');
  expect(server.logged).toContainEqual({
    message: 'answered',
    data: expect.objectContaining({ requestId: 'trace-42', path: '/api/v1/me', status: 200 }) as object,
  });
  const replaced = await server.call('GET', '/api/v1/me', { headers: { 'X-Request-Id': 'a b"c' } });
  expect(replaced.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
});

test('no token, secret or query is in the log', async () => {
  await server.call('GET', '/api/v1/incidents?after=query-text');
  const text = JSON.stringify(server.logged);
  expect(text).not.toContain('query-text');
  for (const token of Object.values(server.tokens)) expect(text).not.toContain(token);
});

test('metrics tell what is open; with the database away readiness is 503 problem+json and metrics go on', async () => {
  await store.db
    .insertInto('outbox')
    .values({
      kind: 'wake',
      key: 'x',
      payload: '{}',
      created_at: new Date(Date.now() - 60_000),
      next_at: new Date(),
      error: null,
    })
    .execute();
  const { data } = await server.call<string>('GET', '/metrics', { as: null });
  expect(data).toMatch(/^cordon_outbox_depth 1$/m);
  expect(data).toMatch(/^cordon_outbox_oldest_seconds (59|6\d)/m);
  expect(data).toMatch(/^cordon_alerts_waiting 1$/m);
  expect(data).toMatch(/^cordon_incidents_open 0$/m);
  expect(data).toMatch(/^cordon_database_up 1$/m);
  expect(data).toMatch(/cordon_deliveries_accepted_total\{source="siem",duplicate="false"\} 1/);
  postgres.stop('immediate');
  const ready = await server.call('GET', '/readyz', { as: null });
  expect([ready.status, ready.headers['content-type'], ready.headers['retry-after']]).toEqual([
    503,
    problem,
    '5',
  ]);
  const api = await server.call('GET', '/api/v1/me');
  expect([api.status, api.headers['retry-after']]).toEqual([503, '5']);
  expect((await server.call('GET', '/healthz', { as: null })).status).toBe(200);
  const away = await server.call<string>('GET', '/metrics', { as: null });
  expect(away.data).toMatch(/^cordon_database_up 0$/m);
  expect(away.data).not.toMatch(/^cordon_outbox_depth \d/m);
  postgres.start();
  expect((await server.call('GET', '/readyz', { as: null })).status).toBe(200);
});
