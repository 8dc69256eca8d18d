import type { EscalationStep } from '../contracts/policy';
import { appendJournal, type NewEntry } from './journal';
import { enqueue } from './outbox';
import { inTransaction, type Store, type Tx } from './store';

const MAX_ROUND = 100;

/** Files who is told of a request, and when, as long as it is open. Steps that are the same are one. */
export async function fileEscalation(
  tx: Tx,
  request: { id: string; at: Date; expiresAt: Date },
  steps: readonly EscalationStep[],
): Promise<void> {
  const rows = [...new Map(steps.map((step) => [JSON.stringify(step), step])).values()]
    .map((step) => ({ ...step, due: new Date(request.at.getTime() + step.afterSeconds * 1000) }))
    .filter(({ due }) => due < request.expiresAt)
    .sort((a, b) => a.afterSeconds - b.afterSeconds)
    .map(({ due, people = [], channels = [] }, index) => ({
      request_id: request.id,
      step: index + 1,
      due_at: due,
      people: JSON.stringify(people),
      channels: JSON.stringify(channels),
    }));
  if (rows.length > 0) await tx.insertInto('approval_escalations').values(rows).execute();
}

/**
 * One round over escalation steps that are due: each is journaled, and where a channel `tells` people put into the outbox as a
 * notice, once, whoever runs this how often. Steps of a request that is over are dropped. Returns how many were due.
 */
export async function escalateDue(store: Store, { tells }: { tells: boolean }): Promise<number> {
  const at = await store.now();
  return inTransaction(store, async (tx) => {
    await tx
      .deleteFrom('approval_escalations')
      .where('told_at', 'is', null)
      .where('due_at', '<=', at)
      .where('request_id', 'in', (eb) =>
        eb
          .selectFrom('approval_requests')
          .select('id')
          .where((or) => or.or([or('status', '=', 'settled'), or('expires_at', '<=', at)])),
      )
      .execute();
    const due = await tx
      .selectFrom('approval_escalations')
      .innerJoin('approval_requests', 'approval_requests.id', 'approval_escalations.request_id')
      .select(['request_id', 'step', 'people', 'channels', 'incident'])
      .where('told_at', 'is', null)
      .where('due_at', '<=', at)
      .orderBy('due_at')
      .limit(MAX_ROUND)
      .forUpdate('approval_escalations')
      .skipLocked()
      .execute();
    const entries: NewEntry[] = [];
    for (const { request_id: request, step, people, channels, incident } of due) {
      const data = { request, step, people, channels };
      await tx
        .updateTable('approval_escalations')
        .set({ told_at: at })
        .where('request_id', '=', request)
        .where('step', '=', step)
        .execute();
      entries.push({ incident, at, actor: 'cordon', kind: 'approval_escalated', data });
      if (tells) await enqueue(tx, 'notice', request, { event: 'approval_escalated', ...data }, at);
    }
    if (entries.length > 0) await appendJournal(tx, ...entries);
    return due.length;
  });
}
