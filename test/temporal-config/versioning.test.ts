import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection, type Client, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection, type Worker, type WorkflowBundle } from '@temporalio/worker';
import { INCIDENT_WORKFLOW, incidentWorkflowId, WAKE_SIGNAL } from '../../contracts/messages';
import { createClientOn } from '../../temporal-config/client';
import { startDevServer } from '../../temporal-config/dev-server';
import type { Versioning } from '../../temporal-config/env';
import { createWorker } from '../../temporal-config/worker';
import { FakeWorld } from '../support/fake-activities';
import { alertView, incidentInput } from '../support/incident-fixtures';
import { bundle, eventually } from '../support/playbook-env';
import { quietRuntime } from '../support/temporal';

const DEPLOYMENT = 'cordon-test';

/** Two builds of the worker beside each other, as in a roll-out; what each of them did is told apart by its activities. */
describe('a roll-out while incidents run', () => {
  let folder: string;
  let server: Awaited<ReturnType<typeof startDevServer>>;
  let connection: Connection;
  let native: NativeConnection;
  let client: Client;
  let code: WorkflowBundle;
  let running: { worker: Worker; ended: Promise<void> }[] = [];
  beforeAll(async () => {
    quietRuntime();
    folder = mkdtempSync(join(tmpdir(), 'cordon-versioning-'));
    server = await startDevServer({ dataDir: folder });
    connection = await Connection.connect({ address: server.address });
    native = await NativeConnection.connect({ address: server.address });
    client = createClientOn(connection, 'default');
    code = await bundle();
  }, 120_000);
  afterEach(async () => {
    for (const { worker } of running) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.all(running.map(({ ended }) => ended));
    running = [];
  });
  afterAll(async () => {
    await native.close();
    await connection.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function worker(taskQueue: string, versioning: Versioning, world: FakeWorld): Promise<void> {
    const made = await createWorker({
      connection: native,
      namespace: 'default',
      taskQueue,
      activities: world.activities,
      workflowBundle: code,
      versioning,
    });
    running.push({ worker: made, ended: made.run() });
  }
  /** As `temporal worker deployment set-current-version` does it; repeated until the server knows the version. */
  async function makeCurrent(deployment: string, buildId: string): Promise<void> {
    await eventually(async () => {
      try {
        await client.workflowService.setWorkerDeploymentCurrentVersion({
          namespace: 'default',
          deploymentName: deployment,
          buildId,
          ignoreMissingTaskQueues: true,
        });
        return true;
      } catch {
        return false;
      }
    }, `${buildId} becomes the current version`);
  }
  /** An incident whose containment waits for people. */
  const start = (taskQueue: string, number: string): Promise<WorkflowHandle> =>
    client.workflow.start(INCIDENT_WORKFLOW, {
      taskQueue,
      workflowId: incidentWorkflowId(number),
      args: [incidentInput([alertView(1)], { number, quickStart: false })],
    });
  const waiting = (world: FakeWorld): FakeWorld => {
    world.decide = (item) =>
      item.id.startsWith('isolate_host')
        ? { status: 'awaiting', request: { id: 'r', expiresAt: '2999-01-01T00:00:00Z' } }
        : undefined;
    return world;
  };
  const asks = (world: FakeWorld, incident: string): number =>
    world.waves.filter(
      (wave) => wave.incident === incident && wave.items.some(({ id }) => id.startsWith('isolate_host')),
    ).length;

  test.each([
    ['pinned', 'old'],
    ['auto_upgrade', 'new'],
  ] as const)(
    '%s: what runs goes on with the %s build, what starts then begins on the new one',
    async (behavior, goesOnWith) => {
      const deployment = `${DEPLOYMENT}-${behavior}`;
      const worlds = {
        old: waiting(new FakeWorld([alertView(1)])),
        new: waiting(new FakeWorld([alertView(1)])),
      };
      await worker(behavior, { deployment, buildId: 'old', behavior }, worlds.old);
      await makeCurrent(deployment, 'old');
      const first = await start(behavior, `${behavior}-1`);
      await eventually(() => asks(worlds.old, `${behavior}-1`) > 0, 'the old build asks');

      await worker(behavior, { deployment, buildId: 'new', behavior }, worlds.new);
      await makeCurrent(deployment, 'new');
      await start(behavior, `${behavior}-2`);
      await eventually(
        () => asks(worlds.new, `${behavior}-2`) > 0,
        'the new build asks for the new incident',
      );
      expect(asks(worlds.old, `${behavior}-2`)).toBe(0);

      const before = asks(worlds[goesOnWith], `${behavior}-1`);
      await first.signal(WAKE_SIGNAL);
      await eventually(
        () => asks(worlds[goesOnWith], `${behavior}-1`) > before,
        `the ${goesOnWith} build goes on`,
      );
      expect(asks(worlds.new, `${behavior}-1`) > 0).toBe(goesOnWith === 'new');
      expect((await first.describe()).status.name).toBe('RUNNING');
    },
    60_000,
  );
});
