import type { BlocklistStore } from '../contracts/integration';
import type { Store } from './store';

/** Entries of the lists that firewalls fetch, in SQL, so that every server process can serve them. */
export function blocklistStore({ db }: Store): BlocklistStore {
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
