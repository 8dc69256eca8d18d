import { randomUUID } from 'node:crypto';
import type { Alert } from '../contracts/alert';
import { drillConnection } from '../contracts/drill';
import type { Json } from '../contracts/values';
import { canonicalHash, storableJson } from './canonical';
import { openDrill, type CorrelateOptions } from './correlate';
import type { NewEntry } from './journal';
import { dropHolder, markReleased } from './leases';
import type { ManualRequest } from './schema';
import { inTransaction, type Store, type Tx } from './store';

const KEEP_MS = 7 * 24 * 3_600_000;

/** What a person has drilled. */
export interface DrillOrder {
  alerts: readonly Alert[];
  /** As it was asked for. */
  raw: Json;
  requested: ManualRequest & { playbook: string };
  /** The same key is the same drill for a week. */
  key: string | undefined;
}

/**
 * Opens a drill with alerts of its own, which no source can update, and has its run started. Nothing is correlated. `reused`: the key
 * stands for another request.
 */
export function startDrill(
  store: Store,
  { alerts, raw, requested, key = randomUUID() }: DrillOrder,
  options: CorrelateOptions,
): Promise<{ kind: 'started'; incident: string; repeated: boolean } | { kind: 'reused' }> {
  const source = `drill:${requested.person}`;
  const asked = storableJson(raw);
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const delivery = randomUUID();
    const fresh = await tx
      .insertInto('deliveries')
      .values({
        id: delivery,
        source,
        delivery_key: `${source}:${key}`,
        received_at: at,
        expires_at: new Date(at.getTime() + KEEP_MS),
        alert_ids: '[]',
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    if (fresh === undefined) return repeated(tx, `${source}:${key}`, asked);
    const rows = alerts.map((alert) => {
      const id = randomUUID();
      return { id, data: { ...alert, alertKey: `${source}:${id}`, source } };
    });
    await tx
      .insertInto('alerts')
      .values(
        rows.map(({ id, data }) => ({
          id,
          alert_key: data.alertKey,
          source,
          delivery_id: delivery,
          received_at: at,
          updated_at: at,
          data: JSON.stringify(storableJson(data)),
          raw: JSON.stringify(asked),
          incident: null,
          seq: null,
          dirty: false,
          requested: JSON.stringify(storableJson(requested)),
        })),
      )
      .execute();
    await tx
      .updateTable('deliveries')
      .set({ alert_ids: JSON.stringify(rows.map(({ id }) => id)) })
      .where('id', '=', delivery)
      .execute();
    const members = rows.map(({ id, data }) => ({ id, data, incident: null, received_at: at, requested }));
    return { kind: 'started', incident: await openDrill(tx, members, options, at), repeated: false };
  });
}

/** What a drill pretended ends with it, unless another drill holds it too. Returns what to journal in the same transaction. */
export async function endPretence(tx: Tx, incident: string, at: Date): Promise<NewEntry[]> {
  const held = await tx
    .selectFrom('leases')
    .innerJoin('lease_holders', 'lease_id', 'leases.id')
    .select(['leases.id', 'action', 'target_key'])
    .where('incident', '=', incident)
    .where('lease_holders.released_at', 'is', null)
    .where('status', '<>', 'released')
    .where('connection', 'like', drillConnection('%'))
    .orderBy('leases.id')
    .forUpdate('leases')
    .execute();
  const entries: NewEntry[] = [];
  for (const { id, action, target_key: target } of held) {
    const isLast = (await dropHolder(tx, id, incident, at)) === 0;
    if (isLast) await markReleased(tx, id, at);
    const kind = isLast ? 'lease_released' : 'lease_holder_released';
    const data = { lease: id, action, target, simulated: true, reason: 'the drill has ended' };
    entries.push({ incident, at, actor: 'cordon', kind, data });
  }
  return entries;
}

async function repeated(
  tx: Tx,
  deliveryKey: string,
  asked: Json,
): Promise<{ kind: 'started'; incident: string; repeated: true } | { kind: 'reused' }> {
  const { incident, raw } = await tx
    .selectFrom('deliveries')
    .innerJoin('alerts', 'alerts.delivery_id', 'deliveries.id')
    .select(['incident', 'raw'])
    .where('delivery_key', '=', deliveryKey)
    .limit(1)
    .executeTakeFirstOrThrow();
  if (incident === null || canonicalHash(raw) !== canonicalHash(asked)) return { kind: 'reused' };
  return { kind: 'started', incident, repeated: true };
}
