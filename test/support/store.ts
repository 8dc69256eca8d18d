import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { openStore, type Store, type StoreOptions } from '../../store/store';

/** An embedded database in memory. */
export function memoryStore(options: Pick<StoreOptions, 'now'> = {}): Promise<Store> {
  return openStore({ memory: true, ...options });
}

export interface Postgres {
  readonly url: string;
  /** Makes a new, empty database and opens a store on it. */
  newStore(options?: Pick<StoreOptions, 'now'>): Promise<Store>;
  /** Makes a new, empty database and returns its address. */
  newDatabase(): Promise<string>;
  stop(mode?: 'fast' | 'immediate'): void;
  start(): void;
  /** kill -9 of the server process, as a crash of the machine's service. */
  kill(): void;
  /** Starts it again after a kill, without holding up this process. */
  restart(): Promise<void>;
  /** Stops it and removes its files. */
  remove(): void;
}

function findBinaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions
    .map((version) => join(root, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
  if (found === undefined) throw new Error('These tests need PostgreSQL: apt-get install postgresql');
  return found;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}

/** Starts a private PostgreSQL on a free port of 127.0.0.1, with its own files. The caller removes it. */
export async function startPostgres(): Promise<Postgres> {
  const bin = findBinaries();
  const folder = mkdtempSync(join(tmpdir(), 'cordon-pg-'));
  const port = await freePort();
  const isRoot = process.getuid?.() === 0;
  if (isRoot) {
    const [uid, gid] = ['-u', '-g'].map((flag) =>
      Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })),
    );
    chownSync(folder, uid ?? 0, gid ?? 0);
    chmodSync(folder, 0o700);
  }
  // initdb refuses to run as root.
  const run = (program: string, ...args: string[]): void => {
    const command = [join(bin, program), ...args];
    const [file, ...rest] = isRoot ? ['runuser', '-u', 'postgres', '--', ...command] : command;
    execFileSync(file ?? '', rest, { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder });
  };
  const runAside = async (program: string, ...args: string[]): Promise<void> => {
    const command = [join(bin, program), ...args];
    const [file, ...rest] = isRoot ? ['runuser', '-u', 'postgres', '--', ...command] : command;
    await promisify(execFile)(file ?? '', rest, { cwd: folder, timeout: 60_000 });
  };
  const data = join(folder, 'data');
  const settings = `-p ${String(port)} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder} -c fsync=off -c max_connections=200`;
  const start = (): void => {
    run('pg_ctl', '-D', data, '-w', '-l', join(folder, 'log'), '-o', settings, 'start');
  };
  const kill = (): void => {
    process.kill(Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
  };
  const restart = async (): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        await runAside('pg_ctl', '-D', data, '-w', '-l', join(folder, 'log'), '-o', settings, 'start');
        return;
      } catch (error) {
        // Children of the killed server hold its shared memory for a moment.
        if (tries >= 50) throw error;
        await pause(100);
      }
    }
  };
  run('initdb', '-D', data, '-U', 'cordon', '-A', 'trust', '-E', 'UTF8', '--no-sync');
  start();
  const urlOf = (database: string): string => `postgres://cordon@127.0.0.1:${String(port)}/${database}`;
  let count = 0;
  const newDatabase = async (): Promise<string> => {
    const name = `t${String(++count)}`;
    const client = new Client({ connectionString: urlOf('postgres') });
    await client.connect();
    await client.query(`CREATE DATABASE ${name}`);
    await client.end();
    return urlOf(name);
  };
  const stop = (mode: 'fast' | 'immediate' = 'fast'): void => {
    run('pg_ctl', '-D', data, '-w', '-m', mode, 'stop');
  };
  return {
    url: urlOf('postgres'),
    newDatabase,
    newStore: async (options = {}) => openStore({ databaseUrl: await newDatabase(), ...options }),
    start,
    kill,
    restart,
    stop,
    remove: () => {
      try {
        stop('immediate');
      } catch {
        // Already stopped by the test: removing its files is all that is left.
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
