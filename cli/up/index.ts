import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime } from '@temporalio/worker';
import pino from 'pino';
import { ConnectionRegistry } from '../../activities/connections';
import { createActivities } from '../../activities/create-activities';
import { readAlerts } from '../../activities/incident';
import { currentActivity } from '../../activities/temporal';
import { AssetIndex } from '../../contracts/assets';
import type { Config } from '../../contracts/config';
import { INTEGRATIONS } from '../../integrations';
import { createApp } from '../../server/app';
import { Dispatcher } from '../../server/dispatcher';
import { temporalRuns } from '../../server/runs';
import { SOURCES } from '../../sources';
import { blocklistStore } from '../../store/blocklist';
import { createToken, savePeople, savePerson } from '../../store/people';
import { savePolicy } from '../../store/policies';
import { openSealer, readWitness, sealJournal } from '../../store/seals';
import { openStore, type Store } from '../../store/store';
import { workflowBundle } from '../../temporal-config/bundle';
import { createClient, temporalOptions } from '../../temporal-config/client';
import { startDevServer } from '../../temporal-config/dev-server';
import { readEnv, type Settings } from '../../temporal-config/env';
import { setUpNamespace } from '../../temporal-config/namespace';
import { createWorker } from '../../temporal-config/worker';
import { PLAYBOOKS } from '../../workflows/registry';
import { checkConfig, readConfigFile } from './load-config';
import { schedule } from './schedules';
import { startSimulatedEstate } from './simulated-estate';

const SEAL_EVERY_MS = 60_000;

/** A running Cordon. */
export interface Running {
  url: string;
  /** The way in, when this start made it. */
  token: string | undefined;
  /** Resolves when the worker has ended, also when it failed. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

type Say = (message: string) => void;
type Cleanup = () => Promise<void> | void;

/** Starts everything in this process, with a Temporal dev server beside it unless TEMPORAL_ADDRESS names one. */
export async function startCordon(say: Say, settings: Settings = readEnv()): Promise<Running> {
  const cleanups: Cleanup[] = [];
  const stop = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    return await assemble(say, settings, cleanups, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  say: Say,
  settings: Settings,
  cleanups: Cleanup[],
  stop: () => Promise<void>,
): Promise<Running> {
  const { dataDir } = settings;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const logger = pino(
    { level: settings.logLevel },
    pino.destination({ dest: join(dataDir, 'cordon.log'), mkdir: true, sync: false }),
  );
  const log = {
    info: (data: object, message: string): void => {
      logger.info(data, message);
    },
    warn: (data: object, message: string): void => {
      logger.warn(data, message);
    },
  };
  say(settings.databaseUrl === undefined ? `Opening the database in ${dataDir}…` : 'Opening PostgreSQL…');
  const store = await openStore(
    settings.databaseUrl === undefined ? { dataDir } : { databaseUrl: settings.databaseUrl },
  );
  cleanups.push(() => store.close());

  const estate = await startSimulatedEstate(readConfigFile(settings.configFile), dataDir);
  cleanups.push(() => estate.stop());
  const env = { CORDON_DEMO_HOOK_SECRET: demoHookSecret(dataDir), ...process.env };
  const config = checkConfig(
    estate.config,
    settings.configFile,
    { integrations: INTEGRATIONS, sources: SOURCES },
    env,
  );
  const policyVersion = await savePolicy(store, config.policy);
  const token = await letPeopleIn(store, config, dataDir);

  Runtime.install({
    logger: {
      log: () => undefined,
      trace: () => undefined,
      debug: () => undefined,
      info: () => undefined,
      warn: (message, meta) => {
        logger.warn(meta ?? {}, message);
      },
      error: (message, meta) => {
        logger.error(meta ?? {}, message);
      },
    },
  });
  const target = settings.temporalAddress === undefined ? await devTemporal(dataDir, say, cleanups) : {};
  const client = createClient(target);
  cleanups.push(() => client.connection.close());
  const { connection: temporal, namespace } = temporalOptions(target);
  if (settings.temporalAddress === undefined) {
    const connection = await Connection.connect(temporal);
    await setUpNamespace(connection, namespace);
    await connection.close();
  }

  const assets = new AssetIndex(config.assets);
  const connections = new ConnectionRegistry(config, INTEGRATIONS, (connectionId) => ({
    connectionId,
    dataDir: () => {
      const folder = join(dataDir, 'connections', connectionId);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return folder;
    },
    log,
    blocklist: blocklistStore(store),
  }));
  cleanups.push(() => connections.close());
  const { close, ...activities } = createActivities(
    { store, config, assets, connections, owner: randomUUID(), dataDir, log },
    currentActivity,
  );
  cleanups.push(close);

  say('Starting the worker…');
  const native = await NativeConnection.connect(temporal);
  cleanups.push(() => native.close());
  const worker = await createWorker({
    connection: native,
    namespace,
    taskQueue: settings.taskQueue,
    activities,
    workflowBundle: await workflowBundle(join(dataDir, 'cache')),
  });
  const ended = worker.run();
  ended.catch(() => undefined);
  cleanups.push(async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await ended.catch(() => undefined);
  });
  await schedule(client, settings.taskQueue, config);

  const sealer = openSealer(dataDir);
  const sealing = setInterval(() => {
    sealJournal(store, sealer).catch((error: unknown) => {
      log.warn({ error: String(error) }, 'the journal could not be sealed; the next round tries again');
    });
  }, SEAL_EVERY_MS);
  cleanups.push(async () => {
    clearInterval(sealing);
    await sealJournal(store, sealer);
  });

  const dispatcher = new Dispatcher({
    store,
    runs: temporalRuns(client, settings.taskQueue, new Client({ connection: native, namespace })),
    correlation: { assets, windowMinutes: config.correlation.windowMinutes, policyVersion },
    readAlerts: async (incident) => (await readAlerts({ store, assets }, { incident, afterSeq: 0 })).alerts,
    log,
  });
  dispatcher.start();
  cleanups.push(() => dispatcher.stop());

  const app = createApp({
    store,
    config,
    sources: SOURCES,
    playbooks: PLAYBOOKS.map(({ id, version, title }) => ({ id, version, title })),
    witness: () => readWitness(dataDir),
    wake: () => {
      dispatcher.wake();
    },
    log,
  });
  const server = app.listen(settings.port, settings.host);
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  cleanups.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  );
  const { port } = server.address() as AddressInfo;
  return { url: `http://${settings.host}:${String(port)}`, token, ended, stop };
}

