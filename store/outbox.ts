import type { JsonObject } from '../contracts/values';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

export type OutboxKind = 'start_or_signal' | 'decision' | 'command' | 'wake' | 'release_lease' | 'roll_back';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** How long a row is one dispatcher's before another may try it. */
const LEASE_MS = 20_000;

/** Puts a message for Temporal beside the state that it is about; it goes out when Temporal can take it. */
export async function enqueue(
  tx: Tx,
  kind: OutboxKind,
  key: string,
  payload: JsonObject,
  at: Date,
): Promise<void> {
  await tx
    .insertInto('outbox')
    .values({ kind, key, payload: JSON.stringify(payload), created_at: at, next_at: at, error: null })
    .execute();
}

/** Takes due rows, oldest first; other dispatchers pass them over. */
export function takeDue(store: Store, limit: number): Promise<Row<'outbox'>[]> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const rows = await tx
      .selectFrom('outbox')
      .selectAll()
      .where('done_at', 'is', null)
      .where('next_at', '<=', at)
      .orderBy('id')
      .limit(limit)
      .forUpdate()
      .skipLocked()
      .execute();
    if (rows.length === 0) return rows;
    const ids = rows.map(({ id }) => id);
    await tx
      .updateTable('outbox')
      .set({ next_at: new Date(at.getTime() + LEASE_MS) })
      .where('id', 'in', ids)
      .execute();
    return rows;
  });
}

/** It went out. */
export async function markSent(store: Store, id: string): Promise<void> {
  await store.db
    .updateTable('outbox')
    .set({ done_at: await store.now(), error: null })
    .where('id', '=', id)
    .execute();
}

/** It did not; it is tried again later, for ever: what it tells is true in SQL already. */
export async function markFailed(store: Store, row: Row<'outbox'>, error: string): Promise<void> {
  const at = await store.now();
  const wait = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(row.attempts, 10));
  await store.db
    .updateTable('outbox')
    .set({ attempts: row.attempts + 1, next_at: new Date(at.getTime() + wait), error: error.slice(0, 500) })
    .where('id', '=', row.id)
    .execute();
}
