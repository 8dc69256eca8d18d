import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startDevServer, type DevServer } from '../../temporal-config/dev-server';
import { CordonProcess, until } from './cordon-process';
import { startPostgres, type Postgres } from './store';

const LOG_CHARACTERS = 4_000;

export const HOOK_SECRET = 'whsec_Y29yZG9uLWNoYW9zLXRlc3Qtc2VjcmV0LTAxMjM=';

/** A Cordon that can be killed in parts. */
export interface Installation {
  readonly name: string;
  /** What can be killed, one name each. */
  readonly targets: readonly string[];
  /** One of its servers, another one every time where there are several. */
  url(): string;
  token(): string;
  start(): Promise<void>;
  /** kill -9, then start again what no supervisor would; resolves at the ready line of the last that is back. */
  killAndRestart(target: string): Promise<void>;
  /** The end of what its processes have logged. */
  log(): string;
  /** Throws when something that was not killed has ended. */
  check(): void;
  stop(): Promise<void>;
}

function base(configFile: string) {
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-chaos-data-'));
  const env = {
    CORDON_DATA_DIR: dataDir,
    CORDON_CONFIG: configFile,
    CORDON_DEMO_HOOK_SECRET: HOOK_SECRET,
  };
  const token = (): string => readFileSync(join(dataDir, 'token'), 'utf8');
  return { dataDir, env, token };
}

/** One process with PGlite, and a Temporal that it keeps alive beside it. */
export async function embedded(configFile: string): Promise<Installation> {
  const { dataDir, env, token } = base(configFile);
  const port = await freePort();
  const cordon = new CordonProcess('up', { ...env, PORT: String(port) });
  const temporalPid = (): number => Number(readFileSync(join(dataDir, 'temporal.pid'), 'utf8'));
  const killTemporal = (): void => {
    process.kill(temporalPid(), 'SIGKILL');
  };
  const kills: Record<string, () => Promise<void>> = {
    'the one process': async () => {
      await cordon.stop('SIGKILL');
      await cordon.start();
    },
    Temporal: async () => {
      const before = cordon.output.length;
      killTemporal();
      await until(
        'Temporal to be back',
        () => cordon.output.slice(before).includes('Temporal is back'),
        60_000,
      );
    },
    all: async () => {
      killTemporal();
      await cordon.stop('SIGKILL');
      await cordon.start();
    },
  };
  return {
    name: 'embedded',
    targets: Object.keys(kills),
    url: () => `http://127.0.0.1:${String(port)}`,
    token,
    start: () => cordon.start(),
    killAndRestart: async (target) => kills[target]?.(),
    log: () => readFileSync(join(dataDir, 'cordon.log'), 'utf8').slice(-LOG_CHARACTERS),
    check: () => {
      if (!cordon.isRunning) throw new Error(`cordon up ended:\n${cordon.output}`);
    },
    stop: async () => {
      await cordon.stop();
      if (process.env['CORDON_CHAOS_KEEP'] === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Two servers, a worker, PostgreSQL and Temporal, each a process that somebody else starts again. */
export async function onPostgres(configFile: string): Promise<Installation & { postgres: Postgres }> {
  const { dataDir, env, token } = base(configFile);
  const postgres = await startPostgres();
  const temporalPort = await freePort();
  let temporal: DevServer | undefined;
  const startTemporal = async (): Promise<void> => {
    temporal = await startDevServer({ dataDir, port: temporalPort });
  };
  const killTemporal = async (): Promise<void> => {
    if (temporal === undefined) return;
    process.kill(temporal.pid, 'SIGKILL');
    await temporal.exited;
  };
  const shared = {
    ...env,
    DATABASE_URL: await postgres.newDatabase(),
    TEMPORAL_ADDRESS: `127.0.0.1:${String(temporalPort)}`,
  };
  const ports = [await freePort(), await freePort()];
  const servers = ports.map((port) => new CordonProcess('server', { ...shared, PORT: String(port) }));
  const worker = new CordonProcess('worker', shared);
  const all = [...servers, worker];
  let turn = 0;
  const again = async (process: CordonProcess): Promise<void> => {
    await process.stop('SIGKILL');
    await process.start();
  };
  const kills: Record<string, () => Promise<void>> = {
    worker: () => again(worker),
    server: () => again(servers[turn % servers.length] ?? worker),
    Temporal: async () => {
      await killTemporal();
      await startTemporal();
    },
    PostgreSQL: () => {
      postgres.kill();
      return postgres.restart();
    },
    all: async () => {
      postgres.kill();
      await Promise.all([killTemporal(), ...all.map((process) => process.stop('SIGKILL'))]);
      await Promise.all([postgres.restart(), startTemporal(), ...all.map((process) => process.start())]);
    },
  };
  return {
    name: 'on PostgreSQL',
    postgres,
    targets: Object.keys(kills),
    url: () => `http://127.0.0.1:${String(ports[turn++ % ports.length])}`,
    token,
    start: async () => {
      await startTemporal();
      await Promise.all(all.map((process) => process.start()));
    },
    killAndRestart: async (target) => kills[target]?.(),
    log: () => all.map(({ verb, output }) => `${verb}: ${output.slice(-LOG_CHARACTERS)}`).join('\n'),
    check: () => {
      for (const process of all)
        if (!process.isRunning) throw new Error(`cordon ${process.verb} ended:\n${process.output}`);
    },
    stop: async () => {
      await Promise.all(all.map((process) => process.stop()));
      await temporal?.stop();
      postgres.remove();
      if (process.env['CORDON_CHAOS_KEEP'] === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
