import { appendJournal } from './journal';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

/**
 * The run of an incident has ended while a message about alerts was on its way. What the run was never told of is correlated
 * anew, into an incident that says which one it reopens; what it was told of stays where it is. An incident that its run
 * closed has nothing unseen: closing is refused while alerts are in it that the run has not read.
 */
export async function releaseUnseen(store: Store, number: string): Promise<void> {
  const at = await store.now();
  await inTransaction(store, async (tx) => {
    const incident = await tx
      .selectFrom('incidents')
      .selectAll()
      .where('number', '=', number)
      .forUpdate()
      .executeTakeFirstOrThrow();
    if (incident.status === 'closed') return;
    await tx
      .updateTable('incidents')
      .set({ status: 'closed', phase: 'closed', closed_at: at, updated_at: at })
      .where('number', '=', number)
      .execute();
    const unseen = await untold(tx, incident);
    if (unseen.length > 0)
      await tx
        .updateTable('alerts')
        .set({ dirty: true })
        .where('incident', '=', number)
        .where('id', 'in', unseen)
        .execute();
    await appendJournal(tx, {
      incident: number,
      at,
      actor: 'cordon',
      kind: 'incident_closed',
      data: { reason: 'its run had ended', unseen: unseen.length },
    });
  });
}

/** Alerts that joined after the last message that the run took. */
async function untold(tx: Tx, incident: Row<'incidents'>): Promise<string[]> {
  const told = await tx
    .selectFrom('outbox')
    .select((eb) => eb.fn.max('created_at').as('at'))
    .where('kind', '=', 'start_or_signal')
    .where('key', '=', incident.number)
    .where('done_at', 'is not', null)
    .executeTakeFirst();
  const last = (told?.at as Date | null | undefined) ?? new Date(0);
  const joined = await tx
    .selectFrom('journal')
    .select('data')
    .where('incident', '=', incident.number)
    .where('kind', '=', 'alert_joined')
    .where('at', '>', last)
    .execute();
  return joined.map(({ data }) => data['alert'] as string);
}
