import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Kysely, Migrator, PostgresDialect, sql, type Transaction } from 'kysely';
import { Pool } from 'pg';
import { lockDataFolder } from './data-folder-lock';
import { MIGRATIONS } from './migrations';
import { PGliteDialect } from './pglite-dialect';
import type { Schema } from './schema';

export type Tx = Transaction<Schema>;

/** One SQL database, opened and migrated. */
export interface Store {
  readonly db: Kysely<Schema>;
  /** True when no other process can have it open (PGlite in a locked folder, or in memory). */
  readonly exclusive: boolean;
  /** The time that guard, leases and policy go by: the database's clock, or the one given at opening. */
  now(): Promise<Date>;
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Folder of the embedded database; locked for this process. */
  dataDir?: string;
  /** A PostgreSQL connection string; wins over `dataDir`. */
  databaseUrl?: string;
  /** An embedded database that is gone with the process. */
  memory?: true;
  /** Another clock, for time-skipping tests. */
  now?: () => Promise<Date>;
}

/** Opens the store and brings its tables up to date. Throws DataFolderLocked when another process has the folder. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { db, exclusive, dispose } =
    options.databaseUrl === undefined ? await openEmbedded(options) : openPostgres(options.databaseUrl);
  const close = async (): Promise<void> => {
    await db.destroy();
    await dispose();
  };
  let now: Store['now'];
  try {
    now = options.now ?? (exclusive ? () => Promise.resolve(new Date()) : await databaseClock(db));
    await migrate(db);
  } catch (error) {
    await close();
    throw error;
  }
  return { db, exclusive, now, close };
}

interface Opened {
  db: Kysely<Schema>;
  exclusive: boolean;
  dispose: () => Promise<void>;
}

async function openEmbedded({ dataDir, memory }: StoreOptions): Promise<Opened> {
  if (memory === undefined && dataDir === undefined)
    throw new TypeError('openStore needs a dataDir, a databaseUrl, or memory: true');
  const unlock = dataDir === undefined || memory ? () => undefined : lockDataFolder(dataDir);
  try {
    const folder = dataDir === undefined || memory ? undefined : join(dataDir, 'pglite');
    if (folder !== undefined) mkdirSync(folder, { recursive: true });
    const pglite = await PGlite.create(folder === undefined ? {} : { dataDir: folder });
    const dispose = async (): Promise<void> => {
      await pglite.close();
      unlock();
    };
    return { db: new Kysely<Schema>({ dialect: new PGliteDialect(pglite) }), exclusive: true, dispose };
  } catch (error) {
    unlock();
    throw error;
  }
}

function openPostgres(databaseUrl: string): Opened {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: 20,
    connectionTimeoutMillis: 5_000,
    idle_in_transaction_session_timeout: 30_000,
    statement_timeout: 30_000,
    application_name: 'cordon',
  });
  // A dropped idle connection is the pool's business; the next query reports what matters.
  pool.on('error', () => undefined);
  // One that is dropped between two queries of a transaction is nobody's: without a listener its 'error' ends the process.
  // https://github.com/brianc/node-postgres/issues/2439
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  return {
    db: new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }),
    exclusive: false,
    dispose: () => Promise.resolve(),
  };
}

const CLOCK_AGE_MS = 30_000;

/**
 * The database's clock, read as a difference to ours every half minute: asking it inside a transaction would need a second
 * connection, and with all connections in transactions everybody would wait for everybody. PGlite's clock is this process's.
 */
async function databaseClock(db: Kysely<Schema>): Promise<() => Promise<Date>> {
  let offset = 0;
  let readAt = 0;
  const read = async (): Promise<void> => {
    const before = Date.now();
    const { rows } = await sql<{ now: Date }>`SELECT clock_timestamp() AS now`.execute(db);
    const after = Date.now();
    if (rows[0] === undefined) throw new Error('the database did not tell the time');
    offset = rows[0].now.getTime() - (before + after) / 2;
    readAt = after;
  };
  await read();
  return () => {
    if (Date.now() - readAt > CLOCK_AGE_MS) {
      readAt = Date.now();
      // With the database away the last difference still holds.
      read().catch(() => undefined);
    }
    return Promise.resolve(new Date(Math.round(Date.now() + offset)));
  };
}

async function migrate(db: Kysely<Schema>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw new Error('The database could not be brought up to date.', { cause: error });
}

/** Classes 08 and 57P: the connection failed, the server stops or starts. The rest are Node's own, on the way there. */
const AWAY_CODE = /^(08|57P|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/;
const AWAY_TEXT =
  /ECONNREFUSED|ECONNRESET|EPIPE|terminating connection|Connection terminated|connection error|timeout exceeded when trying to connect|the database system is/i;

/** Whether an error says only that the database cannot be reached for now. */
export function isDatabaseAway(error: unknown): boolean {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as Error).cause) {
    const { code, message } = at as { code?: unknown; message?: unknown };
    if (typeof code === 'string' && AWAY_CODE.test(code)) return true;
    if (typeof message === 'string' && AWAY_TEXT.test(message)) return true;
  }
  return false;
}

const RETRYABLE_SQLSTATES = new Set(['40001', '40P01']);

/** Runs work in one transaction; serialization failures and deadlocks are tried again, five times at most. */
export async function inTransaction<T>(store: Store, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await store.db.transaction().execute(work);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (attempt >= 5 || typeof code !== 'string' || !RETRYABLE_SQLSTATES.has(code)) throw error;
    }
  }
}
