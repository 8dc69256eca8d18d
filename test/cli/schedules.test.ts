import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Connection, type Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { schedule } from '../../cli/up/schedules';
import { Config } from '../../contracts/config';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { workflowBundle } from '../../temporal-config/bundle';
import { createClient } from '../../temporal-config/client';
import { startDevServer, type DevServer } from '../../temporal-config/dev-server';
import { setUpNamespace } from '../../temporal-config/namespace';
import { createWorker } from '../../temporal-config/worker';
import { quietRuntime } from '../support/temporal';

const QUEUE = 'schedules';
const NAMESPACE = 'default';

let folder: string;
let server: DevServer;
let client: Client;
beforeAll(async () => {
  quietRuntime();
  folder = mkdtempSync(join(tmpdir(), 'cordon-schedules-'));
  server = await startDevServer({ dataDir: folder });
  const connection = await Connection.connect({ address: server.address });
  await setUpNamespace(connection, NAMESPACE);
  await connection.close();
  client = createClient({ address: server.address });
}, 120_000);
afterAll(async () => {
  await client.connection.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const configOf = (seconds: Record<string, number | undefined>) =>
  Config.parse({
    connections: Object.entries(seconds).map(([id, pollSeconds]) => ({ id, use: 'ids', pollSeconds })),
    policy: DEFAULT_POLICY,
  });
/** Milliseconds between two runs, by the id of the schedule, as Temporal lists them. */
const listed = async (): Promise<Record<string, number | undefined>> => {
  const found: Record<string, number | undefined> = {};
  for await (const { scheduleId, spec } of client.schedule.list())
    found[scheduleId] = spec?.intervals?.[0]?.every;
  return found;
};
/** The list lags behind what was done. */
const listedInTheEnd = async (wanted: Record<string, number>): Promise<void> => {
  for (let round = 0; round < 100; round++) {
    if (isDeepStrictEqual(await listed(), wanted)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await listed()).toEqual(wanted);
};

test('each polled connection has a schedule; a new interval is taken over, and one that is polled no longer loses it', async () => {
  await schedule(client, QUEUE, configOf({ ids: 5, siem: 60, edr: undefined }));
  await listedInTheEnd({
    'cordon/poll/ids': 5000,
    'cordon/poll/siem': 60_000,
    'cordon/sweep-leases': 60_000,
    'cordon/audit-leases': 3_600_000,
  });
  await schedule(client, QUEUE, configOf({ ids: 10 }));
  await listedInTheEnd({
    'cordon/poll/ids': 10_000,
    'cordon/sweep-leases': 60_000,
    'cordon/audit-leases': 3_600_000,
  });
}, 60_000);

test('a schedule polls again and again, also after a poll that failed', async () => {
  const polled: string[] = [];
  let third: () => void = () => undefined;
  const thrice = new Promise<void>((resolve) => {
    third = resolve;
  });
  const native = await NativeConnection.connect({ address: server.address });
  const worker = await createWorker({
    connection: native,
    namespace: NAMESPACE,
    taskQueue: QUEUE,
    workflowBundle: await workflowBundle(join(folder, 'cache')),
    activities: {
      pollSource: ({ connection }: { connection: string }) => {
        polled.push(connection);
        if (polled.length === 1) return Promise.reject(new Error('the product is down'));
        if (polled.length === 3) third();
        return Promise.resolve({ alerts: 0 });
      },
    },
  });
  await schedule(client, QUEUE, configOf({ ids: 5 }));
  await worker.runUntil(thrice);
  await native.close();
  expect(new Set(polled)).toEqual(new Set(['ids']));
}, 60_000);
