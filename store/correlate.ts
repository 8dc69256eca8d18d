import { sql } from 'kysely';
import type { Alert } from '../contracts/alert';
import type { AssetIndex } from '../contracts/assets';
import { correlationKeys } from '../contracts/correlation';
import { appendJournal, type NewEntry } from './journal';
import { enqueue } from './outbox';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

export interface CorrelateOptions {
  assets: AssetIndex;
  windowMinutes: number;
  policyVersion: string;
}

interface Pending {
  row: Pick<Row<'alerts'>, 'id' | 'incident' | 'received_at'> & { data: Alert };
  keys: string[];
}

const BATCH = 100;

/**
 * Joins a batch of new or updated alerts to incidents, in one transaction. It locks their entities in sorted order, finds the
 * open incidents that know one of them inside the window, joins the oldest and links the others, or opens a new one.
 * Returns how many alerts it took.
 */
export function correlateBatch(store: Store, options: CorrelateOptions): Promise<number> {
  return inTransaction(store, async (tx) => {
    // Dispatchers take turns: side by side they would wait for each other's numbers and incidents all the same, and deadlock.
    await sql`SELECT pg_advisory_xact_lock(hashtext('cordon:correlate'))`.execute(tx);
    const at = await store.now();
    const rows = await tx
      .selectFrom('alerts')
      .select(['id', 'data', 'incident', 'received_at'])
      .where('dirty', '=', true)
      .orderBy('received_at')
      .orderBy('id')
      .limit(BATCH)
      .forUpdate()
      .skipLocked()
      .execute();
    if (rows.length === 0) return 0;
    const pending = rows.map((row): Pending => ({ row, keys: correlationKeys(row.data, options.assets) }));
    await lockEntities(tx, [...new Set(pending.flatMap(({ keys }) => keys))].sort());
    for (const group of unite(pending)) await joinGroup(tx, group, options, at);
    return rows.length;
  });
}

async function lockEntities(tx: Tx, keys: string[]): Promise<void> {
  if (keys.length === 0) return;
  await tx
    .insertInto('entities')
    .values(keys.map((key) => ({ key })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await tx.selectFrom('entities').select('key').where('key', 'in', keys).orderBy('key').forUpdate().execute();
}

/** Alerts of one batch that share a key, directly or over others, belong together whatever their order. */
function unite(pending: readonly Pending[]): Pending[][] {
  const groups: { keys: Set<string>; members: Pending[] }[] = [];
  for (const one of pending) {
    const touching = groups.filter(({ keys }) => one.keys.some((key) => keys.has(key)));
    const merged = {
      keys: new Set([...one.keys, ...touching.flatMap(({ keys }) => [...keys])]),
      members: [...touching.flatMap(({ members }) => members), one],
    };
    for (const old of touching) groups.splice(groups.indexOf(old), 1);
    groups.push(merged);
  }
  return groups.map(({ members }) => members);
}

async function joinGroup(tx: Tx, group: Pending[], options: CorrelateOptions, at: Date): Promise<void> {
  const keys = [...new Set(group.flatMap((one) => one.keys))];
  const since = new Date(at.getTime() - options.windowMinutes * 60_000);
  const already = group.flatMap(({ row }) => row.incident ?? []);
  const candidates = await tx
    .selectFrom('incidents')
    .selectAll()
    .where('status', '=', 'open')
    .where((eb) =>
      eb.or([
        ...(already.length === 0 ? [] : [eb('number', 'in', already)]),
        ...(keys.length === 0
          ? []
          : [
              eb(
                'number',
                'in',
                eb
                  .selectFrom('incident_entities')
                  .select('incident')
                  .where('key', 'in', keys)
                  .where('last_seen', '>=', since),
              ),
            ]),
        sql<boolean>`false`,
      ]),
    )
    .orderBy('number')
    .forUpdate()
    .execute();
  const [oldest, ...others] = candidates;
  const incident = oldest ?? (await openIncident(tx, group, keys, options, since, at));
  const entries: NewEntry[] = [];
  let seq = incident.alert_seq;
  for (const { row } of group) {
    seq += 1;
    await tx
      .updateTable('alerts')
      .set({ incident: incident.number, seq, dirty: false })
      .where('id', '=', row.id)
      .execute();
    const data = {
      alert: row.id,
      alertKey: row.data.alertKey,
      title: row.data.title,
      severity: row.data.severity,
      source: row.data.source,
      update: row.incident === incident.number,
    };
    entries.push({
      incident: incident.number,
      at,
      actor: `source:${row.data.source}`,
      kind: 'alert_joined',
      data,
    });
  }
  for (const other of others) {
    await tx
      .insertInto('incident_links')
      .values({ incident: incident.number, other: other.number, why: 'an alert fits both', at })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    entries.push({
      incident: incident.number,
      at,
      actor: 'cordon',
      kind: 'incident_linked',
      data: { other: other.number },
    });
  }
  if (keys.length > 0) {
    await tx
      .insertInto('incident_entities')
      .values(keys.map((key) => ({ incident: incident.number, key, last_seen: at })))
      .onConflict((conflict) => conflict.columns(['key', 'incident']).doUpdateSet({ last_seen: at }))
      .execute();
  }
  const severity = Math.max(incident.severity, ...group.map(({ row }) => row.data.severity));
  // In a storm one signal at most is outstanding: when the run gets to it, it reads all that is there by then.
  const isTold = incident.signalled_seq > incident.seen_seq;
  await tx
    .updateTable('incidents')
    .set({
      alert_seq: seq,
      severity,
      last_alert_at: at,
      updated_at: at,
      ...(isTold ? {} : { signalled_seq: seq, signalled_at: at }),
    })
    .where('number', '=', incident.number)
    .execute();
  await appendJournal(tx, ...entries);
  if (!isTold) await enqueue(tx, 'start_or_signal', incident.number, {}, at);
}

const SIGNAL_AGAIN_MS = 10 * 60_000;
const AGAIN_BATCH = 50;

/**
 * Tells runs again of alerts that they have not read for ten minutes: a signal that Temporal took may be lost with its database,
 * and then nothing else would ever wake or start that run. Returns how many.
 */
export function signalAgain(store: Store): Promise<number> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const rows = await tx
      .selectFrom('incidents')
      .select(['number', 'alert_seq'])
      .where('status', '=', 'open')
      .whereRef('alert_seq', '>', 'seen_seq')
      .where('signalled_at', '<', new Date(at.getTime() - SIGNAL_AGAIN_MS))
      .orderBy('signalled_at')
      .limit(AGAIN_BATCH)
      .forUpdate()
      .skipLocked()
      .execute();
    for (const { number, alert_seq } of rows) {
      await tx
        .updateTable('incidents')
        .set({ signalled_seq: alert_seq, signalled_at: at })
        .where('number', '=', number)
        .execute();
      await enqueue(tx, 'start_or_signal', number, {}, at);
    }
    return rows.length;
  });
}

