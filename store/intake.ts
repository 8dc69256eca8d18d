import { randomUUID } from 'node:crypto';
import type { ParsedDelivery } from '../contracts/alert';
import { sha256, storableJson } from './canonical';
import type { ManualRequest } from './schema';
import { inTransaction, type Store } from './store';

const WITH_ID_MS = 7 * 24 * 3_600_000;
/** Without an id, equal bytes are a repeat for ten minutes only: a recurrence days later is news. */
const WITHOUT_ID_MS = 10 * 60_000;

export interface Accepted {
  deliveryId: string;
  alerts: string[];
  duplicate: boolean;
}

/** Stores a delivery and its alerts in one transaction. A repeat changes nothing and gets the same ids. */
export async function acceptDelivery(
  store: Store,
  source: string,
  body: Uint8Array,
  parsed: ParsedDelivery,
  raw: unknown,
  requested?: ManualRequest,
): Promise<Accepted> {
  const at = await store.now();
  const key = `${source}:${parsed.messageId ?? `sha256:${sha256(body)}`}`;
  const expires = new Date(at.getTime() + (parsed.messageId === undefined ? WITHOUT_ID_MS : WITH_ID_MS));
  return inTransaction(store, async (tx) => {
    const id = randomUUID();
    const fresh = await tx
      .insertInto('deliveries')
      .values({ id, source, delivery_key: key, received_at: at, expires_at: expires, alert_ids: '[]' })
      .onConflict((conflict) =>
        conflict
          .column('delivery_key')
          .doUpdateSet({ id, received_at: at, expires_at: expires, alert_ids: '[]' })
          .where('deliveries.expires_at', '<=', at),
      )
      .returning('id')
      .executeTakeFirst();
    if (fresh === undefined) {
      const known = await tx
        .selectFrom('deliveries')
        .select(['id', 'alert_ids'])
        .where('delivery_key', '=', key)
        .executeTakeFirstOrThrow();
      return { deliveryId: known.id, alerts: known.alert_ids, duplicate: true };
    }
    const alerts: string[] = [];
    // Sorted, so that two deliveries with the same alerts lock them in one order.
    for (const alert of [...parsed.alerts].sort((a, b) => a.alertKey.localeCompare(b.alertKey))) {
      const data = JSON.stringify(storableJson(alert));
      const row = await tx
        .insertInto('alerts')
        .values({
          id: randomUUID(),
          alert_key: alert.alertKey,
          source,
          delivery_id: id,
          received_at: at,
          updated_at: at,
          data,
          raw: JSON.stringify(storableJson(parsed.alerts.length === 1 ? raw : null)),
          incident: null,
          seq: null,
          dirty: true,
          requested: requested === undefined ? null : JSON.stringify(storableJson(requested)),
        })
        .onConflict((conflict) =>
          conflict.column('alert_key').doUpdateSet({ data, updated_at: at, dirty: true }),
        )
        .returning('id')
        .executeTakeFirstOrThrow();
      alerts.push(row.id);
    }
    await tx
      .updateTable('deliveries')
      .set({ alert_ids: JSON.stringify(alerts) })
      .where('id', '=', id)
      .execute();
    return { deliveryId: id, alerts, duplicate: false };
  });
}
