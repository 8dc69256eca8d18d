import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Connection } from '@temporalio/client';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Pool } from 'pg';
import type { Config } from '../../contracts/config';
import type { BlocklistStore, Integration } from '../../contracts/integration';
import { blocklistStore } from '../../store/blocklist';
import { ownerOfDataFolder } from '../../store/data-folder-lock';
import type { Schema } from '../../store/schema';
import { temporalOptions } from '../../temporal-config/client';
import type { Settings } from '../../temporal-config/env';
import { installedTemporal } from '../../temporal-config/find-temporal';
import { examine, Skipped, type Finding } from './finding';

const CONNECT_MS = 5_000;

/** The data folder: writable, and whose. */
export function dataFolder({ dataDir }: Settings): Promise<Finding> {
  return examine('data folder', () => {
    let existing = dataDir;
    while (!existsSync(existing)) existing = dirname(existing);
    try {
      accessSync(existing, constants.W_OK);
    } catch {
      throw new Error(
        `${existing} cannot be written: give it to the user that runs Cordon, or set CORDON_DATA_DIR`,
      );
    }
    const owner = ownerOfDataFolder(dataDir);
    if (owner !== undefined) return `${dataDir}, in use by process ${String(owner)}`;
    return existing === dataDir ? dataDir : `${dataDir}, made at the first start`;
  });
}

/** A PostgreSQL to look at, without touching its tables. */
export function openForLooking(databaseUrl: string): Kysely<Schema> {
  const pool = new Pool({ connectionString: databaseUrl, max: 2, connectionTimeoutMillis: CONNECT_MS });
  pool.on('error', () => undefined);
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

/** The database: PostgreSQL answers, or the embedded one is there or will be. */
export function database(settings: Settings, db: Kysely<Schema> | undefined): Promise<Finding> {
  return examine('database', async () => {
    if (db === undefined) {
      const made = existsSync(join(settings.dataDir, 'pglite'));
      return `embedded, ${made ? 'in the data folder' : 'made at the first start'}`;
    }
    const { rows } = await sql<{
      version: string;
    }>`SELECT current_setting('server_version') AS version`.execute(db);
    return `PostgreSQL ${rows[0]?.version ?? ''}`;
  });
}

/** Temporal: the one that is named answers, or a dev server can be started. */
export async function temporal({ temporalAddress }: Settings, env: NodeJS.ProcessEnv): Promise<Finding> {
  if (temporalAddress === undefined) {
    const program = installedTemporal(env);
    return {
      status: program === undefined ? 'warning' : 'ok',
      what: 'Temporal',
      detail:
        program === undefined
          ? 'no dev server yet: the first start downloads one, or builds it with Go; or set TEMPORAL_ADDRESS'
          : `dev server ${program}`,
    };
  }
  return examine('Temporal', async () => {
    const { connection: options, namespace } = temporalOptions({ address: temporalAddress });
    const connection = await Connection.connect({ ...options, connectTimeout: CONNECT_MS });
    try {
      await connection.withDeadline(Date.now() + CONNECT_MS, () =>
        connection.workflowService.describeNamespace({ namespace }),
      );
      return `${temporalAddress}, namespace ${namespace}`;
    } finally {
      await connection.close();
    }
  });
}

/** Connections that nothing is told to because they did not answer; none where the database has no such table yet. */
export async function circuits(db: Kysely<Schema> | undefined): Promise<Finding[]> {
  if (db === undefined) return [];
  const rows = await db
    .selectFrom('connection_breakers')
    .selectAll()
    .where('opened_at', 'is not', null)
    .execute()
    .catch(() => []);
  return rows.map(({ connection, opened_at: since, last_error: why }) => ({
    status: 'warning',
    what: `connection ${connection}`,
    detail: `its circuit is open since ${since?.toISOString() ?? ''}: ${why}`,
  }));
}

const onlyLooking = () => Promise.reject(new Skipped('the doctor changes nothing'));

/** The block lists as far as the doctor may see them. */
function blocklistsOf(db: Kysely<Schema> | undefined): BlocklistStore {
  return {
    get: (list, ip) =>
      db === undefined
        ? Promise.reject(new Skipped('kept in the embedded database, which only Cordon itself opens'))
        : blocklistStore({ db }).get(list, ip),
    entries: onlyLooking,
    put: onlyLooking,
    remove: onlyLooking,
  };
}

/** Each connection reaches its product. */
export async function connections(
  config: Config,
  integrations: ReadonlyMap<string, Integration>,
  db: Kysely<Schema> | undefined,
  notStarted: string,
): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-doctor-'));
  const log = { info: () => undefined, warn: () => undefined };
  const blocklist = blocklistsOf(db);
  try {
    return await Promise.all(
      config.connections.map((one) =>
        examine(`connection ${one.id}`, async (signal) => {
          const integration = integrations.get(one.use);
          if (integration === undefined) throw new Error(`there is no integration ${one.use}`);
          if (integration.simulated && one.config['url'] === notStarted)
            throw new Skipped('simulated: Cordon starts it with itself');
          const tools = { connectionId: one.id, dataDir: () => folder, log, blocklist };
          const connection = integration.connect(integration.config.parse(one.config), tools);
          try {
            const { ok, detail } = await connection.check(signal);
            if (!ok) throw new Error(detail);
            return `${integration.title}: ${detail}`;
          } finally {
            await connection.close();
          }
        }),
      ),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
