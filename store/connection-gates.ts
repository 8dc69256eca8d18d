import { sql } from 'kysely';
import type { ConnectionConfig } from '../contracts/config';
import { SYSTEM_CHAIN } from '../contracts/journal';
import { appendJournal } from './journal';
import { inTransaction, type Store } from './store';

type RateLimit = NonNullable<ConnectionConfig['rateLimit']>;
type Breaker = NonNullable<ConnectionConfig['breaker']>;

/** A trial that nobody has heard of for so long was its process's last. */
const TRIAL_MS = 60_000;

/**
 * Takes one call of a limit that all processes share; there are never more than `calls` in any `perSeconds`. Returns 0, or in how
 * many ms one will be free.
 */
export async function takeCall(
  { db }: Store,
  connection: string,
  { calls, perSeconds }: RateLimit,
  at: Date,
): Promise<number> {
  const since = new Date(at.getTime() - perSeconds * 1000);
  const taken = await sql`
    INSERT INTO connection_limits AS l (connection, taken) VALUES (${connection}, ARRAY[${at}::timestamptz])
    ON CONFLICT (connection) DO UPDATE
      SET taken = ARRAY(SELECT t FROM unnest(l.taken) t WHERE t > ${since}::timestamptz) || ${at}::timestamptz
      WHERE (SELECT count(*) FROM unnest(l.taken) t WHERE t > ${since}::timestamptz) < ${calls}
    RETURNING connection`.execute(db);
  if (taken.rows.length > 0) return 0;
  const { rows } = await sql<{ first: Date | null }>`
    SELECT (SELECT min(t) FROM unnest(taken) t WHERE t > ${since}::timestamptz) AS first
    FROM connection_limits WHERE connection = ${connection}`.execute(db);
  const first = rows[0]?.first ?? at;
  return Math.max(1, first.getTime() + perSeconds * 1000 - at.getTime());
}

/** A connection's breaker: how many calls in a row have failed, and since when it lets none through. */
export interface Circuit {
  readonly failures: number;
  readonly openedAt: Date | null;
}
export const CLOSED: Circuit = { failures: 0, openedAt: null };

/** As all processes have it. */
export async function readCircuit({ db }: Store, connection: string): Promise<Circuit> {
  const row = await db
    .selectFrom('connection_breakers')
    .select(['failures', 'opened_at'])
    .where('connection', '=', connection)
    .executeTakeFirst();
  return row === undefined ? CLOSED : { failures: row.failures, openedAt: row.opened_at };
}

/** Counts a call that the product did not answer; the last of too many opens the circuit, journaled once. */
export function noteFailure(
  store: Store,
  connection: string,
  { failures: most, withinSeconds }: Breaker,
  why: string,
): Promise<Circuit> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    await tx
      .insertInto('connection_breakers')
      .values({ connection, failures: 0, failing_since: at, last_error: why })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const row = await tx
      .selectFrom('connection_breakers')
      .selectAll()
      .where('connection', '=', connection)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const isOld = at.getTime() - row.failing_since.getTime() > withinSeconds * 1000;
    const startsAnew = isOld && row.opened_at === null;
    const failures = startsAnew ? 1 : row.failures + 1;
    const opens = row.opened_at !== null || failures >= most;
    const openedAt = opens ? at : null;
    await tx
      .updateTable('connection_breakers')
      .set({
        failures,
        failing_since: startsAnew ? at : row.failing_since,
        // A trial that failed: it stays open as long again.
        opened_at: openedAt,
        trial_at: null,
        last_error: why,
      })
      .where('connection', '=', connection)
      .execute();
    if (opens && row.opened_at === null)
      await appendJournal(tx, {
        incident: SYSTEM_CHAIN,
        at,
        actor: 'cordon',
        kind: 'circuit_opened',
        data: { connection, failures, message: why },
      });
    return { failures, openedAt };
  });
}

/** The product answers: nothing is counted against it any more. */
export function noteAnswer(store: Store, connection: string): Promise<void> {
  return inTransaction(store, async (tx) => {
    const row = await tx
      .deleteFrom('connection_breakers')
      .where('connection', '=', connection)
      .returning('opened_at')
      .executeTakeFirst();
    if (row === undefined || row.opened_at === null) return;
    await appendJournal(tx, {
      incident: SYSTEM_CHAIN,
      at: await store.now(),
      actor: 'cordon',
      kind: 'circuit_closed',
      data: { connection, since: row.opened_at.toISOString() },
    });
  });
}

/** Takes the one call that tries an open circuit; false while another process tries it. */
export async function takeTrial({ db }: Store, connection: string, at: Date): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('connection_breakers')
    .set({ trial_at: at })
    .where('connection', '=', connection)
    .where('opened_at', 'is not', null)
    .where((eb) =>
      eb.or([eb('trial_at', 'is', null), eb('trial_at', '<', new Date(at.getTime() - TRIAL_MS))]),
    )
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}
