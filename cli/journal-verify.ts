import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readWitness } from '../store/seals';
import { openStore } from '../store/store';
import { verifyJournal, type JournalReport } from '../store/verify-journal';

/**
 * Verifies without a server: the PostgreSQL of DATABASE_URL, or the embedded database of a stopped Cordon, against key and seals
 * of the data folder.
 */
export async function verifyOffline(
  dataDir: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<JournalReport> {
  const folder = resolve(dataDir);
  const databaseUrl = env['DATABASE_URL'];
  const embedded = databaseUrl === undefined || databaseUrl === '';
  if (embedded && !existsSync(join(folder, 'pglite')))
    throw new Error(
      `There is no database in ${folder}: name the folder of CORDON_DATA_DIR, or set DATABASE_URL.`,
    );
  const store = await openStore(embedded ? { dataDir: folder } : { databaseUrl });
  try {
    return await verifyJournal(store.db, readWitness(folder));
  } finally {
    await store.close();
  }
}
