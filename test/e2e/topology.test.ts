import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AxiosResponse } from 'axios';
import type { ApprovalRequest } from '../../contracts/approval';
import { freePort, startDevServer, type DevServer } from '../../temporal-config/dev-server';
import { startChaosEstate, type ChaosEstate } from '../support/chaos-estate';
import { HOOK_SECRET } from '../support/chaos-installations';
import {
  callApi,
  cordonCli,
  CordonProcess,
  postHook,
  signed,
  until,
  type Accepted,
} from '../support/cordon-process';
import { SeededRandom } from '../support/seeded-random';
import { startPostgres, type Postgres } from '../support/store';

interface Incident {
  number: string;
  title: string;
  phase: string;
}

let estate: ChaosEstate;
let postgres: Postgres;
let temporal: DevServer | undefined;
let temporalPort = 0;
let env: Record<string, string>;
let servers: CordonProcess[];
let urls: string[];
let worker: CordonProcess;
const dataDir = mkdtempSync(join(tmpdir(), 'cordon-topology-'));

beforeAll(async () => {
  estate = await startChaosEstate(new SeededRandom(1), []);
  postgres = await startPostgres();
  temporalPort = await freePort();
  const ports = [await freePort(), await freePort()];
  env = {
    CORDON_DATA_DIR: dataDir,
    CORDON_CONFIG: estate.configFile,
    CORDON_DEMO_HOOK_SECRET: HOOK_SECRET,
    DATABASE_URL: await postgres.newDatabase(),
    TEMPORAL_ADDRESS: `127.0.0.1:${String(temporalPort)}`,
  };
  urls = ports.map((port) => `http://127.0.0.1:${String(port)}`);
  servers = ports.map((port) => new CordonProcess('server', { ...env, PORT: String(port) }));
  worker = new CordonProcess('worker', env);
}, 120_000);

afterAll(async () => {
  await Promise.all([...servers, worker].map((process) => process.stop()));
  await temporal?.stop();
  postgres.remove();
  await estate.stop();
  rmSync(dataDir, { recursive: true, force: true });
}, 60_000);

const url = (n: number): string => urls[n % urls.length] ?? '';
const token = (): string => readFileSync(join(dataDir, 'token'), 'utf8');
const get = async <T>(path: string): Promise<T> => (await callApi<T>(url(0), token(), 'GET', path)).data;
const incidents = async (): Promise<Incident[]> => (await get<{ items: Incident[] }>('/incidents')).items;
const alertOn = (host: string): string =>
  JSON.stringify({
    id: `${host}-1`,
    title: `Trojan on ${host}`,
    severity: 4,
    category: 'malware',
    techniques: ['T1204'],
    entities: { hosts: [host] },
  });
const post = (host: string, n = 0): Promise<AxiosResponse<Accepted>> =>
  postHook(url(n), alertOn(host), signed(HOOK_SECRET, alertOn(host)));
const requestOn = async (host: string, action: string): Promise<ApprovalRequest | undefined> =>
  (await get<{ items: ApprovalRequest[] }>('/approvals')).items.find(({ items }) =>
    items.some((item) => item.action === action && item.target.label === host),
  );
const approve = (request: string, decisionId = randomUUID()): Promise<AxiosResponse> =>
  callApi(url(1), token(), 'POST', `/approvals/${request}/decisions`, { decisionId, verdict: 'approve' });

test.each(['server', 'worker'])(
  'cordon %s without a database says what it needs',
  async (verb) => {
    const { code, output } = await cordonCli({ ...env, DATABASE_URL: '' }, verb);
    expect(code).toBe(1);
    expect(output).toContain(
      `cordon ${verb} is one of several processes that share a PostgreSQL: set DATABASE_URL`,
    );
  },
  60_000,
);

test('servers start and take alerts while Temporal is away; the worker waits for it, and then the work is done', async () => {
  await Promise.all(servers.map((server) => server.start()));
  worker.launch();
  await worker.said(/Temporal at 127\.0\.0\.1:\d+ does not answer\. Waiting for it/);
  expect((await post('before-ws-1')).status).toBe(202);
  temporal = await startDevServer({ dataDir, port: temporalPort });
  await worker.said(/The Cordon worker is ready/);
  await until(
    'the request',
    async () => (await requestOn('before-ws-1', 'endpoint.isolate_host')) !== undefined,
  );
}, 180_000);

