import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { findTemporal, type Progress } from './find-temporal';

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;

/**
 * `history.transferProcessorMaxPollRPS` is 20 per shard by default, and the dev server has one shard: every hop of a run
 * waits up to 50 ms for it. 2000 took the first action from 98 to 30 ms. The timer queue has the same limit.
 */
export const DYNAMIC_CONFIG: Readonly<Record<string, string>> = {
  'history.transferProcessorMaxPollRPS': '2000',
  'history.timerProcessorMaxPollRPS': '2000',
  // Task queues by priority: else they are first in, first out, whatever a run's priority is.
  'matching.useNewMatcher': 'true',
  // An activity that a workflow task asks for comes back to that worker with the answer, without a hop over the task queue.
  'system.enableActivityEagerExecution': 'true',
  'matching.numTaskqueueReadPartitions': '1',
  'matching.numTaskqueueWritePartitions': '1',
};

export interface DevServer {
  readonly address: string;
  readonly pid: number;
  /** Resolves to how it ended, whoever ended it; for a server that the SDK runs, only when we did. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

export interface DevServerOptions {
  /** Holds the file database, the log and the pid file. */
  dataDir: string;
  namespace?: string;
  port?: number;
  progress?: Progress;
  env?: NodeJS.ProcessEnv;
}

/** Gets the dev server onto this machine, if it is not here yet; a later start then finds it at once. */
export async function obtainDevServer(progress: Progress): Promise<void> {
  await findTemporal({ progress, tryDownload: tryOfficialDownload });
}

async function tryOfficialDownload(): Promise<boolean> {
  const timeout = new Promise<undefined>((resolve) =>
    setTimeout(resolve, DOWNLOAD_TIMEOUT_MS, undefined).unref(),
  );
  try {
    // The SDK keeps what it downloads and finds it again; this start only proves that it has it.
    const env = await Promise.race([TestWorkflowEnvironment.createLocal({ server: { ui: false } }), timeout]);
    await env?.teardown();
    return env !== undefined;
  } catch {
    return false;
  }
}

