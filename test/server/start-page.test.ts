import { fileIncident, fileRequest, startTestServer, type TestServer } from '../support/server';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await fileIncident(server.store, 'INC-2026-900001');
});
afterAll(() => server.stop());

type Page = Awaited<ReturnType<TestServer['call']>>;
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const get = (headers: Record<string, string> = {}) =>
  server.call<string>('GET', '/plain', { as: null, headers });
const post = (path: string, fields: [string, string][], headers: Record<string, string> = {}) =>
  server.call<string>('POST', path, {
    as: null,
    body: new URLSearchParams(fields).toString(),
    headers: { ...FORM, ...headers },
  });

async function logIn(person: string): Promise<{ Cookie: string }> {
  const { status, headers } = await post('/plain/login', [['token', server.tokens[person] ?? '']]);
  const [cookie = ''] = headers['set-cookie'] ?? [];
  expect([status, headers['location']]).toEqual([303, '/plain']);
  return { Cookie: cookie.split(';')[0] ?? '' };
}
/** The hidden fields of the form of a request, as a browser would send them. */
function formOf(html: string, request: string): [string, string][] {
  const section = html.split('<section>').find((part) => part.includes(request)) ?? '';
  return [...section.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)].map(
    ([, name = '', value = '']) => [name, value],
  );
}
const decisions = (request: string) =>
  server.store.db.selectFrom('decisions').selectAll().where('request_id', '=', request).execute();

test('without a log-in there is only the form; with a wrong token too', async () => {
  const { status, data, headers } = await get();
  expect([status, data.includes('action="/plain/login"'), data.includes('INC-2026')]).toEqual([
    200,
    true,
    false,
  ]);
  expect(headers['content-security-policy']).toBe(
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  );
  expect(data).not.toContain('<script');
  const wrong = await post('/plain/login', [['token', 'cordon_wrong']]);
  expect([wrong.status, wrong.headers['set-cookie']]).toEqual([401, undefined]);
});

test('the cookie is out of reach for scripts and other sites', async () => {
  const { headers } = await post('/plain/login', [['token', server.tokens['lea'] ?? '']], {
    'X-Forwarded-Proto': 'https',
  });
  expect(headers['set-cookie']?.[0]).toMatch(/; HttpOnly; Secure; SameSite=Strict$/);
});

test('a person reads what waits, item by item, and decides about what they chose', async () => {
  const request = await fileRequest(server.store, 'INC-2026-900001', [
    { action: 'endpoint.isolate_host', target: 'ws-1' },
    { action: 'endpoint.isolate_host', target: 'ws-2' },
  ]);
  const cookie = await logIn('lea');
  const { data } = await get(cookie);
  for (const text of [
    'INC-2026-900001',
    'Cut the hosts off',
    'host:ws-1',
    'host:ws-2',
    'simulated',
    '1 h',
    'low impact: one analyst',
  ])
    expect(data).toContain(text);
  const fields: [string, string][] = [
    ...formOf(data, request),
    ['item', 'endpoint.isolate_host:ws-1'],
    ['verdict', 'approve'],
    ['reason', 'agreed'],
  ];
  const before = server.wakes();
  const answer = await post('/plain/decide', fields, cookie);
  expect([answer.status, answer.headers['location'], server.wakes()]).toEqual([303, '/plain', before + 1]);
  expect((await post('/plain/decide', fields, cookie)).status).toBe(303);
  expect(await decisions(request)).toMatchObject([
    {
      person: 'lea',
      item_hash: 'endpoint.isolate_host:ws-1',
      verdict: 'approve',
      reason: 'agreed',
      channel: 'page',
      voice: 'person',
    },
  ]);
  expect((await get(cookie)).data).toContain('lea: approve (page)');
});

test('a form without the token of the log-in, of another log-in, or from another site decides nothing', async () => {
  const request = await fileRequest(server.store, 'INC-2026-900001', [
    { action: 'endpoint.isolate_host', target: 'ws-3' },
  ]);
  const lea = await logIn('lea');
  const ana = await logIn('ana');
  const fields = [
    ...formOf((await get(lea)).data, request),
    ['item', 'endpoint.isolate_host:ws-3'],
    ['verdict', 'approve'],
  ] as [string, string][];
  const without = fields.filter(([name]) => name !== 'csrf');
  const tries: [number, Page][] = [
    [403, await post('/plain/decide', without, lea)],
    [403, await post('/plain/decide', fields, ana)],
    [401, await post('/plain/decide', fields)],
    [403, await post('/plain/decide', fields, { ...lea, Origin: 'https://evil.example.com' })],
    [403, await post('/plain/decide', fields, { ...lea, 'Sec-Fetch-Site': 'cross-site' })],
    [
      403,
      await post('/plain/login', [['token', server.tokens['lea'] ?? '']], {
        Origin: 'https://evil.example.com',
      }),
    ],
    [
      422,
      await post(
        '/plain/decide',
        fields.filter(([name]) => name !== 'item'),
        lea,
      ),
    ],
    [
      409,
      await post(
        '/plain/decide',
        fields.map(([name, value]) => [name, name === 'planHash' ? 'old' : value]),
        lea,
      ),
    ],
  ];
  expect(tries.map(([, { status }]) => status)).toEqual(tries.map(([expected]) => expected));
  expect(await decisions(request)).toEqual([]);
  const own = { ...lea, Origin: server.url, 'Sec-Fetch-Site': 'same-origin' };
  expect((await post('/plain/decide', fields, own)).status).toBe(303);
});

test('who may only read gets no buttons, and cannot decide by hand either', async () => {
  const request = await fileRequest(server.store, 'INC-2026-900001', [
    { action: 'endpoint.isolate_host', target: 'ws-4' },
  ]);
  const vera = await logIn('vera');
  const { data } = await get(vera);
  expect(data).toContain('host:ws-4');
  expect(data).not.toContain('name="verdict"');
  const answer = await post(
    '/plain/decide',
    [...formOf(data, request), ['item', 'endpoint.isolate_host:ws-4'], ['verdict', 'approve']],
    vera,
  );
  expect(answer.status).toBe(403);
});

test('what an attacker wrote is shown as text', async () => {
  await server.store.db
    .updateTable('incidents')
    .set({ title: '<script>alert(1)</script>"\'\u202egnp.exe\u001b[2J' })
    .where('number', '=', 'INC-2026-900001')
    .execute();
  const { data } = await get(await logIn('lea'));
  expect(data).toContain('&#60;script&#62;');
  for (const part of ['<script', '\u202e', '\u001b']) expect(data).not.toContain(part);
});

test('logging out ends it in this browser', async () => {
  const cookie = await logIn('lea');
  const csrf = /name="csrf" value="(\w+)"/.exec((await get(cookie)).data)?.[1] ?? '';
  expect((await post('/plain/logout', [], cookie)).status).toBe(403);
  const out = await post('/plain/logout', [['csrf', csrf]], cookie);
  expect([out.status, out.headers['set-cookie']?.[0]]).toEqual([
    303,
    expect.stringMatching(/^cordon_token=;.*Expires=Thu, 01 Jan 1970/),
  ]);
});
