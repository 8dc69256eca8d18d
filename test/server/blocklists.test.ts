import { Secret } from '../../contracts/secret';
import { blocklistStore } from '../../store/blocklist';
import { openStore, type Store } from '../../store/store';
import { startTestServer, type TestServer } from '../support/server';

let now = new Date('2026-05-01T00:00:00Z');
let store: Store;
let server: TestServer;
beforeAll(async () => {
  store = await openStore({ memory: true, now: () => Promise.resolve(now) });
  server = await startTestServer(
    {
      blocklists: [
        { id: 'blocked', secrets: [new Secret('old'), new Secret('new')] },
        { id: 'open', public: true },
      ],
    },
    store,
  );
  const list = blocklistStore(store);
  const put = (name: string, ip: string, expiresAt: string | null) =>
    list.put(name, ip, { expiresAt, reason: 'r' });
  await put('blocked', '203.0.113.66', null);
  await put('blocked', '203.0.113.9', '2026-05-01T01:00:00Z');
  await put('blocked', '2001:db8::1', null);
  await put('blocked', '203.0.113.7', '2026-04-30T23:59:59Z');
  await put('other', '192.0.2.1', null);
});
afterAll(async () => {
  await server.stop();
  await store.close();
});

const basic = (user: string, secret: string) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`,
});
const get = (list: string, headers: Record<string, string> = {}) =>
  server.call<string>('GET', `/blocklists/${list}`, { as: null, headers });

test('a firewall gets the live entries, one a line, sorted', async () => {
  const { status, data, headers } = await get('blocked', basic('firewall', 'new'));
  expect([status, data]).toEqual([200, '203.0.113.9\n203.0.113.66\n2001:db8::1\n']);
  expect(headers).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'private, no-cache',
  });
});

test('what it has already is answered with 304 until something changes', async () => {
  const first = await get('blocked', basic('firewall', 'old'));
  const again = { ...basic('firewall', 'old'), 'If-None-Match': String(first.headers['etag']) };
  const kept = await get('blocked', again);
  expect([kept.status, kept.data]).toEqual([304, '']);
  now = new Date('2026-05-01T01:00:00Z');
  const expired = await get('blocked', again);
  expect([expired.status, expired.data]).toEqual([200, '203.0.113.66\n2001:db8::1\n']);
  now = new Date('2026-05-01T00:00:00Z');
});

test('only with a secret of the list; the rotation keeps both; an API token is none', async () => {
  for (const headers of [
    {},
    basic('firewall', 'wrong'),
    basic('admin', 'new'),
    basic('firewall', ''),
    { Authorization: `Bearer ${server.tokens['adam'] ?? ''}` },
  ]) {
    const { status, headers: answer } = await get('blocked', headers);
    expect([headers, status, answer['www-authenticate']]).toEqual([
      headers,
      401,
      'Basic realm="cordon", charset="UTF-8"',
    ]);
  }
  expect((await get('blocked', { Authorization: 'Bearer new' })).status).toBe(200);
});

test('without a secret only where the configuration says so; what it does not name is not there', async () => {
  expect((await get('open')).data).toBe('');
  expect((await get('other', basic('firewall', 'new'))).status).toBe(404);
});
