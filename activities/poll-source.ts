import { randomUUID } from 'node:crypto';
import type { Alert } from '../contracts/alert';
import type { JsonObject } from '../contracts/values';
import { canonicalJson, storableJson } from '../store/canonical';
import { inTransaction, type Tx } from '../store/store';
import { asCordonError } from './effect';
import type { RunnerDeps } from './runner-types';

const POLL_TIMEOUT_MS = 30_000;
const DELIVERY_DAYS = 7;

type Polled = { alert: Alert; raw: JsonObject }[];

/**
 * Polls a connection once and stores what it brought as one delivery, together with the cursor: neither is ever ahead of the
 * other. A round that dies before that is read again by the next. A round that another one has overtaken stores nothing.
 */
export async function pollSource(
  deps: Pick<RunnerDeps, 'store' | 'connections' | 'log'>,
  id: string,
  cancelled?: AbortSignal,
): Promise<{ alerts: number }> {
  try {
    return await poll(deps, id, cancelled);
  } catch (error) {
    const { type, message } = asCordonError(error);
    deps.log.warn({ connection: id, type, message }, 'a poll failed; it is tried again');
    // When SQL is what failed, the log has to do.
    await noteFailure(deps, id, `${type}: ${message}`).catch(() => undefined);
    throw error;
  }
}

async function poll(
  { store, connections, log }: Pick<RunnerDeps, 'store' | 'connections' | 'log'>,
  id: string,
  cancelled: AbortSignal | undefined,
): Promise<{ alerts: number }> {
  const connection = connections.connection(id);
  if (connection.poll === undefined) {
    log.warn({ connection: id }, 'this connection brings no alerts: take its pollSeconds away');
    return { alerts: 0 };
  }
  const row = await store.db
    .selectFrom('poll_cursors')
    .select('cursor')
    .where('connection', '=', id)
    .executeTakeFirst();
  const before = row?.cursor ?? null;
  const limit = AbortSignal.timeout(POLL_TIMEOUT_MS);
  const signal = cancelled === undefined ? limit : AbortSignal.any([cancelled, limit]);
  const { alerts, cursor } = await connection.poll(before, signal);
  const at = await store.now();
  return inTransaction(store, async (tx) => {
    if (!(await moveCursor(tx, id, before, cursor, at))) {
      log.warn({ connection: id }, 'a poll was overtaken by another one and stores nothing');
      return { alerts: 0 };
    }
    if (alerts.length > 0) await storeAlerts(tx, id, alerts, at);
    return { alerts: alerts.length };
  });
}

/** Moves the cursor on from where this round began; false when it is no longer there. */
async function moveCursor(
  tx: Tx,
  connection: string,
  before: JsonObject | null,
  cursor: JsonObject,
  at: Date,
): Promise<boolean> {
  const next = { cursor: JSON.stringify(cursor), polled_at: at, failures: 0, error: null };
  await tx
    .insertInto('poll_cursors')
    .values({ connection, cursor: null, polled_at: null, failures: 0, error: null })
    .onConflict((conflict) => conflict.column('connection').doNothing())
    .execute();
  const row = await tx
    .selectFrom('poll_cursors')
    .select('cursor')
    .where('connection', '=', connection)
    .forUpdate()
    .executeTakeFirstOrThrow();
  if (canonicalJson(row.cursor) !== canonicalJson(before)) return false;
  await tx.updateTable('poll_cursors').set(next).where('connection', '=', connection).execute();
  return true;
}

async function storeAlerts(tx: Tx, source: string, alerts: Polled, at: Date): Promise<void> {
  const delivery = randomUUID();
  const ids: string[] = [];
  // Sorted, so that two deliveries with the same alerts lock them in one order.
  for (const { alert, raw } of [...alerts].sort((a, b) => a.alert.alertKey.localeCompare(b.alert.alertKey))) {
    const data = JSON.stringify(storableJson(alert));
    const row = await tx
      .insertInto('alerts')
      .values({
        id: randomUUID(),
        alert_key: alert.alertKey,
        source,
        delivery_id: delivery,
        received_at: at,
        updated_at: at,
        data,
        raw: JSON.stringify(storableJson(raw)),
        incident: null,
        seq: null,
        dirty: true,
      })
      .onConflict((conflict) =>
        conflict.column('alert_key').doUpdateSet({ data, updated_at: at, dirty: true }),
      )
      .returning('id')
      .executeTakeFirstOrThrow();
    ids.push(row.id);
  }
  const expires = new Date(at.getTime() + DELIVERY_DAYS * 86_400_000);
  await tx
    .insertInto('deliveries')
    .values({
      id: delivery,
      source,
      delivery_key: `${source}:poll:${delivery}`,
      received_at: at,
      expires_at: expires,
      alert_ids: JSON.stringify(ids),
    })
    .execute();
}

/** Counts a failed round where metrics find it; the next that succeeds sets the count back. */
async function noteFailure(
  { store }: Pick<RunnerDeps, 'store'>,
  connection: string,
  error: string,
): Promise<void> {
  await store.db
    .insertInto('poll_cursors')
    .values({ connection, cursor: null, polled_at: null, failures: 1, error: error.slice(0, 2000) })
    .onConflict((conflict) =>
      conflict.column('connection').doUpdateSet((eb) => ({
        failures: eb('poll_cursors.failures', '+', 1),
        error: error.slice(0, 2000),
      })),
    )
    .execute();
}