test('one delivery posted 50 times at once through two servers, and again after a restart, is one incident with the same ids', async () => {
  const body = alertOn('storm-ws-1');
  const id = `msg_${randomUUID()}`;
  const headers = signed(HOOK_SECRET, body, id);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => postHook(url(n), body, headers)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  const ids = ({ data }: AxiosResponse<Accepted>): string => JSON.stringify([data.deliveryId, data.alerts]);
  expect(new Set(answers.map(ids)).size).toBe(1);
  await Promise.all(servers.map((server) => server.stop()));
  expect(servers.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  await Promise.all(servers.map((server) => server.start()));
  for (const n of [0, 1]) {
    const again = await postHook(url(n), body, signed(HOOK_SECRET, body, id));
    expect([again.status, ids(again)]).toEqual([202, ids(answers[0] as typeof again)]);
  }
  await until('the incident', async () =>
    (await incidents()).some(({ title }) => title === 'Trojan on storm-ws-1'),
  );
  expect((await incidents()).filter(({ title }) => title === 'Trojan on storm-ws-1')).toHaveLength(1);
}, 180_000);

test('while Temporal is down hooks and decisions are answered 202, and the work goes on when it is back', async () => {
  const request = await requestOn('before-ws-1', 'endpoint.isolate_host');
  process.kill(temporal?.pid ?? 0, 'SIGKILL');
  await temporal?.exited;
  expect((await post('during-ws-1', 1)).status).toBe(202);
  expect((await approve(request?.id ?? '')).status).toBe(202);
  expect(estate.inForce().has('endpoint.isolate_host host:before-ws-1')).toBe(false);
  temporal = await startDevServer({ dataDir, port: temporalPort });
  await until('the isolation', () => estate.inForce().has('endpoint.isolate_host host:before-ws-1'), 60_000);
  await until(
    'the run of the alert',
    async () => (await requestOn('during-ws-1', 'endpoint.isolate_host')) !== undefined,
    60_000,
  );
}, 180_000);

test('a decision that is made while no worker runs is carried out by the next one', async () => {
  const request = await requestOn('during-ws-1', 'endpoint.isolate_host');
  await worker.stop();
  expect(worker.exitCode).toBe(0);
  expect((await approve(request?.id ?? '')).status).toBe(202);
  expect((await post('workerless-ws-1')).status).toBe(202);
  await worker.start();
  await until('the isolation', () => estate.inForce().has('endpoint.isolate_host host:during-ws-1'), 60_000);
  await until(
    'the run of the alert',
    async () => (await requestOn('workerless-ws-1', 'endpoint.isolate_host')) !== undefined,
    60_000,
  );
}, 180_000);

test('while SQL is down hooks, decisions and the API answer 503 with Retry-After, and all recovers by itself', async () => {
  const request = await requestOn('workerless-ws-1', 'endpoint.isolate_host');
  const decisionId = randomUUID();
  postgres.kill();
  const refused = async (): Promise<AxiosResponse[]> => [
    await post('sql-ws-1'),
    await post('sql-ws-1', 1),
    await approve(request?.id ?? '', decisionId),
    await callApi(url(0), token(), 'GET', '/incidents'),
    await callApi(url(1), token(), 'GET', '/incidents'),
  ];
  for (let round = 0; round < 3; round += 1)
    for (const { status, headers } of await refused())
      expect([status, Number(headers['retry-after'])]).toEqual([503, expect.any(Number)]);
  await postgres.restart();
  await until('the server to be well', async () => (await post('sql-ws-1')).status === 202);
  expect((await approve(request?.id ?? '', decisionId)).status).toBe(202);
  expect((await approve(request?.id ?? '', decisionId)).status).toBe(202);
  await until(
    'the isolation',
    () => estate.inForce().has('endpoint.isolate_host host:workerless-ws-1'),
    60_000,
  );
  await until(
    'the run',
    async () => (await requestOn('sql-ws-1', 'endpoint.isolate_host')) !== undefined,
    60_000,
  );
  expect([...servers, worker].every(({ isRunning }) => isRunning)).toBe(true);
  expect(await get('/journal/verify')).toMatchObject({ ok: true, problems: [] });
}, 180_000);
