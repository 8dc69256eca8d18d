import { sql } from 'kysely';
import type { Alert } from '../contracts/alert';
import type { AssetIndex } from '../contracts/assets';
import { correlationKeys, resolveScope, soughtKeys, targetKeys } from '../contracts/correlation';
import { drillTitle } from '../contracts/drill';
import { noteAsker } from './askers';
import { appendJournal, type NewEntry } from './journal';
import { enqueue } from './outbox';
import type { ManualRequest, Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

export interface CorrelateOptions {
  assets: AssetIndex;
  windowMinutes: number;
  policyVersion: string;
}

interface Pending {
  row: Pick<Row<'alerts'>, 'id' | 'incident' | 'received_at' | 'requested'> & { data: Alert };
  /** What the incident will know it by. */
  keys: string[];
  /** What it looks for incidents by; its keys when left out. */
  seeks?: string[];
}

const BATCH = 100;
/** Rows of one INSERT; PostgreSQL takes 65,535 values a statement. */
const ROWS = 10_000;

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
      .select(['id', 'data', 'incident', 'received_at', 'requested'])
      .where('dirty', '=', true)
      .orderBy('received_at')
      .orderBy('id')
      .limit(BATCH)
      .forUpdate()
      .skipLocked()
      .execute();
    if (rows.length === 0) return 0;
    const pending = rows.map((row): Pending => ({
      row,
      keys: correlationKeys(row.data, options.assets),
      seeks: soughtKeys(row.data, options.assets),
    }));
    await lockEntities(tx, [...new Set(pending.flatMap((one) => [...one.keys, ...seeksOf(one)]))].sort());
    const news = await setAside(tx, pending, at);
    for (const group of unite(news)) await joinGroup(tx, group, options, at);
    return rows.length;
  });
}

const seeksOf = ({ keys, seeks }: Pending): string[] => seeks ?? keys;

function* slices<T>(all: readonly T[]): Generator<T[]> {
  for (let from = 0; from < all.length; from += ROWS) yield all.slice(from, from + ROWS);
}

