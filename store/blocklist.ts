import { isIP } from 'node:net';
import type { BlocklistStore } from '../contracts/integration';
import type { Store } from './store';

const byNumber = new Intl.Collator('en', { numeric: true });

/** The addresses that a list holds now, each once, sorted: what a firewall gets. */
export async function publishedAddresses({ db }: Store, list: string, at: Date): Promise<string[]> {
  const rows = await db
    .selectFrom('blocklist_entries')
    .select('ip')
    .where('list', '=', list)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', at)]))
    .execute();
  return rows
    .map(({ ip }) => ip)
    .filter((ip) => isIP(ip) !== 0)
    .sort((a, b) => byNumber.compare(a, b));
}

/** Entries of the lists that firewalls fetch, in SQL, so that every server process can serve them. */
export function blocklistStore({ db }: Pick<Store, 'db'>): BlocklistStore {
  return {
    get: async (list, ip) => {
      const row = await db
        .selectFrom('blocklist_entries')
        .select(['expires_at', 'reason'])
        .where('list', '=', list)
        .where('ip', '=', ip)
        .executeTakeFirst();
      return row === undefined
        ? null
        : { expiresAt: row.expires_at?.toISOString() ?? null, reason: row.reason };
    },
    entries: async (list) => {
      const rows = await db
        .selectFrom('blocklist_entries')
        .select(['ip', 'expires_at'])
        .where('list', '=', list)
        .execute();
      return rows.map(({ ip, expires_at }) => ({ ip, expiresAt: expires_at?.toISOString() ?? null }));
    },
    put: async (list, ip, { expiresAt, reason }) => {
      const values = { reason, expires_at: expiresAt === null ? null : new Date(expiresAt) };
      await db
        .insertInto('blocklist_entries')
        .values({ list, ip, ...values })
        .onConflict((conflict) => conflict.columns(['list', 'ip']).doUpdateSet(values))
        .execute();
    },
    remove: async (list, ip) => {
      const { numDeletedRows } = await db
        .deleteFrom('blocklist_entries')
        .where('list', '=', list)
        .where('ip', '=', ip)
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
  };
}
