import type { JsonObject } from '../contracts/values';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

export type OutboxKind =
  'start_or_signal' | 'decision' | 'command' | 'wake' | 'release_lease' | 'roll_back' | 'notice';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** How long a row is one dispatcher's before another may try it: what a killed server had taken waits as long. */
const LEASE_MS = 6_000;
/** Each attempt must be over before another dispatcher may take the row. */
export const SEND_TIMEOUT_MS = 5_000;
const KEEP_SENT_MS = 24 * 3_600_000;
const FORGET_BATCH = 5_000;

/** Puts a message for Temporal, or a notice for people, beside the state that it is about; it goes out when Temporal can take it. */
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

/**
 * Takes due rows for Temporal, oldest first; other dispatchers pass them over. Commands to one run go out one after another, in their order;
 * of the other kinds the order does not matter.
 */
export function takeDue(store: Store, limit: number): Promise<Row<'outbox'>[]> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const rows = await tx
      .selectFrom('outbox')
      .selectAll()
      .where('done_at', 'is', null)
      .where('next_at', '<=', at)
      .where('kind', '<>', 'notice')
      .where((eb) =>
        eb.or([
          eb('kind', '<>', 'command'),
          eb.not(
            eb.exists(
              eb
                .selectFrom('outbox as earlier')
                .select('earlier.id')
                .whereRef('earlier.key', '=', 'outbox.key')
                .whereRef('earlier.id', '<', 'outbox.id')
                .where('earlier.kind', '=', 'command')
                .where('earlier.done_at', 'is', null),
            ),
          ),
        ]),
      )
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

/** They went out. */
export async function markSent(db: Store['db'], ids: readonly string[], at: Date): Promise<void> {
  await db.updateTable('outbox').set({ done_at: at, error: null }).where('id', 'in', ids).execute();
}

/**
 * They did not; they are tried again later, for ever: what they tell is true in SQL already. With `inMs` the pause is that, else it
 * grows from half a second to half a minute.
 */
export async function markFailed(
  store: Store,
  rows: readonly Row<'outbox'>[],
  error: string,
  inMs?: number,
): Promise<void> {
  const at = await store.now();
  const attempts = Math.max(0, ...rows.map((row) => row.attempts));
  const wait = inMs ?? Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10));
  await store.db
    .updateTable('outbox')
    .set((eb) => ({
      attempts: eb('attempts', '+', 1),
      next_at: new Date(at.getTime() + wait),
      error: error.slice(0, 500),
    }))
    .where(
      'id',
      'in',
      rows.map(({ id }) => id),
    )
    .where('done_at', 'is', null)
    .execute();
}

/** Deletes what went out a day ago: the journal is the record. */
export async function forgetSent(store: Store): Promise<void> {
  const before = new Date((await store.now()).getTime() - KEEP_SENT_MS);
  await store.db
    .deleteFrom('outbox')
    .where('id', 'in', (eb) =>
      eb.selectFrom('outbox').select('id').where('done_at', '<', before).limit(FORGET_BATCH),
    )
    .execute();
}
