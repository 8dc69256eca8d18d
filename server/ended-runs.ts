import { endPretence } from '../store/drills';
import { appendJournal } from '../store/journal';
import { inTransaction, type Store } from '../store/store';

/**
 * The run ended while alerts were on their way: what it has not seen is correlated anew, into an incident that says so. Of a drill
 * nothing is: it is only closed.
 */
export async function reopen(store: Store, number: string): Promise<void> {
  const at = await store.now();
  await inTransaction(store, async (tx) => {
    const incident = await tx
      .selectFrom('incidents')
      .selectAll()
      .where('number', '=', number)
      .forUpdate()
      .executeTakeFirstOrThrow();
    if (incident.status === 'open') {
      await tx
        .updateTable('incidents')
        .set({ status: 'closed', phase: 'closed', closed_at: at, updated_at: at })
        .where('number', '=', number)
        .execute();
      await appendJournal(tx, {
        incident: number,
        at,
        actor: 'cordon',
        kind: 'incident_closed',
        data: { reason: 'its run had ended' },
      });
      if (incident.mode === 'drill') await appendJournal(tx, ...(await endPretence(tx, number, at)));
    }
    // A drill's alerts are never correlated: they would make it real.
    if (incident.mode === 'drill') return;
    await tx
      .updateTable('alerts')
      .set({ dirty: true })
      .where('incident', '=', number)
      .where('seq', '>', incident.seen_seq)
      .execute();
  });
}

/**
 * What a person decided or ordered had no effect, for good: the incident's record says so. `refused` is why the run would not;
 * without it there is no run any more, and an incident that is still open asks for a look.
 */
export async function noteUndelivered(
  store: Store,
  number: string,
  what: string,
  refused?: string,
): Promise<void> {
  const at = await store.now();
  const text = `Not carried out: ${what}; ${refused ?? 'its run had ended'}.`;
  await inTransaction(store, async (tx) => {
    const incident = await tx
      .selectFrom('incidents')
      .select('status')
      .where('number', '=', number)
      .forUpdate()
      .executeTakeFirst();
    if (incident === undefined) return;
    await appendJournal(tx, { incident: number, at, actor: 'cordon', kind: 'note_added', data: { text } });
    if (refused === undefined && incident.status === 'open')
      await tx
        .updateTable('incidents')
        .set({ attention: text, updated_at: at })
        .where('number', '=', number)
        .execute();
  });
}
