import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import fc from 'fast-check';
import type { ActionOutput } from '../../contracts/actions';
import type { Acted } from '../../contracts/integration';
import clamav from '../../integrations/clamav';
import { parseScanLine } from '../../integrations/clamav/schemas';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';

const host = { name: 'fin-ws-042' };

/** Speaks clamd's protocol on a port of its own. */
class FakeClamd {
  readonly commands: string[] = [];
  /** What is said to a scan, by path. */
  readonly replies = new Map<string, string>();
  version = 'ClamAV 1.4.3/27800/Tue Oct 21 08:00:00 2026';
  mood: 'good' | 'hang' | 'reset' | 'http' | 'cut' | 'empty' = 'good';
  scanDelayMs = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => this.#answer(socket, data.toString()));
  });

  #answer(socket: Socket, text: string): void {
    const command = /^z(.*)\0$/s.exec(text)?.[1] ?? '';
    this.commands.push(command);
    if (this.mood === 'hang') return;
    if (this.mood === 'reset') return void socket.resetAndDestroy();
    if (this.mood === 'http') return void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    if (command === 'VERSION') return void socket.end(`${this.version}\0`);
    if (this.mood === 'cut') return void socket.end('/srv/a: Eicar FO');
    if (this.mood === 'empty') return void socket.end();
    const path = command.replace(/^CONTSCAN /, '');
    setTimeout(() => socket.end(this.replies.get(path) ?? `${path}: OK\0`), this.scanDelayMs).unref();
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

function connect(port: number, paths = ['/srv'], limits: Record<string, number> = {}) {
  const config = clamav.config.parse({
    hosts: { 'fin-ws-042': { address: '127.0.0.1', port, paths } },
    connectTimeoutMs: 1000,
    scanTimeoutMs: 1000,
    ...limits,
  });
  return clamav.connect(config, fakeConnectTools());
}

type Scanned = Acted<ActionOutput<'endpoint.scan_av'>> | undefined;
const outputOf = (acted: Scanned): ActionOutput<'endpoint.scan_av'> => {
  if (acted?.status !== 'done') throw new Error(`expected done, got ${acted?.status ?? 'nothing'}`);
  return acted.output;
};

interface World {
  clamd: FakeClamd;
  connection: ReturnType<typeof connect>;
}

contractSuite<World>({
  integration: clamav,
  setup: async () => {
    const clamd = new FakeClamd();
    return { clamd, connection: connect(await clamd.listen()) };
  },
  teardown: async ({ clamd }) => clamd.close(),
  cases: {
    'endpoint.scan_av': {
      input: () => ({ host }),
      check: (output, { clamd }) => {
        expect(output).toEqual({ host, clean: true, findings: [], errors: [], engine: clamd.version });
        expect(clamd.commands).toEqual(['VERSION', 'CONTSCAN /srv', 'VERSION']);
      },
      faults: [
        {
          name: 'clamd hangs',
          arrange: ({ clamd }) => void (clamd.mood = 'hang'),
          type: 'timeout',
          maybeApplied: false,
        },
        {
          name: 'the scan does not end',
          arrange: ({ clamd }) => void (clamd.scanDelayMs = 5000),
          type: 'timeout',
          maybeApplied: false,
        },
        {
          name: 'nothing listens',
          arrange: ({ clamd }) => clamd.close(),
          type: 'unavailable',
          maybeApplied: false,
        },
        {
          name: 'the connection is reset',
          arrange: ({ clamd }) => void (clamd.mood = 'reset'),
          type: 'unavailable',
          maybeApplied: false,
        },
        {
          name: 'it is a web server',
          arrange: ({ clamd }) => void (clamd.mood = 'http'),
          type: 'unexpected_reply',
          maybeApplied: false,
        },
        {
          name: 'the reply breaks off in a line',
          arrange: ({ clamd }) => void (clamd.mood = 'cut'),
          type: 'unexpected_reply',
          maybeApplied: false,
        },
        {
          name: 'the reply is empty',
          arrange: ({ clamd }) => void (clamd.mood = 'empty'),
          type: 'unexpected_reply',
          maybeApplied: false,
        },
        {
          name: 'clamd does not know the command',
          arrange: ({ clamd }) => void clamd.replies.set('/srv', 'UNKNOWN COMMAND\0'),
          type: 'unexpected_reply',
          maybeApplied: false,
        },
      ],
    },
  },
});

