import { enqueue } from './outbox';
import { inTransaction, type Store } from './store';

/** Asks for the release of a lease by a named person; the outbox starts it. */
export async function requestRelease(
  store: Store,
  leaseId: string,
  by: string,
  reason: string,
): Promise<'requested' | 'not_found' | 'released'> {
  return inTransaction(store, async (tx) => {
    const lease = await tx.selectFrom('leases').select('status').where('id', '=', leaseId).executeTakeFirst();
    if (lease === undefined) return 'not_found';
    if (lease.status === 'released') return 'released';
    await enqueue(tx, 'release_lease', leaseId, { leaseId, by, reason }, await store.now());
    return 'requested';
  });
}
