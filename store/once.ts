import type { JsonObject } from '../contracts/values';
import { canonicalHash } from './canonical';
import { inTransaction, type Store, type Tx } from './store';

/** As long as a delivery with an id is known. */
const KEEP_MS = 7 * 24 * 3_600_000;
const FORGET_BATCH = 5_000;

/** What a person asked for, and the key by which a repeat of it is known; without one each is a request of its own. */
export interface Repeatable {
  readonly person: string;
  readonly key: string | undefined;
  /** What is asked: the same key with another content is refused. */
  readonly content: JsonObject;
}

/**
 * Does what a person asks for, in one transaction. The same key again, also at the same time and by another server, does nothing and
 * answers what the first one was answered, for a week. `reused`: the key stands for another request. What was refused, as
 * `isDone` says, is not remembered: it may be possible later.
 */
export function once<A extends { kind: string }>(
  store: Store,
  { person, key, content }: Repeatable,
  isDone: (answer: A) => boolean,
  work: (tx: Tx, at: Date) => Promise<A>,
): Promise<A | { kind: 'reused' }> {
  return inTransaction(store, async (tx): Promise<A | { kind: 'reused' }> => {
    const at = await store.now();
    if (key === undefined) return work(tx, at);
    const hash = canonicalHash(content);
    const fresh = await tx
      .insertInto('repeatable_requests')
      .values({ person, key, content: hash, at })
      // Waits for who is at it, and sees what came of it.
      .onConflict((conflict) =>
        conflict
          .columns(['person', 'key'])
          .doUpdateSet({ content: hash, answer: null, at })
          .where('repeatable_requests.at', '<=', new Date(at.getTime() - KEEP_MS)),
      )
      .returning('key')
      .executeTakeFirst();
    if (fresh === undefined) {
      const known = await tx
        .selectFrom('repeatable_requests')
        .select(['content', 'answer'])
        .where('person', '=', person)
        .where('key', '=', key)
        .executeTakeFirstOrThrow();
      return known.content === hash ? (known.answer as unknown as A) : { kind: 'reused' };
    }
    const answer = await work(tx, at);
    if (isDone(answer))
      await tx
        .updateTable('repeatable_requests')
        .set({ answer: JSON.stringify(answer) })
        .where('person', '=', person)
        .where('key', '=', key)
        .execute();
    else
      await tx
        .deleteFrom('repeatable_requests')
        .where('person', '=', person)
        .where('key', '=', key)
        .execute();
    return answer;
  });
}

/** Deletes what no repeat is expected of any more. */
export async function forgetRequests(store: Store): Promise<void> {
  const before = new Date((await store.now()).getTime() - KEEP_MS);
  const old = store.db
    .selectFrom('repeatable_requests')
    .select(['person', 'key'])
    .where('at', '<=', before)
    .limit(FORGET_BATCH);
  await store.db
    .deleteFrom('repeatable_requests')
    .where((eb) => eb(eb.refTuple('person', 'key'), 'in', old.$asTuple('person', 'key')))
    .execute();
}