describe('clamav', () => {
  let clamd: FakeClamd;
  let port: number;
  beforeEach(async () => {
    clamd = new FakeClamd();
    port = await clamd.listen();
  });
  afterEach(() => clamd.close());
  const scan = async (
    connection: ReturnType<typeof connect>,
    paths?: string[],
    context = fakeCallContext(),
  ) =>
    await connection.handlers['endpoint.scan_av']?.act(
      { host, ...(paths === undefined ? {} : { paths }) },
      context,
      undefined,
    );

  test('reports every hit of every path', async () => {
    clamd.replies.set('/srv', '/srv/a: Win.Test.EICAR_HDB-1 FOUND\0/srv/b: c: Eicar FOUND\0');
    const output = outputOf(await scan(connect(port), ['/home', '/srv']));
    expect(output.clean).toBe(false);
    expect(output.findings).toEqual([
      { path: '/srv/a', signature: 'Win.Test.EICAR_HDB-1' },
      { path: '/srv/b: c', signature: 'Eicar' },
    ]);
    expect(clamd.commands).toEqual(['VERSION', 'CONTSCAN /home', 'CONTSCAN /srv', 'VERSION']);
  });

  test('is not clean when something could not be read, or nothing was scanned', async () => {
    clamd.replies.set('/srv', '/srv/a: Access denied. ERROR\0');
    const denied = outputOf(await scan(connect(port)));
    expect(denied).toMatchObject({ clean: false, findings: [], errors: ['/srv/a: Access denied.'] });
    expect(outputOf(await scan(connect(port), [], fakeCallContext({ actionKey: 'b' })))).toMatchObject({
      clean: false,
    });
  });

  test('is not clean when the engine changed in between', async () => {
    clamd.scanDelayMs = 100;
    const scanning = scan(connect(port));
    while (clamd.commands.length < 2) await new Promise((done) => setTimeout(done, 5));
    clamd.version = 'ClamAV 1.4.3/27801/Wed Oct 22 08:00:00 2026';
    const output = outputOf(await scanning);
    expect(output.clean).toBe(false);
    expect(output.errors).toEqual([expect.stringContaining('27801')]);
  });

  test('lists a thousand hits and says how many there are', async () => {
    clamd.replies.set('/srv', Array.from({ length: 1500 }, (_, n) => `/srv/${n}: Eicar FOUND\0`).join(''));
    const output = outputOf(await scan(connect(port)));
    expect(output.findings).toHaveLength(1000);
    expect(output.errors[0]).toContain('1500');
  });

  test('a long scan is pending, goes on by itself and is not begun twice', async () => {
    clamd.scanDelayMs = 300;
    const connection = connect(port, ['/srv'], { pendingAfterMs: 50 });
    let acted: Scanned = await scan(connection);
    expect(acted).toEqual({ status: 'pending', token: 'a'.repeat(64), againInMs: 50 });
    while (acted?.status === 'pending') {
      acted = await connection.handlers['endpoint.scan_av']?.poll?.(acted.token, { host }, fakeCallContext());
    }
    expect(outputOf(acted).clean).toBe(true);
    expect(clamd.commands).toEqual(['VERSION', 'CONTSCAN /srv', 'VERSION']);
  });

  test('a pending scan that fails is told to the one who polls', async () => {
    clamd.scanDelayMs = 5000;
    const connection = connect(port, ['/srv'], { pendingAfterMs: 50, scanTimeoutMs: 150 });
    expect((await scan(connection))?.status).toBe('pending');
    await new Promise((done) => setTimeout(done, 300));
    const polled = connection.handlers['endpoint.scan_av']?.poll?.(
      'a'.repeat(64),
      { host },
      fakeCallContext(),
    );
    await expect(polled).rejects.toMatchObject({ type: 'timeout' });
  });

  test('another process that is asked for a pending scan begins it again', async () => {
    const polled = await connect(port).handlers['endpoint.scan_av']?.poll?.(
      'elsewhere',
      { host },
      fakeCallContext(),
    );
    expect(outputOf(polled).clean).toBe(true);
  });

  test('refuses a relative path and a host that it does not know', async () => {
    await expect(scan(connect(port), ['srv'])).rejects.toMatchObject({ type: 'invalid_input' });
    const act = connect(port).handlers['endpoint.scan_av']?.act(
      { host: { name: 'other' } },
      fakeCallContext(),
      undefined,
    );
    await expect(act).rejects.toMatchObject({ type: 'not_found' });
  });

  test('the check names the host that does not answer', async () => {
    clamd.mood = 'http';
    expect(await connect(port).check(AbortSignal.timeout(5000))).toEqual({
      ok: false,
      detail: expect.stringContaining('fin-ws-042') as string,
    });
  });
});