/**
 * Starts a dev server with a file database in the data folder and waits until it answers.
 * A server that an earlier, killed process left on the same folder is stopped first: it is known by its pid and command line.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const { dataDir, namespace = 'default', progress = () => undefined, env = process.env } = options;
  mkdirSync(dataDir, { recursive: true });
  const database = join(dataDir, 'temporal.db');
  const pidFile = join(dataDir, 'temporal.pid');
  await stopLeftover(pidFile, database, progress);
  const program = await findTemporal({ env, progress, tryDownload: tryOfficialDownload });
  if (program.kind === 'download') return startDownloaded(database, namespace, options.port);

  const port = options.port ?? (await freePort());
  const log = openSync(join(dataDir, 'temporal.log'), 'a');
  const child = spawn(
    program.path,
    [
      'server',
      'start-dev',
      '--headless',
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--namespace',
      namespace,
      '--db-filename',
      database,
      '--log-level',
      'warn',
      ...Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => [
        '--dynamic-config-value',
        `${key}=${value}`,
      ]),
    ],
    { stdio: ['ignore', log, log], env },
  );
  closeSync(log);
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('exit', (code, signal) => {
      resolve(signal ?? `code ${String(code)}`);
    });
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`Temporal could not be started: ${await exited}`);
  writeFileSync(pidFile, String(pid));
  // A child that outlives us would hold the database: die with the parent where we get the chance.
  const killOnExit = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', killOnExit);
  void exited.then(() => process.removeListener('exit', killOnExit));
  const stop = async (): Promise<void> => {
    process.removeListener('exit', killOnExit);
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
    rmSync(pidFile, { force: true });
  };
  const address = `127.0.0.1:${String(port)}`;
  try {
    await waitUntilReady(address, exited, join(dataDir, 'temporal.log'));
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, pid, exited, stop };
}

async function startDownloaded(
  database: string,
  namespace: string,
  port: number | undefined,
): Promise<DevServer> {
  const env = await TestWorkflowEnvironment.createLocal({
    server: {
      dbFilename: database,
      namespace,
      ui: false,
      ...(port === undefined ? {} : { port }),
      extraArgs: Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => [
        '--dynamic-config-value',
        `${key}=${value}`,
      ]),
    },
  });
  let ended: (how: string) => void = () => undefined;
  const exited = new Promise<string>((resolve) => {
    ended = resolve;
  });
  const stop = async (): Promise<void> => {
    await env.teardown();
    ended('stopped');
  };
  return { address: env.address, pid: process.pid, exited, stop };
}

async function waitUntilReady(address: string, exited: Promise<string>, log: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  const gone = exited.then((how) => {
    throw new Error(`Temporal ended while it was starting (${how}). Its log is ${log}.`);
  });
  gone.catch(() => undefined);
  for (;;) {
    try {
      const connection = await Promise.race([Connection.connect({ address, connectTimeout: 1000 }), gone]);
      await connection.close();
      return;
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('Temporal ended')) throw error;
      if (Date.now() > deadline)
        throw new Error(`Temporal did not answer on ${address} within 60 s. Its log is ${log}.`, {
          cause: error,
        });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const RESTART_AFTER_MS = 200;
const RESTART_AFTER_MAX_MS = 10_000;

/** A dev server that is started again, on the same port, whenever it dies: runs wait for it meanwhile and lose nothing. */
export async function superviseDevServer(
  options: DevServerOptions,
): Promise<Pick<DevServer, 'address' | 'stop'>> {
  const { progress = () => undefined } = options;
  let current = await startDevServer(options);
  const { address } = current;
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  const told = new AbortController();
  const isTold = (): boolean => told.signal.aborted;
  const startAgain = async (): Promise<void> => {
    for (let failures = 0; ; failures += 1) {
      const wait = Math.min(RESTART_AFTER_MAX_MS, RESTART_AFTER_MS * 2 ** failures);
      await pause(wait, undefined, { signal: told.signal }).catch(() => undefined);
      if (isTold()) return;
      try {
        current = await startDevServer({ ...options, port });
        if (isTold()) await current.stop();
        else progress(`Temporal is back on ${address}.`);
        return;
      } catch (error) {
        progress(`Temporal could not be started: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  const watch = async (): Promise<void> => {
    for (;;) {
      const how = await current.exited;
      if (isTold()) return;
      progress(`Temporal ended (${how}). Starting it again…`);
      await startAgain();
    }
  };
  const watching = watch();
  return {
    address,
    stop: async () => {
      told.abort();
      await current.stop();
      await watching;
    },
  };
}

/** Stops servers that a killed Cordon left behind: only what really runs Temporal on this very database. */
async function stopLeftover(pidFile: string, database: string, progress: Progress): Promise<void> {
  for (const pid of leftovers(pidFile, database)) {
    progress(`Stopping the Temporal server (pid ${String(pid)}) that an earlier run left behind…`);
    signalTo(pid, 'SIGTERM');
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (isOurs(pid, database)) {
      if (Date.now() > deadline) signalTo(pid, 'SIGKILL');
      await pause(50);
    }
  }
  rmSync(pidFile, { force: true });
}

/** By the pid file, and where there is /proc also by looking: a kill may come before the file is written. */
function leftovers(pidFile: string, database: string): number[] {
  const noted = existsSync(pidFile) ? [readFileSync(pidFile, 'utf8')] : [];
  const running = existsSync('/proc/self/cmdline') ? readdirSync('/proc') : [];
  const pids = new Set([...noted, ...running].map(Number));
  return [...pids].filter((pid) => Number.isInteger(pid) && pid > 1 && isOurs(pid, database));
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isOurs(pid: number, database: string): boolean {
  const line = commandLine(pid);
  return line.includes(' start-dev ') && line.includes(` --db-filename ${database} `);
}

/** How a process was called; empty when it is gone. */
function commandLine(pid: number): string {
  try {
    if (existsSync('/proc/self/cmdline'))
      return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8', timeout: 5_000 });
  } catch {
    return '';
  }
}

/** A free port of 127.0.0.1. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('the system gave no port'));
      });
    });
  });
}
