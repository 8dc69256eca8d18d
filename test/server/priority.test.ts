import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeConnection } from '@temporalio/worker';
import { temporalRuns } from '../../server/runs';
import { createClient } from '../../temporal-config/client';
import { startDevServer, type DevServer } from '../../temporal-config/dev-server';
import { createWorker } from '../../temporal-config/worker';
import { FakeWorld } from '../support/fake-activities';
import { alertView, host, incidentInput } from '../support/incident-fixtures';
import { bundle, eventually } from '../support/playbook-env';
import { quietRuntime } from '../support/temporal';

const STORM = 60;
let folder: string;
let server: DevServer;
beforeAll(async () => {
  quietRuntime();
  folder = mkdtempSync(join(tmpdir(), 'cordon-priority-'));
  server = await startDevServer({ dataDir: folder });
}, 120_000);
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

test('behind a storm of medium incidents a critical one acts among the first', async () => {
  const client = createClient({ address: server.address });
  const runs = temporalRuns(client, 'cordon');
  const start = (n: number, severity: number) => {
    const number = `INC-2026-${String(n).padStart(6, '0')}`;
    const alert = alertView(1, { hosts: [host(`ws-${String(n)}`)] });
    return runs.startOrSignal({ ...incidentInput([alert]), number, severity }, true);
  };
  for (let n = 1; n <= STORM; n += 1) expect(await start(n, 3)).toBe('started');
  await start(STORM + 1, 5);

  const world = new FakeWorld([]);
  const native = await NativeConnection.connect({ address: server.address });
  const worker = await createWorker({
    connection: native,
    namespace: 'default',
    taskQueue: 'cordon',
    activities: world.activities,
    workflowBundle: await bundle(),
  });
  await worker.runUntil(() =>
    eventually(
      () => new Set(world.waves.map(({ incident }) => incident)).size === STORM + 1,
      'all of them act',
    ),
  );
  const order = [...new Set(world.waves.map(({ incident }) => incident))];
  // The worker fetches a dozen tasks at a time: what it has when the critical one comes is done beside it.
  expect(order.indexOf(`INC-2026-${String(STORM + 1).padStart(6, '0')}`)).toBeLessThan(STORM / 3);
  await native.close();
  await client.connection.close();
}, 120_000);
