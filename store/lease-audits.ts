import { randomUUID } from 'node:crypto';
import { LeaseAudit, type LeaseAuditRow } from '../contracts/lease';
import { enqueue } from './outbox';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

/** So many audits are kept; what they found lost is in the journal. */
const KEPT = 100;

/** Files an audit that somebody asked for; the outbox starts it. Returns its id. */
export async function requestAudit(store: Store, by: string): Promise<string> {
  const id = randomUUID();
  const at = await store.now();
  await inTransaction(store, async (tx) => {
    await tx.insertInto('lease_audits').values({ id, asked_by: by, asked_at: at, rows: null }).execute();
    await enqueue(tx, 'audit_leases', id, { audit: id }, at);
  });
  return id;
}

/** Writes what an audit found; an audit that nobody asked for gets a row of its own. The oldest go. */
export async function finishAudit(
  tx: Tx,
  id: string | undefined,
  rows: readonly LeaseAuditRow[],
  { startedAt, at }: { startedAt: Date; at: Date },
): Promise<void> {
  const end = { finished_at: at, rows: JSON.stringify(rows) };
  await tx
    .insertInto('lease_audits')
    .values({ id: id ?? randomUUID(), asked_by: 'cordon', asked_at: startedAt, ...end })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(end))
    .execute();
  await tx
    .deleteFrom('lease_audits')
    .where('id', 'not in', (eb) =>
      eb.selectFrom('lease_audits').select('id').orderBy('asked_at', 'desc').limit(KEPT),
    )
    .execute();
}

const viewOf = (row: Row<'lease_audits'>): LeaseAudit =>
  LeaseAudit.parse({
    id: row.id,
    askedBy: row.asked_by,
    askedAt: row.asked_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
    items: row.rows ?? [],
  });

/** The audit of this id, or the newest that has ended; undefined when there is none. */
export async function readAudit(store: Store, id?: string): Promise<LeaseAudit | undefined> {
  const query = store.db.selectFrom('lease_audits').selectAll();
  const row = await (
    id === undefined
      ? query.where('finished_at', 'is not', null).orderBy('finished_at', 'desc').limit(1)
      : query.where('id', '=', id)
  ).executeTakeFirst();
  return row === undefined ? undefined : viewOf(row);
}