async function devTemporal(dataDir: string, say: Say, cleanups: Cleanup[]): Promise<{ address: string }> {
  say('Starting Temporal…');
  const server = await startDevServer({ dataDir, progress: say });
  cleanups.push(() => server.stop());
  return { address: server.address };
}

function demoHookSecret(dataDir: string): string {
  const file = join(dataDir, 'demo-hook-secret');
  if (!existsSync(file)) writeFileSync(file, `whsec_${randomBytes(24).toString('base64')}`, { mode: 0o600 });
  return readFileSync(file, 'utf8');
}

/** People of the configuration, and at the first start one local person who may do everything. */
async function letPeopleIn(store: Store, config: Config, dataDir: string): Promise<string | undefined> {
  await savePeople(store, config.people);
  const anybody = await store.db.selectFrom('tokens').select('id').limit(1).executeTakeFirst();
  if (anybody !== undefined) return undefined;
  await savePerson(store, {
    id: 'local',
    name: 'Local operator',
    roles: ['admin', 'lead', 'analyst', 'engineer'],
  });
  const token = await createToken(store, 'local', 'made at first start');
  writeFileSync(join(dataDir, 'token'), token, { mode: 0o600 });
  return token;
}

/** `cordon up`: runs until it is told to stop. */
export async function up(): Promise<void> {
  const say: Say = (message) => {
    console.log(message);
  };
  const running = await startCordon(say);
  if (running.token !== undefined)
    say(`A token for you (shown once, also in the data folder): ${running.token}`);
  say('Try it in another terminal: npx cordon demo ransomware');
  say(`Cordon is ready on ${running.url}`);
  const told = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        resolve();
      });
  });
  const failed = running.ended.then(
    () => undefined,
    (error: unknown) => error,
  );
  const error = await Promise.race([told, failed]);
  await running.stop();
  if (error !== undefined) throw error as Error;
}
