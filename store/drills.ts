import { randomUUID } from 'node:crypto';
import type { Alert } from '../contracts/alert';
import { drillConnection } from '../contracts/drill';
import type { Json } from '../contracts/values';
import { canonicalHash, storableJson } from './canonical';
import { openDrill, type CorrelateOptions } from './correlate';
import { appendJournal, type NewEntry } from './journal';
import { dropHolder, markReleased } from './leases';
import type { ManualRequest } from './schema';
import { inTransaction, type Store, type Tx } from './store';

const KEEP_MS = 7 * 24 * 3_600_000;

/** What stands for a person in the source of a scheduled drill's alerts. No person's id has a slash. */
const scheduled = (id: string): string => `schedule/${id}`;

/** The newest incident of a scheduled drill. */
export async function lastDrillOf({ db }: Store, schedule: string): Promise<string | null> {
  const row = await db
    .selectFrom('alerts')
    .select('incident')
    .where('source', '=', `drill:${scheduled(schedule)}`)
    .where('incident', 'is not', null)
    .orderBy('received_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.incident ?? null;
}

/** The open incident of a scheduled drill, unless it is the one of this key. */
export async function openDrillOf({ db }: Store, schedule: string, key: string): Promise<string | undefined> {
  const source = `drill:${scheduled(schedule)}`;
  const row = await db
    .selectFrom('alerts')
    .innerJoin('incidents', 'number', 'incident')
    .innerJoin('deliveries', 'deliveries.id', 'alerts.delivery_id')
    .select('number')
    .where('alerts.source', '=', source)
    .where('status', '=', 'open')
    .where('delivery_key', '<>', `${source}:${key}`)
    .limit(1)
    .executeTakeFirst();
  return row?.number;
}

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
  const source = `drill:${requested.schedule === undefined ? (requested.person ?? '') : scheduled(requested.schedule)}`;
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
    const incident = await openDrill(tx, members, options, at);
    if (requested.schedule !== undefined) {
      const data = { schedule: requested.schedule, inTheNameOf: requested.person, reason: requested.reason };
      await appendJournal(tx, { incident, at, actor: 'cordon', kind: 'drill_scheduled', data });
    }
    return { kind: 'started', incident, repeated: false };
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
