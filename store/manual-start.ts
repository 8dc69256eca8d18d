import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Alert } from '../contracts/alert';
import type { ManualStart, Started } from '../contracts/api';
import type { Json } from '../contracts/values';
import { canonicalHash, canonicalJson, storableJson } from './canonical';
import { correlateBatch, type CorrelateOptions } from './correlate';
import { acceptDelivery } from './intake';
import type { Store } from './store';

/** How often, and how long in between, to look for the incident while others correlate too. */
const ROUNDS = 40;
const PAUSE_MS = 25;

/**
 * What a person reports goes the way of every alert: stored as a delivery, correlated, given to a run. The key makes a repeat
 * harmless; without one the same words are a repeat for ten minutes. `reused`: the key stands for another request.
 */
export async function startByHand(
  store: Store,
  input: ManualStart,
  person: string,
  key: string | undefined,
  options: CorrelateOptions,
): Promise<({ kind: 'started' } & Started) | { kind: 'reused' }> {
  const source = `manual:${person}`;
  const { playbook, reason, ...alert } = input;
  const raw = storableJson(JSON.parse(JSON.stringify(input)) as Json);
  const parsed = Alert.parse({
    ...alert,
    alertKey: `${source}:${randomUUID()}`,
    source,
    product: 'cordon',
    description: reason,
    occurredAt: (await store.now()).toISOString(),
  });
  const body = new TextEncoder().encode(canonicalJson(raw));
  const accepted = await acceptDelivery(
    store,
    source,
    body,
    { alerts: [parsed], ...(key === undefined ? {} : { messageId: key }) },
    raw,
    { person, playbook: playbook ?? null, reason },
  );
  const [id = ''] = accepted.alerts;
  if (accepted.duplicate && (await rawHash(store, id)) !== canonicalHash(raw)) return { kind: 'reused' };
  for (let round = 0; ; round++) {
    const found = await incidentOfAlert(store, id);
    if (found !== undefined || round === ROUNDS) {
      return {
        kind: 'started',
        deliveryId: accepted.deliveryId,
        alert: id,
        incident: found?.number ?? null,
        joined: found !== undefined && found.seq > 1,
        playbook: found === undefined ? (playbook ?? null) : found.playbook,
        startedBy: found?.startedBy ?? `person:${person}`,
        repeated: accepted.duplicate,
      };
    }
    await correlateBatch(store, options);
    if (round > 0) await pause(PAUSE_MS);
  }
}

async function rawHash(store: Store, alert: string): Promise<string> {
  const { raw } = await store.db
    .selectFrom('alerts')
    .select('raw')
    .where('id', '=', alert)
    .executeTakeFirstOrThrow();
  return canonicalHash(raw);
}

async function incidentOfAlert(
  store: Store,
  alert: string,
): Promise<{ number: string; seq: number; playbook: string | null; startedBy: string } | undefined> {
  const row = await store.db
    .selectFrom('alerts')
    .innerJoin('incidents', 'incidents.number', 'alerts.incident')
    .select(['number', 'seq', 'playbook', 'started_by'])
    .where('alerts.id', '=', alert)
    .executeTakeFirst();
  return row === undefined
    ? undefined
    : { number: row.number, seq: row.seq ?? 1, playbook: row.playbook, startedBy: row.started_by };
}
