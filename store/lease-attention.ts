import type { Row } from './schema';
import type { Tx } from './store';

type Lease = Pick<Row<'leases'>, 'id' | 'target_label' | 'expires_at'>;

/** What people are told of a lease that wants an answer. Each begins alike: an answer takes away what it answers. */
const about = ({ target_label: label }: Lease): string => `The containment of ${label} `;
export const attention = {
  dueSoon: (lease: Lease): string =>
    `${about(lease)}is due at ${lease.expires_at?.toISOString() ?? ''}: extend it, release it, or it is extended.`,
  due: (lease: Lease): string => `${about(lease)}was due and was extended: release it, or let it stand.`,
  escalated: (lease: Lease, extensions: number): string =>
    `${about(lease)}was extended ${String(extensions)} times without an answer: extend it, or release it.`,
};

/** Shows it on each incident that holds the lease; what is shown already stays, unless told otherwise. */
export async function raiseAttention(
  tx: Tx,
  leaseId: string,
  text: string,
  { evenIfRaised }: { evenIfRaised: boolean },
): Promise<void> {
  await tx
    .updateTable('incidents')
    .set({ attention: text })
    .where('number', 'in', (eb) =>
      eb
        .selectFrom('lease_holders')
        .select('incident')
        .where('lease_id', '=', leaseId)
        .where('released_at', 'is', null),
    )
    .$if(!evenIfRaised, (query) => query.where('attention', 'is', null))
    .execute();
}

/** A person has answered: takes away what asked about the lease's target. */
export async function settleAttention(tx: Tx, lease: Lease, incidents: readonly string[]): Promise<void> {
  if (incidents.length === 0) return;
  await tx
    .updateTable('incidents')
    .set({ attention: null })
    .where('number', 'in', incidents)
    .where((eb) => eb(eb.fn('starts_with', ['attention', eb.val(about(lease))]), '=', eb.val(true)))
    .execute();
}
