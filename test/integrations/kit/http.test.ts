import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { z } from 'zod';
import { CordonError } from '../../../contracts/errors';
import { HttpClient, retryAfterMs, segment, VendorUrl, type HttpCall } from '../../../integrations/kit/http';

const SECRET = 'hunter2-hunter2';
const BODY = 'what-the-product-said';
const Reply = z.object({ ok: z.boolean() });

describe('the HTTP client', () => {
  let server: Server;
  let answer: RequestListener;
  let client: HttpClient;
  let seen: string[];

  beforeEach(async () => {
    seen = [];
    answer = (_request, response) => response.end('{"ok":true}');
    server = createServer((request, response) => {
      seen.push(`${request.method ?? ''} ${request.url ?? ''}`);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = clientOf((server.address() as AddressInfo).port);
  });
  afterEach(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const clientOf = (port: number) =>
    new HttpClient({
      baseUrl: `http://127.0.0.1:${port}`,
      timeoutMs: 300,
      product: 'product',
      headers: () => ({ Authorization: `Bearer ${SECRET}` }),
    });
  const call = (over: Partial<HttpCall<typeof Reply>> = {}, by = client) =>
    by.call({
      method: 'POST',
      path: '/things',
      body: { password: SECRET },
      reply: Reply,
      signal: new AbortController().signal,
      what: 'do it',
      ...over,
    });
  const errorOf = async (promise: Promise<unknown>): Promise<CordonError> => {
    const error: unknown = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof CordonError)) throw new Error(`expected a CordonError, got ${String(error)}`);
    return error;
  };

  test('answers the parsed reply', async () => {
    await expect(call()).resolves.toEqual({ ok: true });
  });

  test.each([
    [400, 'rejected', false],
    [401, 'auth', false],
    [403, 'auth', false],
    [404, 'not_found', false],
    [408, 'timeout', true],
    [409, 'rejected', false],
    [422, 'rejected', false],
    [429, 'rate_limited', false],
    [500, 'unavailable', true],
    [501, 'unsupported', false],
    [502, 'unavailable', true],
    [503, 'unavailable', false],
    [504, 'unavailable', true],
  ])('a write answered %i is %s, maybe applied: %s; a read never is', async (status, type, maybeApplied) => {
    answer = (_request, response) => response.writeHead(status).end(BODY);
    expect(await errorOf(call())).toMatchObject({ type, maybeApplied });
    expect(await errorOf(call({ method: 'GET' }))).toMatchObject({ type, maybeApplied: false });
  });

  test.each([429, 503])('%i hands on how long to wait', async (status) => {
    answer = (_request, response) => response.writeHead(status, { 'retry-after': '7' }).end();
    expect((await errorOf(call())).options.retryAfterMs).toBe(7_000);
  });

  test('does not follow a redirect, which would take the credentials elsewhere', async () => {
    answer = (_request, response) => response.writeHead(307, { location: '/elsewhere' }).end();
    expect((await errorOf(call())).type).toBe('unexpected_reply');
    expect(seen).toEqual(['POST /things']);
  });

  test.each([
    ['is not JSON', BODY],
    ['is JSON of another shape', '{"ok":"yes"}'],
    ['is empty', ''],
  ])('a reply that %s is unexpected, and the write may have been applied', async (_name, text) => {
    answer = (_request, response) => response.end(text);
    expect(await errorOf(call())).toMatchObject({ type: 'unexpected_reply', maybeApplied: true });
  });

  test('a reply without end is given up', async () => {
    answer = (_request, response) => {
      response.write('{');
    };
    expect(await errorOf(call())).toMatchObject({ type: 'timeout', maybeApplied: true });
  });

  test('a connection cut after the request is a lost reply; one that never stood is not', async () => {
    answer = (request) => request.socket.destroy();
    expect(await errorOf(call())).toMatchObject({ type: 'unavailable', maybeApplied: true });
    const nobody = clientOf(1);
    expect(await errorOf(call({}, nobody))).toMatchObject({ type: 'unavailable', maybeApplied: false });
  });

  test('cancelled before it is sent, nothing is sent; cancelled under way, it may have been applied', async () => {
    expect(await errorOf(call({ signal: AbortSignal.abort() }))).toMatchObject({
      type: 'cancelled',
      maybeApplied: false,
    });
    expect(seen).toEqual([]);
    const cancel = new AbortController();
    answer = () => cancel.abort();
    expect(await errorOf(call({ signal: cancel.signal }))).toMatchObject({
      type: 'cancelled',
      maybeApplied: true,
    });
  });

  test('no failure shows a credential, a request or a reply, however it is printed', async () => {
    const failures: CordonError[] = [];
    answer = (_request, response) => response.writeHead(500).end(BODY);
    failures.push(await errorOf(call()));
    answer = (_request, response) => response.end(BODY);
    failures.push(await errorOf(call()));
    answer = (request) => request.socket.destroy();
    failures.push(await errorOf(call()));
    const printed = failures.map((error) => inspect(error, { depth: 20, showHidden: true })).join('\n');
    expect(failures).toHaveLength(3);
    expect(printed).toContain('product: do it');
    expect(printed).not.toContain(SECRET);
    expect(printed).not.toContain(BODY);
  });
});

test.each([
  ['https://edr.example.com', true],
  ['http://127.0.0.1:8080', true],
  ['http://localhost:8080', true],
  ['http://[::1]:8080', true],
  ['http://edr.example.com', false],
  ['http://127.0.0.1.example.com', false],
  ['https://user:pw@edr.example.com', false],
  ['file:///etc/passwd', false],
])('the base URL %s is allowed: %s', (url, allowed) => {
  expect(VendorUrl.safeParse(url).success).toBe(allowed);
});

test('a path segment can’t leave its place', () => {
  expect(segment('../../admin?x=1#y')).toBe('..%2F..%2Fadmin%3Fx%3D1%23y');
  expect(() => segment('..')).toThrow(CordonError);
});

test('Retry-After is read as seconds or as a date, and never as more than a day', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfterMs('120', now)).toBe(120_000);
  expect(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(retryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
  expect(retryAfterMs('99999999', now)).toBe(86_400_000);
  expect(retryAfterMs('soon', now)).toBeUndefined();
  expect(retryAfterMs(undefined, now)).toBeUndefined();
});
