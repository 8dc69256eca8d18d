import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import pino from 'pino';
import { lockDataFolder } from '../../store/data-folder-lock';
import { createClient, type TemporalTarget } from '../../temporal-config/client';
import { superviseDevServer } from '../../temporal-config/dev-server';
import { BadEnvironment, readEnv, type Settings } from '../../temporal-config/env';
import { loadConfig, openDatabase, Stopped, type Base } from './base';
import { Cleanups } from './cleanups';
import { readConfigFile } from './load-config';
import { createLogger, installRuntime, logOf, type Say } from './log';
import { startSimulatedEstate } from './simulated-estate';
import { startServer } from './start-server';
import { startWorker } from './start-worker';

type Start = (process: { say: Say; signal: AbortSignal; cleanups: Cleanups }) => Promise<{
  /** Told when everything is there. */
  ready: string[];
  /** Settles when the process has lost its purpose. */
  ended?: Promise<void>;
}>;

/** `cordon up`: everything in this process, with a Temporal dev server beside it unless TEMPORAL_ADDRESS names one. */
export function up(settings: Settings = readEnv()): Promise<void> {
  return runUntilTold(async ({ say, signal, cleanups }) => {
    const { dataDir } = settings;
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const logger = createLogger(
      settings.logLevel,
      pino.destination({ dest: join(dataDir, 'cordon.log'), mkdir: true, sync: false }),
    );
    const log = logOf(logger);
    // PGlite locks the folder itself; the dev server and the simulated estate need it as much.
    if (settings.databaseUrl !== undefined) cleanups.add(lockDataFolder(dataDir));
    const store = await openDatabase(settings, { say, signal, cleanups });
    const estate = await startSimulatedEstate(readConfigFile(settings.configFile), dataDir);
    cleanups.add(() => estate.stop());
    const env = { CORDON_DEMO_HOOK_SECRET: demoHookSecret(dataDir) };
    const base: Base = {
      settings,
      store,
      log,
      say,
      cleanups,
      ...loadConfig(settings, { raw: estate.config, env }),
    };
    installRuntime(logger);
    let target: TemporalTarget = {};
    if (settings.temporalAddress === undefined) {
      say('Starting Temporal…');
      const temporal = await superviseDevServer({ dataDir, progress: say });
      cleanups.add(() => temporal.stop());
      target = { address: temporal.address };
    }
    const client = createClient(target);
    cleanups.add(() => client.connection.close());
    const eager: { starter?: Client } = {};
    const { url, token } = await startServer(base, client, () => eager.starter);
    say('Starting the worker…');
    const worker = await startWorker(base, { client, target, signal });
    eager.starter = worker.starter;
    return {
      ready: [
        ...(token === undefined ? [] : [`A token for you (shown once, also in the data folder): ${token}`]),
        'Try it in another terminal: npx cordon demo ransomware',
        `Cordon is ready on ${url}`,
      ],
      ended: worker.ended,
    };
  });
}

/** `cordon server`: HTTP and dispatcher, one of several processes on one PostgreSQL. Starts and accepts alerts while Temporal is away. */
export function server(settings: Settings = readEnv()): Promise<void> {
  return runUntilTold(async (life) => {
    const { base } = await separate('server', settings, life);
    const client = createClient();
    life.cleanups.add(() => client.connection.close());
    const { url, token } = await startServer(base, client);
    return {
      ready: [
        ...(token === undefined ? [] : [`A first token is in ${join(settings.dataDir, 'token')}`]),
        `The Cordon server is ready on ${url}`,
      ],
    };
  });
}

/** `cordon worker`: runs and their effects, one of several processes on one PostgreSQL. Waits for Temporal where it must. */
export function worker(settings: Settings = readEnv()): Promise<void> {
  return runUntilTold(async (life) => {
    const { base, logger } = await separate('worker', settings, life);
    installRuntime(logger);
    const client = createClient();
    life.cleanups.add(() => client.connection.close());
    const { ended } = await startWorker(base, { client, target: {}, signal: life.signal });
    return { ready: ['The Cordon worker is ready'], ended };
  });
}

async function separate(
  what: 'server' | 'worker',
  settings: Settings,
  { say, signal, cleanups }: Parameters<Start>[0],
) {
  if (settings.databaseUrl === undefined)
    throw new BadEnvironment(
      `cordon ${what} is one of several processes that share a PostgreSQL: set DATABASE_URL. ` +
        'For everything in one process, without a database of your own: cordon up.',
    );
  const logger = createLogger(settings.logLevel, pino.destination({ dest: 2, sync: false }));
  const { config, assets } = loadConfig(settings);
  const store = await openDatabase(settings, { say, signal, cleanups });
  const base: Base = { settings, store, config, assets, log: logOf(logger), say, cleanups };
  return { base, logger };
}

function demoHookSecret(dataDir: string): string {
  const file = join(dataDir, 'demo-hook-secret');
  if (!existsSync(file)) writeFileSync(file, `whsec_${randomBytes(24).toString('base64')}`, { mode: 0o600 });
  return readFileSync(file, 'utf8');
}

/** Runs until a signal, or until it has lost its purpose; ends what it started either way. A second signal ends it at once. */
async function runUntilTold(start: Start): Promise<void> {
  const cleanups = new Cleanups();
  const told = new AbortController();
  const stop = (): void => {
    if (told.signal.aborted) process.exit(1);
    told.abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, stop);
  const say: Say = (message) => {
    console.log(message);
  };
  try {
    const { ready, ended } = await start({ say, signal: told.signal, cleanups });
    for (const line of ready) say(line);
    await Promise.race([aborted(told.signal), ...(ended === undefined ? [] : [ended])]);
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  } finally {
    await cleanups.run();
    for (const signal of signals) process.removeListener(signal, stop);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
}
