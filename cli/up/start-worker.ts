import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Connection, type Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { ConnectionRegistry } from '../../activities/connections';
import { createActivities } from '../../activities/create-activities';
import { currentActivity } from '../../activities/temporal';
import { INTEGRATIONS } from '../../integrations';
import { blocklistStore } from '../../store/blocklist';
import { workflowBundle } from '../../temporal-config/bundle';
import { createClientOn, temporalOptions, type TemporalTarget } from '../../temporal-config/client';
import { isTemporalAway } from '../../temporal-config/errors';
import { setUpNamespace } from '../../temporal-config/namespace';
import { createWorker } from '../../temporal-config/worker';
import { authorsOf } from '../../workflows/registry';
import { pauseUnless, type Base } from './base';
import { schedule } from './schedules';
import { startSealing } from './sealing';

const CONNECT_TIMEOUT_MS = 3_000;

/** A worker that takes tasks. */
export interface StartedWorker {
  /** Resolves when the worker has ended, rejects when it failed. */
  ended: Promise<void>;
  /** A client on its connection: runs that it starts begin on this worker at once. */
  starter: Client;
}

/**
 * Everything that runs on Temporal: workflows, activities, schedules; and the sealing of the journal. Waits for a Temporal that
 * does not answer yet. Any number of these may run.
 */
export async function startWorker(
  base: Base,
  { client, target, signal }: { client: Client; target: TemporalTarget; signal: AbortSignal },
): Promise<StartedWorker> {
  const { settings, store, config, assets, log, cleanups } = base;
  const connections = new ConnectionRegistry(config, INTEGRATIONS, (connectionId) => ({
    connectionId,
    dataDir: () => {
      const folder = join(settings.dataDir, 'connections', connectionId);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return folder;
    },
    log,
    blocklist: blocklistStore(store),
  }));
  cleanups.add(() => connections.close());
  const { close, ...activities } = createActivities(
    {
      store,
      config,
      assets,
      connections,
      owner: randomUUID(),
      dataDir: settings.dataDir,
      authorsOf,
      log,
    },
    currentActivity,
  );
  cleanups.add(close);
  await startSealing(base);

  const bundle = await workflowBundle(join(settings.dataDir, 'cache'));
  const { connection, namespace } = temporalOptions(target);
  await whenTemporalAnswers(base, connection.address ?? 'localhost:7233', signal, async () => {
    await prepareNamespace(base, target);
    await schedule(client, settings.taskQueue, config);
  });
  const native = await NativeConnection.connect(connection);
  cleanups.add(() => native.close());
  const worker = await createWorker({
    connection: native,
    namespace,
    taskQueue: settings.taskQueue,
    activities,
    workflowBundle: bundle,
  });
  const ended = worker.run();
  ended.catch(() => undefined);
  cleanups.add(async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await ended.catch(() => undefined);
  });
  return { ended, starter: createClientOn(native, namespace) };
}

/** Does it as soon as Temporal answers. Errors that mean something else are thrown. */
async function whenTemporalAnswers(
  { say, log }: Base,
  address: string,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  for (let told = false; ;) {
    try {
      await work();
      return;
    } catch (error) {
      if (!isTemporalAway(error)) throw error;
      if (!told) {
        say(`Temporal at ${address} does not answer. Waiting for it…`);
        log.warn({ address, error }, 'Temporal does not answer; the worker waits for it');
      }
      told = true;
    }
    await pauseUnless(signal);
  }
}

/** Namespace and search attributes, where Cordon may make them; where it may not, an administrator has made them. */
async function prepareNamespace({ log }: Base, target: TemporalTarget): Promise<void> {
  const { connection, namespace } = temporalOptions(target);
  const admin = await Connection.connect({ ...connection, connectTimeout: CONNECT_TIMEOUT_MS });
  try {
    await setUpNamespace(admin, namespace);
  } catch (error) {
    if (isTemporalAway(error)) throw error;
    log.warn({ namespace, error }, 'the namespace could not be set up; it is used as it is');
  } finally {
    await admin.close();
  }
}
