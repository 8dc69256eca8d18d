import type { JournalKind } from '../contracts/journal';
import type { JsonObject } from '../contracts/values';
import { isDrillConnection } from '../contracts/drill';
import { appendJournal } from './journal';
import { settleAttention } from './lease-attention';
import { dropHolder, holdersOf } from './leases';
import { enqueue } from './outbox';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

const MAX_EXTENSION_MS = 366 * 86_400_000;

/** Who asks, and why: both are journaled. */
export interface Asked {
  by: string;
  reason: string;
}
/** What became of a change; `unchanged` where it was so already. */
export type Changed<T> =
  | ({ kind: 'changed' | 'unchanged' } & T)
  | { kind: 'not_found'; what: string }
  | { kind: 'refused'; why: string };

const lockLease = (tx: Tx, id: string): Promise<Row<'leases'> | undefined> =>
  tx.selectFrom('leases').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();

function notInForce(
  lease: Row<'leases'> | undefined,
): Exclude<Changed<object>, { kind: 'changed' | 'unchanged' }> | undefined {
  if (lease === undefined) return { kind: 'not_found', what: 'containment' };
  if (lease.status === 'in_force') return undefined;
  return {
    kind: 'refused',
    why: lease.status === 'released' ? 'It is released already.' : 'It is being released.',
  };
}

/** Its inverse is claimed and not settled: that may end it, whoever holds it by then. */
async function isBeingEnded(
  tx: Tx,
  { connection, inverse, target_key: target }: Row<'leases'>,
): Promise<boolean> {
  const claim = await tx
    .selectFrom('claims')
    .select('action_key')
    .where('connection', '=', connection)
    .where('action', '=', inverse)
    .where('target_key', '=', target)
    .where('state', '<>', 'done')
    .limit(1)
    .executeTakeFirst();
  return claim !== undefined;
}

async function tell(
  tx: Tx,
  incidents: readonly string[],
  at: Date,
  { by, reason }: Asked,
  kind: JournalKind,
  data: JsonObject,
): Promise<void> {
  for (const incident of [...incidents].sort())
    await appendJournal(tx, { incident, at, actor: by, kind, data: { ...data, reason } });
}

/** Lets a lease stand until then. Never shortens it: that is a release's to do. Asked again, it is `unchanged`. */
export function extendLease(
  store: Store,
  leaseId: string,
  until: Date,
  asked: Asked,
): Promise<Changed<{ expiresAt: string | null }>> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const lease = await lockLease(tx, leaseId);
    const not = notInForce(lease);
    if (lease === undefined || not !== undefined) return not ?? { kind: 'not_found', what: 'containment' };
    if (until <= at) return { kind: 'refused', why: 'That time has passed.' };
    if (until.getTime() - at.getTime() > MAX_EXTENSION_MS)
      return { kind: 'refused', why: 'That is more than a year away.' };
    const expiresAt = lease.expires_at?.toISOString() ?? null;
    if (lease.expires_at === null || lease.expires_at >= until) return { kind: 'unchanged', expiresAt };
    await tx
      .updateTable('leases')
      .set({ expires_at: until, extensions: 0, asked_at: null })
      .where('id', '=', leaseId)
      .execute();
    const holders = await holdersOf(tx, leaseId);
    await tell(tx, holders, at, asked, 'lease_extended', {
      lease: leaseId,
      action: lease.action,
      target: lease.target_key,
      until: until.toISOString(),
    });
    await settleAttention(tx, lease, holders);
    return { kind: 'changed', expiresAt: until.toISOString() };
  });
}

/**
 * Hands the hold of one incident over to another, which must be open. Nothing changes at the product. Asked again, it is
 * `unchanged`.
 */
