import { fileIncident, fileRequest, startTestServer, type TestServer } from '../support/server';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await fileIncident(server.store, 'INC-2026-900001');
});
afterAll(() => server.stop());

interface LoggedIn {
  session: { person: { id: string }; csrf: string; permissions: string[] };
}

async function logIn(person: string): Promise<{ Cookie: string; csrf: string }> {
  const { status, headers, data } = await server.call<LoggedIn>('POST', '/session', {
    as: null,
    body: { token: server.tokens[person] },
    headers: { Origin: server.url, 'Sec-Fetch-Site': 'same-origin' },
  });
  expect([status, data.session.person.id]).toEqual([200, person]);
  return { Cookie: headers['set-cookie']?.[0]?.split(';')[0] ?? '', csrf: data.session.csrf };
}
const api = async (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
  (await server.call(method, path, { as: null, headers, ...(body === undefined ? {} : { body }) })).status;
const turn = (headers: Record<string, string>, on = true) =>
  api('PUT', '/api/v1/kill-switch', headers, { on, reason: 'test' });
const isOn = async () => (await server.call<{ on: boolean }>('GET', '/api/v1/kill-switch')).data.on;

test('a log-in sets a cookie out of reach for scripts and other sites, and says who it is and what they may', async () => {
  const answer = await server.call<LoggedIn>('POST', '/session', {
    as: null,
    body: { token: server.tokens['vera'] },
    headers: { 'X-Forwarded-Proto': 'https' },
  });
  expect(answer.headers['set-cookie']?.[0]).toMatch(/; HttpOnly; Secure; SameSite=Strict$/);
  expect(answer.data.session.permissions).toEqual(['read']);
  expect(JSON.stringify(answer.data)).not.toContain(server.tokens['vera'] ?? '-');
  const { Cookie, csrf } = await logIn('lea');
  const seen = await server.call<LoggedIn>('GET', '/session', { as: null, headers: { Cookie } });
  expect(seen.data.session).toMatchObject({ person: { id: 'lea' }, csrf });
  expect((await server.call('GET', '/session', { as: null })).data).toEqual({ session: null });
});

test('a token that does not hold, and a log-in that another site sends, set no cookie', async () => {
  const wrong = await server.call('POST', '/session', { as: null, body: { token: 'cordon_wrong' } });
  expect([wrong.status, wrong.headers['set-cookie']]).toEqual([401, undefined]);
  const foreign = await server.call('POST', '/session', {
    as: null,
    body: { token: server.tokens['lea'] },
    headers: { Origin: 'https://evil.example.com', 'Sec-Fetch-Site': 'cross-site' },
  });
  expect([foreign.status, foreign.headers['set-cookie']]).toEqual([403, undefined]);
});

test('the cookie reads the API, and only from our own pages', async () => {
  const { Cookie } = await logIn('lea');
  expect(await api('GET', '/api/v1/me', { Cookie, 'Sec-Fetch-Site': 'same-origin' })).toBe(200);
  for (const headers of [
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'https://evil.example.com' },
    { Origin: 'null' },
  ])
    expect([headers, await api('GET', '/api/v1/me', { Cookie, ...headers })]).toEqual([headers, 403]);
});

test('a change needs the token of this log-in, and comes from our own pages', async () => {
  const { Cookie, csrf } = await logIn('lea');
  const other = await logIn('adam');
  const own = { Origin: server.url, 'Sec-Fetch-Site': 'same-origin' };
  const refused: Record<string, string>[] = [
    { Cookie },
    { Cookie, ...own },
    { Cookie, ...own, 'X-Cordon-Csrf': '' },
    { Cookie, ...own, 'X-Cordon-Csrf': other.csrf },
    { Cookie, 'X-Cordon-Csrf': csrf, Origin: 'https://evil.example.com' },
    { Cookie, 'X-Cordon-Csrf': csrf, 'Sec-Fetch-Site': 'cross-site' },
    { Cookie, 'X-Cordon-Csrf': csrf, 'Sec-Fetch-Site': 'same-site' },
    // What a form of another site could send.
    { Cookie, 'Content-Type': 'text/plain', Origin: 'https://evil.example.com' },
  ];
  for (const headers of refused) expect([headers, await turn(headers)]).toEqual([headers, 403]);
  expect(await isOn()).toBe(false);
  expect(await turn({ Cookie, ...own, 'X-Cordon-Csrf': csrf })).toBe(200);
  expect(await isOn()).toBe(true);
  expect(await turn({ Cookie, ...own, 'X-Cordon-Csrf': csrf }, false)).toBe(200);
});

test('the cookie gives nobody a role, and counts for nothing beside an Authorization that does not hold', async () => {
  const { Cookie, csrf } = await logIn('vera');
  expect(await turn({ Cookie, 'X-Cordon-Csrf': csrf })).toBe(403);
  const lea = await logIn('lea');
  expect(await api('GET', '/api/v1/me', { Cookie: lea.Cookie, Authorization: 'Bearer cordon_wrong' })).toBe(
    401,
  );
});

test('a decision by the console says so', async () => {
  const request = await fileRequest(server.store, 'INC-2026-900001', [
    { action: 'endpoint.isolate_host', target: 'ws-1' },
  ]);
  const { Cookie, csrf } = await logIn('lea');
  const body = { decisionId: '6d0e3c0e-6f0d-4f9c-9a51-0d6b1f0a7a11', verdict: 'approve', reason: 'agreed' };
  const path = `/api/v1/approvals/${request}/decisions`;
  expect(await api('POST', path, { Cookie, 'X-Cordon-Csrf': csrf }, body)).toBe(202);
  const rows = await server.store.db.selectFrom('decisions').select(['person', 'channel', 'voice']).execute();
  expect(rows).toEqual([{ person: 'lea', channel: 'console', voice: 'person' }]);
});

test('logging out needs the token of the log-in, and clears the cookie', async () => {
  const { Cookie, csrf } = await logIn('lea');
  expect(await api('DELETE', '/session', { Cookie })).toBe(403);
  const out = await server.call('DELETE', '/session', {
    as: null,
    headers: { Cookie, 'X-Cordon-Csrf': csrf },
  });
  expect([out.status, out.headers['set-cookie']?.[0]]).toEqual([
    200,
    expect.stringMatching(/^cordon_token=;.*Expires=Thu, 01 Jan 1970/),
  ]);
});
