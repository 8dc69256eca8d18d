import { startTestServer, type TestServer } from '../support/server';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({
    api: { callsPerMinute: 10, failuresPerMinute: 5, trustProxy: 1 },
    blocklists: [{ id: 'blocked', public: true }],
  });
});
afterEach(() => server.stop());

const call = async (as: string | null, headers: Record<string, string> = {}) => {
  const answer = await server.call('GET', '/api/v1/me', { as, headers });
  return { status: answer.status, after: Number(answer.headers['retry-after'] ?? 0), data: answer.data };
};
const times = async (n: number, one: () => Promise<{ status: number }>): Promise<number[]> => {
  const seen: number[] = [];
  for (let at = 0; at < n; at++) seen.push((await one()).status);
  return seen;
};

test('one person who calls too often is told when to try again, and nobody else is held up', async () => {
  expect(await times(10, () => call('ana'))).toEqual(Array<number>(10).fill(200));
  const refused = await call('ana');
  expect(refused).toMatchObject({
    status: 429,
    data: { title: 'Too many requests', detail: expect.stringContaining('This person') as string },
  });
  expect(refused.after).toBeGreaterThan(0);
  expect(refused.after).toBeLessThanOrEqual(60);
  expect((await call('lea')).status).toBe(200);
});

test('who guesses tokens is no longer listened to, by the address that a trusted proxy tells', async () => {
  const guess = { authorization: 'Bearer cordon_guess', 'x-forwarded-for': '203.0.113.9' };
  expect(await times(5, () => call(null, guess))).toEqual(Array<number>(5).fill(401));
  const refused = await call(null, guess);
  expect(refused).toMatchObject({
    status: 429,
    data: { detail: expect.stringContaining('no good token') as string },
  });
  expect((await call('ana', { 'x-forwarded-for': '203.0.113.9' })).status).toBe(429);
  expect((await call('ana', { 'x-forwarded-for': '203.0.113.10' })).status).toBe(200);
});

test('what a good token may not do is no guess', async () => {
  const forbidden = () => server.call('GET', '/api/v1/tokens', { as: 'ana' });
  expect(await times(8, forbidden)).toEqual(Array<number>(8).fill(403));
  expect((await call('ana')).status).toBe(200);
});