export function transferLease(
  store: Store,
  leaseId: string,
  { from, to }: { from?: string | undefined; to: string },
  asked: Asked,
): Promise<Changed<{ holders: string[] }>> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const lease = await lockLease(tx, leaseId);
    const not = notInForce(lease);
    if (lease === undefined || not !== undefined) return not ?? { kind: 'not_found', what: 'containment' };
    const incident = await tx
      .selectFrom('incidents')
      .select(['status', 'mode'])
      .where('number', '=', to)
      .executeTakeFirst();
    if (incident === undefined) return { kind: 'not_found', what: 'incident' };
    if (isDrillConnection(lease.connection) !== (incident.mode === 'drill'))
      return { kind: 'refused', why: 'Nothing goes from a drill to what is live, or the other way.' };
    if (await isBeingEnded(tx, lease))
      return { kind: 'refused', why: 'Its release is under way: try again when that has ended.' };
    const holders = await holdersOf(tx, leaseId);
    const others = holders.filter((holder) => holder !== to);
    const giver = from ?? (others.length === 1 ? others[0] : undefined);
    if (holders.includes(to) && (giver === undefined ? others.length === 0 : !holders.includes(giver)))
      return { kind: 'unchanged', holders };
    if (giver === undefined)
      return { kind: 'refused', why: `Several incidents hold it: name one of ${others.join(', ')} as from.` };
    if (!holders.includes(giver)) return { kind: 'refused', why: `${giver} does not hold it.` };
    if (giver === to) return { kind: 'unchanged', holders };
    if (incident.status !== 'open') return { kind: 'refused', why: `${to} is closed.` };
    await tx
      .insertInto('lease_holders')
      .values({ lease_id: leaseId, incident: to, acquired_at: at, reason: asked.reason })
      .onConflict((conflict) =>
        conflict.columns(['lease_id', 'incident']).doUpdateSet({ released_at: null, acquired_at: at }),
      )
      .execute();
    await dropHolder(tx, leaseId, giver, at);
    await tell(tx, [giver, to], at, asked, 'lease_transferred', {
      lease: leaseId,
      action: lease.action,
      target: lease.target_key,
      from: giver,
      to,
    });
    await settleAttention(tx, lease, [giver]);
    return { kind: 'changed', holders: await holdersOf(tx, leaseId) };
  });
}

/** Which leases a person wants released: of a target under any of its names, or every one. */
export type Which = { target: string } | { all: true };

/**
 * Asks for the release of all these leases, whoever holds them; the outbox starts each by itself. One whose release waits there
 * already is not asked for twice. Returns how many are being released.
 */
export function requestReleases(store: Store, which: Which, asked: Asked): Promise<number> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const rows = await tx
      .selectFrom('leases')
      .select(['id', 'target_kind', 'target_key', 'target_label'])
      .where('status', '<>', 'released')
      .orderBy('created_at', 'desc')
      .execute();
    const meant = rows.filter((row) => 'all' in which || isNamed(row, which.target));
    const waiting = await tx
      .selectFrom('outbox')
      .select('key')
      .where('kind', '=', 'release_lease')
      .where('done_at', 'is', null)
      .execute();
    const known = new Set(waiting.map(({ key }) => key));
    for (const { id } of meant.filter((row) => !known.has(row.id)))
      await enqueue(tx, 'release_lease', id, { leaseId: id, ...asked }, at);
    return meant.length;
  });
}

/** By its key, by the name in it, or by what people read. A host's files and processes are the host's. */
function isNamed(
  {
    target_kind: kind,
    target_key: key,
    target_label: label,
  }: Pick<Row<'leases'>, 'target_kind' | 'target_key' | 'target_label'>,
  target: string,
): boolean {
  const wanted = target.trim().toLowerCase();
  const name = key.slice(key.indexOf(':') + 1);
  const isOnHost = kind === 'file' || kind === 'process';
  const host = isOnHost ? name.slice(0, name.indexOf('/')) : undefined;
  return [key, name, label, ...(host === undefined ? [] : [host, `host:${host}`])].some(
    (one) => one.toLowerCase() === wanted,
  );
}
