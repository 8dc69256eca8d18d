import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axios, { type AxiosResponse } from 'axios';
import { Webhook } from 'standardwebhooks';
import { freePort } from '../../temporal-config/dev-server';

const ROOT = join(__dirname, '..', '..');
const READY_MS = 120_000;
const PAYLOAD_KEYS = `k1:${randomBytes(32).toString('base64')}`;

/** The real thing in a process of its own: server, worker, PGlite, and a Temporal dev server beside it. */
class Cordon {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'cordon-e2e-'));
  #child: ChildProcess | undefined;
  #port = 0;

  async start(): Promise<void> {
    this.#port ||= await freePort();
    const child = spawn(process.execPath, [join(ROOT, 'cli', 'bin.cjs'), 'up'], {
      cwd: ROOT,
      env: {
        ...process.env,
        CORDON_DATA_DIR: this.dataDir,
        PORT: String(this.#port),
        NODE_ENV: 'production',
        CORDON_PAYLOAD_KEYS: PAYLOAD_KEYS,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    const keep = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    await until(
      'the ready line',
      () => Promise.resolve(output.includes('Cordon is ready') || child.exitCode !== null),
      READY_MS,
    );
    if (!output.includes('Cordon is ready')) throw new Error(`it did not start:\n${output}`);
  }

  /** kill -9, and the Temporal server beside it too. */
  async kill(): Promise<void> {
    const temporal = Number(readFileSync(join(this.dataDir, 'temporal.pid'), 'utf8'));
    process.kill(temporal, 'SIGKILL');
    await this.stop('SIGKILL');
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async cli(...args: string[]): Promise<{ code: number; output: string }> {
    const child = spawn(process.execPath, [join(ROOT, 'cli', 'bin.cjs'), ...args], {
      cwd: ROOT,
      env: { ...process.env, CORDON_DATA_DIR: this.dataDir, PORT: String(this.#port) },
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    const [code] = (await once(child, 'close')) as [number];
    return { code, output };
  }

  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const token = readFileSync(join(this.dataDir, 'token'), 'utf8');
    const { data } = await axios.request<T>({
      method,
      url: `${this.url}/api/v1${path}`,
      data: body,
      headers: { Authorization: `Bearer ${token}` },
    });
    return data;
  }

  post(
    body: string,
    headers: Record<string, string>,
  ): Promise<AxiosResponse<{ deliveryId: string; alerts: string[] }>> {
    return axios.post(`${this.url}/hooks/demo`, Buffer.from(body), {
      headers: { 'Content-Type': 'application/json', ...headers },
      validateStatus: () => true,
    });
  }

  signed(body: string, id = `msg_${randomUUID()}`, at = new Date()): Record<string, string> {
    const secret = readFileSync(join(this.dataDir, 'demo-hook-secret'), 'utf8');
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(id, at, body),
    };
  }

  /** State changes of the simulated EDR, as it holds them itself. */
  edrState(): string {
    const file = join(this.dataDir, 'simulated', 'edr.json');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.#port)}`;
  }

  remove(): void {
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

async function until(what: string, condition: () => Promise<boolean>, limitMs = 30_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${String(limitMs)} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const alertOn = (host: string, extra: object = {}): string =>
  JSON.stringify({
    id: `${host}-1`,
    title: `Trojan on ${host}`,
    severity: 4,
    category: 'malware',
    techniques: ['T1204'],
    entities: { hosts: [host] },
    ...extra,
  });

const cordon = new Cordon();
beforeAll(() => cordon.start(), READY_MS);
afterAll(async () => {
  await cordon.stop();
  cordon.remove();
}, 60_000);

test('the demo runs to its end, and is undone', async () => {
  const { code, output } = await cordon.cli('demo', 'ransomware');
  expect(output).toContain('is recovered and watched for its return');
  expect(code).toBe(0);
  const number = /incident (INC-\d{4}-\d{6})/.exec(output)?.[1] ?? '';
  expect(await cordon.cli('incidents', 'rollback', number, '--reason', 'over')).toMatchObject({ code: 0 });
  await until(
    'the rollback',
    async () => (await cordon.api<{ items: unknown[] }>('GET', '/containments')).items.length === 0,
  );
  expect(await cordon.cli('journal', 'verify')).toMatchObject({
    code: 0,
    output: expect.stringContaining('"ok": true') as string,
  });
}, 180_000);

test('a decision and an alert survive kill -9 of everything; nothing is applied twice', async () => {
  const hosts = Array.from({ length: 5 }, (_, index) => `kill-ws-${String(index)}`);
  for (const host of hosts)
    expect((await cordon.post(alertOn(host), cordon.signed(alertOn(host)))).status).toBe(202);
  await cordon.kill();
  await cordon.start();
  interface Request {
    id: string;
    items: { target: { label: string }; action: string }[];
  }
  const asked = async (): Promise<Request[]> =>
    (await cordon.api<{ items: Request[] }>('GET', '/approvals')).items.filter(({ items }) =>
      items.some(({ action, target }) => action === 'endpoint.isolate_host' && hosts.includes(target.label)),
    );
  await until('five requests', async () => (await asked()).length === hosts.length, 90_000);
  for (const { id } of await asked())
    await cordon.api('POST', `/approvals/${id}/decisions`, { decisionId: randomUUID(), verdict: 'approve' });
  await cordon.kill();
  await cordon.start();
  interface Lease {
    action: string;
    target: { label: string };
  }
  const isolated = async (): Promise<string[]> =>
    (await cordon.api<{ items: Lease[] }>('GET', '/containments')).items
      .filter(({ action }) => action === 'endpoint.isolate_host')
      .map(({ target }) => target.label);
  await until(
    'five isolations',
    async () =>
      hosts.every((host) => cordon.edrState().includes(host)) &&
      (await isolated()).filter((host) => hosts.includes(host)).length === hosts.length,
    90_000,
  );
  const { ledger } = JSON.parse(cordon.edrState()) as { ledger: { applied: Record<string, number> } };
  const isolations = Object.entries(ledger.applied).filter(
    ([what]) => /isolat/.test(what) && /kill-ws-/.test(what),
  );
  expect(isolations.map(([, times]) => times)).toEqual([1, 1, 1, 1, 1]);
  const report = await cordon.api<{ ok: boolean }>('GET', '/journal/verify');
  expect(report.ok).toBe(true);
}, 300_000);

test('one delivery posted 50 times at once, and again after a restart, has one pair of ids and one incident', async () => {
  const body = alertOn('storm-ws-1');
  const id = `msg_${randomUUID()}`;
  const headers = cordon.signed(body, id);
  const answers = await Promise.all(Array.from({ length: 50 }, () => cordon.post(body, headers)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  const ids = (answer: AxiosResponse<{ deliveryId: string; alerts: string[] }>): string =>
    JSON.stringify([answer.data.deliveryId, answer.data.alerts]);
  expect(new Set(answers.map(ids)).size).toBe(1);
  await cordon.stop();
  await cordon.start();
  const again = await cordon.post(body, cordon.signed(body, id));
  expect(ids(again)).toBe(ids(answers[0] as typeof again));
  const { items } = await cordon.api<{ items: { title: string }[] }>('GET', '/incidents?limit=200');
  expect(items.filter(({ title }) => title === 'Trojan on storm-ws-1')).toHaveLength(1);
}, 180_000);

test('with payload keys Temporal has seen no name of a host', () => {
  const files = readdirSync(cordon.dataDir).filter((name) => name.startsWith('temporal.db'));
  const stored = Buffer.concat(files.map((name) => readFileSync(join(cordon.dataDir, name))));
  expect(stored.includes('incident/INC-')).toBe(true);
  expect(['storm-ws-1', 'kill-ws-0', 'fin-fs-01'].filter((host) => stored.includes(host))).toEqual([]);
});

describe('what does not belong is refused, and nothing is stored', () => {
  const good = alertOn('refused-ws-1');
  test.each<[string, () => Promise<AxiosResponse>, number]>([
    ['a bad signature', () => cordon.post(`${good} `, cordon.signed(good)), 401],
    ['no signature', () => cordon.post(good, {}), 401],
    [
      'a stale timestamp',
      () => cordon.post(good, cordon.signed(good, 'msg_old', new Date(Date.now() - 3_600_000))),
      401,
    ],
    ['broken JSON', () => cordon.post('{', cordon.signed('{')), 400],
    ['wrong types', () => cordon.post('{"title":5}', cordon.signed('{"title":5}')), 422],
    ['10 MB', () => cordon.post('x'.repeat(10_000_000), {}), 413],
    [
      'an unknown source',
      () => axios.post(`${cordon.url}/hooks/nobody`, {}, { validateStatus: () => true }),
      404,
    ],
    [
      'an API call without a token',
      () => axios.get(`${cordon.url}/api/v1/incidents`, { validateStatus: () => true }),
      401,
    ],
  ])('%s', async (_what, send, status) => {
    const answer = await send();
    expect([answer.status, answer.headers['content-type']]).toEqual([
      status,
      'application/problem+json; charset=utf-8',
    ]);
    const { items } = await cordon.api<{ items: { title: string }[] }>('GET', '/incidents?limit=200');
    expect(items.filter(({ title }) => title.includes('refused-ws-1'))).toEqual([]);
  });
});

test('a second process on the data folder is refused and told whose it is', async () => {
  const { code, output } = await cordon.cli('up');
  expect(code).toBe(1);
  expect(output).toMatch(/in use by process \d+/);
}, 60_000);