async function lockEntities(tx: Tx, keys: string[]): Promise<void> {
  if (keys.length === 0) return;
  for (const some of slices(keys))
    await tx
      .insertInto('entities')
      .values(some.map((key) => ({ key })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  for (const some of slices(keys)) await lockRows(tx, some);
}

async function lockRows(tx: Tx, keys: string[]): Promise<void> {
  await tx.selectFrom('entities').select('key').where('key', 'in', keys).orderBy('key').forUpdate().execute();
}

/** What a product says is over, of an incident that is closed, opens nothing: it is noted there. */
async function setAside(tx: Tx, pending: readonly Pending[], at: Date): Promise<Pending[]> {
  const over = pending.filter(({ row }) => row.data.resolved && row.incident !== null);
  if (over.length === 0) return [...pending];
  const closed = await tx
    .selectFrom('incidents')
    .select('number')
    .where(
      'number',
      'in',
      over.flatMap(({ row }) => row.incident ?? []),
    )
    .where('status', '=', 'closed')
    .execute();
  const noted = over.filter(({ row }) => closed.some(({ number }) => number === row.incident));
  for (const { row } of noted) {
    await tx.updateTable('alerts').set({ dirty: false }).where('id', '=', row.id).execute();
    await appendJournal(tx, {
      incident: row.incident ?? '',
      at,
      actor: `source:${row.data.source}`,
      kind: 'note_added',
      data: { text: 'The product says that it is over.', alert: row.id, alertKey: row.data.alertKey },
    });
  }
  return pending.filter((one) => !noted.includes(one));
}

/** Alerts of one batch that share a key, directly or over others, belong together whatever their order. */
function unite(pending: readonly Pending[]): Pending[][] {
  const groups: { keys: Set<string>; seeks: Set<string>; members: Pending[] }[] = [];
  for (const one of pending) {
    const touching = groups.filter(
      ({ keys, seeks }) =>
        seeksOf(one).some((key) => keys.has(key)) || one.keys.some((key) => seeks.has(key)),
    );
    const merged = {
      keys: new Set([...one.keys, ...touching.flatMap(({ keys }) => [...keys])]),
      seeks: new Set([...seeksOf(one), ...touching.flatMap(({ seeks }) => [...seeks])]),
      members: [...touching.flatMap(({ members }) => members), one],
    };
    for (const old of touching) groups.splice(groups.indexOf(old), 1);
    groups.push(merged);
  }
  return groups.map(({ members }) => members);
}

async function joinGroup(tx: Tx, group: Pending[], options: CorrelateOptions, at: Date): Promise<void> {
  const since = new Date(at.getTime() - options.windowMinutes * 60_000);
  const sought = [...new Set(group.flatMap(seeksOf))];
  const already = group.flatMap(({ row }) => row.incident ?? []);
  const candidates = await tx
    .selectFrom('incidents')
    .selectAll()
    .where('status', '=', 'open')
    .where('mode', '=', 'live')
    .where((eb) =>
      eb.or([
        ...(already.length === 0 ? [] : [eb('number', 'in', already)]),
        ...(sought.length === 0
          ? []
          : [
              eb(
                'number',
                'in',
                eb
                  .selectFrom('incident_entities')
                  .select('incident')
                  .where('key', 'in', sought)
                  .where('last_seen', '>=', since),
              ),
            ]),
        sql<boolean>`false`,
      ]),
    )
    .orderBy('number')
    .forUpdate()
    .execute();
  const [oldest = await openIncident(tx, group, sought, options, since, at), ...others] = candidates;
  // An update stays with its alert's incident while that is open: what a person detached does not come back by itself.
  const stays = (one: Pending) => others.find(({ number }) => number === one.row.incident);
  const joining = group.filter((one) => stays(one) === undefined);
  for (const other of others)
    await joinIncident(
      tx,
      other,
      group.filter((one) => stays(one) === other),
      [],
      options,
      at,
    );
  await joinIncident(tx, oldest, joining, others, options, at);
}

/** Makes alerts members of an incident, says which others they would have fitted, and tells the run. */
async function joinIncident(
  tx: Tx,
  incident: Row<'incidents'>,
  members: readonly Pending[],
  others: readonly Row<'incidents'>[],
  { assets }: CorrelateOptions,
  at: Date,
): Promise<void> {
  if (members.length === 0) return;
  const keys = [...new Set(members.flatMap((one) => one.keys))];
  const isFirst = incident.alert_seq === 0;
  const entries: NewEntry[] = isFirst ? [opening(incident, at)] : [];
  let seq = incident.alert_seq;
  for (const { row } of members) {
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
      ...(row.requested === null ? {} : { reason: row.requested.reason }),
    };
    const asker = row.requested?.person;
    if (typeof asker === 'string') await noteAsker(tx, incident.number, asker, at);
    const actor = row.requested === null ? `source:${row.data.source}` : whoAsked(row.requested);
    entries.push({ incident: incident.number, at, actor, kind: 'alert_joined', data });
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
  await knowEntities(tx, incident.number, keys, at);
  if (incident.target_seq > 0) await forgetRemoved(tx, incident.number);
  await takeBackDetached(
    tx,
    incident.number,
    members.flatMap(({ row }) => targetKeys(resolveScope(row.data, assets))),
  );
  const severity = Math.max(incident.severity, ...members.map(({ row }) => row.data.severity));
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
  if (!isTold) await enqueue(tx, 'start_or_signal', incident.number, { first: isFirst }, at);
}

/** From now on alerts about these join the incident, inside the window. */
export async function knowEntities(
  tx: Tx,
  incident: string,
  keys: readonly string[],
  at: Date,
): Promise<void> {
  for (const some of slices(keys))
    await tx
      .insertInto('incident_entities')
      .values(some.map((key) => ({ incident, key, last_seen: at })))
      .onConflict((conflict) => conflict.columns(['key', 'incident']).doUpdateSet({ last_seen: at }))
      .execute();
}

/** Another alert brings these targets again: the incident's run may act on them once more, unless a person took them out. */
async function takeBackDetached(tx: Tx, incident: string, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await tx
    .deleteFrom('detached_targets')
    .where('incident', '=', incident)
    .where('target_key', 'in', keys)
    .where('person', 'is', null)
    .execute();
}

/** An alert that names what a person took out beside other things does not make later alerts about it join again. */
async function forgetRemoved(tx: Tx, incident: string): Promise<void> {
  await sql`
    DELETE FROM incident_entities WHERE incident = ${incident} AND key IN (
      SELECT jsonb_array_elements_text(keys) FROM detached_targets
      WHERE incident = ${incident} AND person IS NOT NULL)`.execute(tx);
}

/** Opens an incident for one alert whatever else it would fit, and makes it a member. Returns the number. */
export async function openForAlert(
  tx: Tx,
  row: Pending['row'],
  options: CorrelateOptions,
  at: Date,
): Promise<string> {
  const one = { row, keys: correlationKeys(row.data, options.assets) };
  const incident = await openIncident(tx, [one], [], options, at, at);
  await joinIncident(tx, incident, [one], [], options, at);
  return incident.number;
}

/**
 * Opens a drill for these alerts. It is known by none of their entities: no alert ever joins it, and it joins nothing. Returns the
 * number.
 */
export async function openDrill(
  tx: Tx,
  rows: readonly Pending['row'][],
  options: CorrelateOptions,
  at: Date,
): Promise<string> {
  const group = rows.map((row): Pending => ({ row, keys: [] }));
  const incident = await openIncident(tx, group, [], options, at, at, 'drill');
  await joinIncident(tx, incident, group, [], options, at);
  return incident.number;
}

/**
 * The run has seen the alerts up to this one. What joined while it was being told of them is signalled now: until here it counted as
 * told.
 */
export async function noteSeen(store: Store, number: string, seq: number): Promise<void> {
  const seen = store.db
    .updateTable('incidents')
    .set({ seen_seq: seq })
    .where('number', '=', number)
    .where('seen_seq', '<', seq);
  const { numUpdatedRows } = await seen.where('alert_seq', '<=', seq).executeTakeFirstOrThrow();
  if (numUpdatedRows === 1n) return;
  await inTransaction(store, async (tx) => {
    const at = await store.now();
    const { rows } = await sql`
      UPDATE incidents SET seen_seq = ${seq}, signalled_seq = alert_seq, signalled_at = ${at}
      WHERE number = ${number} AND seen_seq < ${seq} RETURNING number`.execute(tx);
    if (rows.length === 1) await enqueue(tx, 'start_or_signal', number, {}, at);
  });
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

/** A person, or the schedule that started a drill in nobody's name. */
const whoAsked = ({ person, schedule = '' }: ManualRequest): string =>
  person === null ? `schedule:${schedule}` : `person:${person}`;

async function openIncident(
  tx: Tx,
  group: Pending[],
  keys: string[],
  options: CorrelateOptions,
  since: Date,
  at: Date,
  mode: 'live' | 'drill' = 'live',
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
  // The incident that an alert was in before it was updated, else the newest one that knew an entity.
  const before = group.flatMap(({ row }) => row.incident ?? []).sort();
  const requested = group.find(({ row }) => row.requested !== null)?.row.requested ?? null;
  const closed =
    before.length > 0 || keys.length === 0
      ? before.map((one) => ({ number: one })).at(-1)
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
  return tx
    .insertInto('incidents')
    .values({
      number,
      title: mode === 'drill' ? drillTitle(worst.row.data.title) : worst.row.data.title,
      status: 'open',
      mode,
      phase: 'detected',
      severity: worst.row.data.severity,
      policy_version: options.policyVersion,
      playbook: requested?.playbook ?? null,
      started_by: requested === null ? `source:${worst.row.data.source}` : whoAsked(requested),
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
}

const opening = (row: Row<'incidents'>, at: Date): NewEntry => ({
  incident: row.number,
  at,
  actor: 'cordon',
  kind: 'incident_opened',
  data: {
    title: row.title,
    severity: row.severity,
    policy: row.policy_version,
    reopens: row.reopens,
    startedBy: row.started_by,
    ...(row.mode === 'drill' ? { drill: true } : {}),
  },
});