describe('the reply parser', () => {
  const anyPath = fc.string({ unit: 'binary', minLength: 1 }).filter((path) => !path.includes('\0'));
  const anySignature = fc.stringMatching(/^[A-Za-z0-9._-]+$/);

  test('reads back the path and the signature of any hit', () => {
    fc.assert(
      fc.property(anyPath, anySignature, (path, signature) => {
        expect(parseScanLine(`${path}: ${signature} FOUND`)).toEqual({ verdict: 'found', path, signature });
      }),
    );
  });

  test('a hit or an error never reads as OK, whatever the file is called', () => {
    fc.assert(
      fc.property(
        anyPath,
        anySignature,
        fc.constantFrom(': OK', ': X FOUND', ' ERROR', ''),
        (path, signature, tail) => {
          expect(parseScanLine(`${path}${tail}: ${signature} FOUND`)?.verdict).toBe('found');
          expect(parseScanLine(`${path}${tail}: Access denied. ERROR`)?.verdict).toBe('error');
          expect(parseScanLine(`${path}${tail}: OK`)).toEqual({ verdict: 'ok', path: `${path}${tail}` });
        },
      ),
    );
  });

  test('what ends in none of the three words is no reply', () => {
    const ends = /: OK$|: \S+ FOUND$| ERROR$/;
    fc.assert(
      fc.property(
        fc.string().filter((text) => !ends.test(text)),
        (text) => parseScanLine(text) === undefined,
      ),
    );
  });
});

const CLAMD = 'clamd';
const installed = spawnSync(CLAMD, ['--version']).status === 0;
const describeForReal = installed ? describe : describe.skip;

describeForReal(`clamav with a real clamd${installed ? '' : ' (skipped: clamd is not installed)'}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-clamd-'));
  const files = join(folder, 'files');
  let clamd: ChildProcess;
  let port: number;

  beforeAll(async () => {
    // In halves, so that this file is not itself a hit.
    const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('');
    mkdirSync(join(folder, 'db'));
    mkdirSync(join(files, 'clean'), { recursive: true });
    writeFileSync(join(folder, 'db', 'test.ndb'), `Test.Eicar:0:*:${Buffer.from(eicar).toString('hex')}\n`);
    writeFileSync(join(files, 'one'), eicar);
    writeFileSync(join(files, 'two\n: OK'), eicar);
    writeFileSync(join(files, 'clean', 'three'), 'payroll\n');
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    port = (free.address() as AddressInfo).port;
    free.close();
    const settings = [
      'Foreground yes',
      `TCPSocket ${port}`,
      'TCPAddr 127.0.0.1',
      `DatabaseDirectory ${join(folder, 'db')}`,
    ];
    writeFileSync(join(folder, 'clamd.conf'), `${settings.join('\n')}\n`);
    chmodSync(folder, 0o755);
    clamd = spawn(CLAMD, [`--config-file=${join(folder, 'clamd.conf')}`], { stdio: 'ignore' });
    const until = Date.now() + 20_000;
    while (!(await connect(port).check(AbortSignal.timeout(1000))).ok && Date.now() < until) {
      await new Promise((done) => setTimeout(done, 100));
    }
  });
  afterAll(() => {
    clamd.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const scan = async (path: string) =>
    outputOf(
      await connect(port, [path], { scanTimeoutMs: 20_000 }).handlers['endpoint.scan_av']?.act(
        { host },
        fakeCallContext(),
        undefined,
      ),
    );

  test('finds every infected file, whatever it is called', async () => {
    const output = await scan(files);
    expect(output.findings.map(({ path }) => path).sort()).toEqual([
      join(files, 'one'),
      join(files, 'two\n: OK'),
    ]);
    expect(output).toMatchObject({
      clean: false,
      errors: [],
      engine: expect.stringMatching(/^ClamAV \d/) as string,
    });
    expect(output.findings[0]?.signature).toBe('Test.Eicar.UNOFFICIAL');
  });

  test('says clean of what is clean, and not of what is not there', async () => {
    expect(await scan(join(files, 'clean'))).toMatchObject({ clean: true, findings: [], errors: [] });
    const missing = await scan(join(files, 'missing'));
    expect(missing.clean).toBe(false);
    expect(missing.errors[0]).toContain('No such file');
  });
});
