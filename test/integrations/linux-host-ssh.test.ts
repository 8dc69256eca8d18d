import { spawn } from 'node:child_process';
import { fakeCallContext } from '../contract/call-context';
import {
  FakeSshServer,
  connect,
  cordonKeys,
  fingerprint,
  generateKeys,
  host,
  hostKeys,
  type Settings,
} from './linux-host-estate';

describe('linux_host over SSH', () => {
  let server: FakeSshServer;
  let port: number;
  const status =
    '{"ok":true,"agent":1,"isolated":false,"tag":"","management":"198.51.100.13","changed":false}';
  beforeEach(async () => {
    server = new FakeSshServer(hostKeys, cordonKeys, () => spawn('echo', [status]));
    port = await server.listen();
  });
  afterEach(async () => await server.close());
  const probe = async (
    settings: Omit<Settings, 'port'>,
    context = fakeCallContext(),
    ref: { name: string; fqdn?: string } = host,
  ) =>
    await connect({ port, ...settings }).handlers['endpoint.isolate_host']?.probe?.({ host: ref }, context);

  test('reads the state with the right keys', async () => {
    expect(await probe({})).toMatchObject({ inForce: false });
    expect(server.commands).toEqual(['status']);
  });

  test('refuses a host key that is not the pinned one before it authenticates or says anything', async () => {
    const hostKeySha256 = fingerprint(generateKeys().public);
    await expect(probe({ hostKeySha256 })).rejects.toMatchObject({
      type: 'auth',
      maybeApplied: false,
      message: expect.stringContaining('host key') as string,
    });
    expect(server.commands).toEqual([]);
  });

  test('says auth when the host does not accept the key', async () => {
    await expect(probe({ privateKey: generateKeys().private })).rejects.toMatchObject({
      type: 'auth',
      maybeApplied: false,
    });
    expect(server.commands).toEqual([]);
  });

  test('a private key that is none is a mistake in the settings, and is not quoted', async () => {
    const failed = probe({ privateKey: 'not-a-key-but-secret' });
    await expect(failed).rejects.toMatchObject({ type: 'invalid_input' });
    await expect(failed).rejects.not.toMatchObject({
      message: expect.stringContaining('not-a-key') as string,
    });
  });

  test('gives up after its timeout, and at once when cancelled', async () => {
    server.mood = 'hang';
    const started = Date.now();
    await expect(probe({ callTimeoutMs: 300 })).rejects.toMatchObject({
      type: 'timeout',
      maybeApplied: true,
    });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    const cancelled = probe({ callTimeoutMs: 60_000 }, fakeCallContext({ signal: controller.signal }));
    await expect(cancelled).rejects.toMatchObject({ type: 'cancelled' });
    const late = probe({ callTimeoutMs: 60_000 }, fakeCallContext({ signal: AbortSignal.timeout(200) }));
    await expect(late).rejects.toMatchObject({ type: 'timeout' });
    expect(Date.now() - started).toBeLessThan(5000);
  });

  test('a connection that drops after the command was sent may have done it', async () => {
    server.mood = 'dropped';
    await expect(probe({})).rejects.toMatchObject({ type: 'unavailable', maybeApplied: true });
  });

  test('an endless reply is cut off', async () => {
    server.mood = 'flood';
    await expect(probe({ callTimeoutMs: 25_000 })).rejects.toMatchObject({ type: 'unexpected_reply' });
  });

  test('goes through a proxy command, and says unavailable when that ends or does not start', async () => {
    const relay = `const s = require('node:net').connect(${port}, '127.0.0.1'); process.stdin.pipe(s); s.pipe(process.stdout);`;
    expect(await probe({ proxyCommand: ['node', '-e', relay, '%h', '%p'] })).toMatchObject({
      inForce: false,
    });
    await expect(probe({ proxyCommand: ['false'] })).rejects.toMatchObject({
      type: 'unavailable',
      maybeApplied: false,
    });
    await expect(probe({ proxyCommand: ['/no/such/program'] })).rejects.toMatchObject({
      type: 'unavailable',
      maybeApplied: false,
    });
  });

  test('knows its hosts by full or short name only', async () => {
    expect(await probe({}, undefined, { name: 'FIN-WS-042.example.com' })).toMatchObject({ inForce: false });
    await expect(probe({}, undefined, { name: 'fin-ws-043' })).rejects.toMatchObject({ type: 'not_found' });
  });

  test('the check names a host that does not answer', async () => {
    const connection = connect({ port });
    expect(await connection.check(AbortSignal.timeout(5000))).toEqual({
      ok: true,
      detail: '1 host(s) answer',
    });
    server.mood = 'garbage';
    expect(await connection.check(AbortSignal.timeout(5000))).toMatchObject({
      ok: false,
      detail: expect.stringContaining('fin-ws-042') as string,
    });
  });

  test.each(['SHA256:short', 'a'.repeat(64)])('the settings refuse the pin %j', (pin) => {
    expect(() => connect({ port, hostKeySha256: pin })).toThrow(/ssh-keygen/);
  });
});
