import type { ReviewView } from '../contracts/api';
import { appendJournal } from './journal';
import type { Row } from './schema';
import { inTransaction, type Store } from './store';

const MAX_LIST = 500;

const viewOf = (row: Row<'reviews'>): ReviewView => ({
  id: row.id,
  incident: row.incident,
  request: row.request_id,
  person: row.person,
  reason: row.reason,
  items: row.items,
  openedAt: row.opened_at.toISOString(),
  closedAt: row.closed_at?.toISOString() ?? null,
  closedBy: row.closed_by,
  note: row.note,
});

/** Reviews, oldest first: those that are open, or all. */
export async function listReviews({ db }: Store, all: boolean): Promise<ReviewView[]> {
  const rows = await db
    .selectFrom('reviews')
    .selectAll()
    .$if(!all, (query) => query.where('closed_at', 'is', null))
    .orderBy('opened_at')
    .limit(MAX_LIST)
    .execute();
  return rows.map(viewOf);
}

/** Closes a review with a note. Who broke the glass may not; what is closed stays as it was closed. */
export async function closeReview(
  store: Store,
  id: string,
  { person, note }: { person: string; note: string },
): Promise<ReviewView | 'not_found' | 'own' | 'closed'> {
  return inTransaction(store, async (tx) => {
    const row = await tx
      .selectFrom('reviews')
      .selectAll()
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) return 'not_found';
    if (row.closed_at !== null) return 'closed';
    if (row.person === person) return 'own';
    const at = await store.now();
    const closed = { closed_at: at, closed_by: person, note };
    await tx.updateTable('reviews').set(closed).where('id', '=', id).execute();
    await appendJournal(tx, {
      incident: row.incident,
      at,
      actor: `person:${person}`,
      kind: 'review_closed',
      data: { review: id, request: row.request_id, person: row.person, note },
    });
    return viewOf({ ...row, ...closed });
  });
}