async function openIncident(
  tx: Tx,
  group: Pending[],
  keys: string[],
  options: CorrelateOptions,
  since: Date,
  at: Date,
): Promise<Row<'incidents'>> {
  const year = at.getUTCFullYear();
  const { last } = await tx
    .insertInto('incident_counters')
    .values({ year, last: 1 })
    .onConflict((conflict) =>
      conflict.column('year').doUpdateSet((eb) => ({ last: eb('incident_counters.last', '+', 1) })),
    )
    .returning('last')
    .executeTakeFirstOrThrow();
  const number = `INC-${String(year)}-${String(last).padStart(6, '0')}`;
  const worst = group.reduce((a, b) => (b.row.data.severity > a.row.data.severity ? b : a));
  const closed =
    keys.length === 0
      ? undefined
      : await tx
          .selectFrom('incident_entities')
          .innerJoin('incidents', 'incidents.number', 'incident_entities.incident')
          .select('number')
          .where('key', 'in', keys)
          .where('last_seen', '>=', since)
          .where('status', '=', 'closed')
          .orderBy('number', 'desc')
          .limit(1)
          .executeTakeFirst();
  const row = await tx
    .insertInto('incidents')
    .values({
      number,
      title: worst.row.data.title,
      status: 'open',
      mode: 'live',
      phase: 'detected',
      severity: worst.row.data.severity,
      policy_version: options.policyVersion,
      playbook: null,
      started_by: `source:${worst.row.data.source}`,
      opened_at: at,
      updated_at: at,
      last_alert_at: at,
      verdict: null,
      attention: null,
      reopens: closed?.number ?? null,
      alert_seq: 0,
      signalled_seq: 0,
      summary: '{}',
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await appendJournal(tx, {
    incident: number,
    at,
    actor: 'cordon',
    kind: 'incident_opened',
    data: { title: row.title, severity: row.severity, policy: options.policyVersion, reopens: row.reopens },
  });
  return row;
}
