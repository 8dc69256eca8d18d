import { sql } from 'kysely';
import {
  mayFillSeat,
  NoticePayload,
  type Addressee,
  type NoticeEvent,
  type Recipients,
} from '../contracts/channel';
import type { Requirement } from '../contracts/policy';
import type { JsonObject, Role, Severity } from '../contracts/values';
import { appendJournal } from './journal';
import { askersOf } from './askers';
import { enqueue } from './outbox';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

const KEEP_MS = 30 * 24 * 3_600_000;
const ORPHAN_MS = 3_600_000;
const FORGET_BATCH = 5_000;
/** Titles of so many alerts are shown as evidence. */
const ALERTS_SHOWN = 5;

/** A channel as far as sending goes. */
export interface Teller {
  id: string;
  people: readonly string[];
  roles: readonly Role[];
  maxImpact: 'low' | 'high';
  recipients(event: NoticeEvent): Recipients;
}

/** Has people told something newer about a request that they were told of; writes nothing when nobody was. */
export async function tellAgain(
  tx: Tx,
  request: string,
  event: 'approval_decided' | 'approval_settled',
  at: Date,
): Promise<void> {
  const told = await tx
    .selectFrom('notices')
    .select('id')
    .where('request_id', '=', request)
    .limit(1)
    .executeTakeFirst();
  if (told !== undefined) await enqueue(tx, 'notice', request, { event, request }, at);
}

/** Those of a channel who could fill a seat of a request; of `only`, where it is given. */
async function addresseesOf(
  tx: Tx,
  teller: Teller,
  request: string,
  only: readonly string[] | undefined,
): Promise<string[]> {
  const people = await tx
    .selectFrom('people')
    .select(['id', 'roles'])
    .where('active', '=', true)
    .where('id', 'in', [...teller.people, ''])
    .orderBy('id')
    .execute();
  if (only !== undefined) return people.map(({ id }) => id).filter((id) => only.includes(id));
  const items = await tx
    .selectFrom('approval_items')
    .innerJoin('approval_requests', 'approval_requests.id', 'approval_items.request_id')
    .select(['requirement', 'incident'])
    .where('request_id', '=', request)
    .execute();
  const [first] = items;
  const askers = first === undefined ? [] : await askersOf(tx, first.incident);
  const mayFill = (id: string, roles: Role[]): boolean =>
    items.some(({ requirement }) =>
      mayFillSeat(requirement as unknown as Requirement, { id, roles }, askers),
    );
  return people.filter(({ id, roles }) => mayFill(id, roles as Role[])).map(({ id }) => id);
}

/**
 * Turns one row of the outbox into one row a recipient. Each channel then goes its own way: one that is slow or gone holds up
 * neither another nor the request. One at a time, so that the lock on its request is short and never waits for another. Returns
 * whether there was one.
 */
export function fanOut(store: Store, tellers: readonly Teller[]): Promise<boolean> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const row = await tx
      .selectFrom('outbox')
      .selectAll()
      .where('kind', '=', 'notice')
      .where('done_at', 'is', null)
      .orderBy('id')
      .limit(1)
      .forUpdate()
      .skipLocked()
      .executeTakeFirst();
    if (row === undefined) return false;
    const parsed = NoticePayload.safeParse(row.payload);
    if (parsed.success) await fanOutOne(tx, tellers, parsed.data, at);
    await tx
      .updateTable('outbox')
      .set({ done_at: at, error: parsed.success ? null : 'it is no notice' })
      .where('id', '=', row.id)
      .execute();
    return true;
  });
}

async function fanOutOne(
  tx: Tx,
  tellers: readonly Teller[],
  { event, request, step, people, channels }: NoticePayload,
  at: Date,
): Promise<void> {
  // A decision that is being recorded waits here, or is waited for: either it finds the rows, or they tell of it.
  const known = await tx
    .selectFrom('approval_requests')
    .select('id')
    .where('id', '=', request)
    .forUpdate()
    .executeTakeFirst();
  if (known === undefined) return;
  for (const teller of tellers) {
    if (channels !== undefined && !channels.includes(teller.id)) continue;
    const to = teller.recipients(event);
    if (to === 'nobody') continue;
    const recipients = to === 'channel' ? [''] : await addresseesOf(tx, teller, request, people);
    for (const recipient of recipients)
      await tx
        .insertInto('notices')
        .values({
          channel: teller.id,
          request_id: request,
          event,
          recipient,
          dedupe: [teller.id, request, event, recipient, String(step ?? '')].join('|'),
          details: JSON.stringify({
            ...(step === undefined ? {} : { step }),
            ...(people === undefined ? {} : { people }),
          }),
          state: 'due',
          created_at: at,
          next_at: at,
          error: null,
          posted: null,
        })
        .onConflict((conflict) =>
          conflict
            .column('dedupe')
            .doUpdateSet((eb) => ({
              wanted: eb('notices.wanted', '+', 1),
              // What is on its way is told again when it has arrived; only news is sent again at all.
              next_at: sql<Date>`CASE WHEN notices.state = 'due' THEN notices.next_at ELSE excluded.next_at END`,
              attempts: sql<number>`CASE WHEN notices.state = 'due' THEN notices.attempts ELSE 0 END`,
              state: 'due',
            }))
            .where('notices.event', 'in', ['approval_decided', 'approval_settled']),
        )
        .execute();
  }
}

/** Takes due notices of a channel, oldest first, for so long; other servers pass them over. Those about one request keep their order. */
export function takeDueNotices(
  store: Store,
  channel: string,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<Row<'notices'>[]> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const rows = await tx
      .selectFrom('notices')
      .selectAll()
      .where('channel', '=', channel)
      .where('state', '=', 'due')
      .where('next_at', '<=', at)
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('notices as earlier')
              .select('earlier.id')
              .whereRef('earlier.channel', '=', 'notices.channel')
              .whereRef('earlier.request_id', '=', 'notices.request_id')
              .whereRef('earlier.recipient', '=', 'notices.recipient')
              .whereRef('earlier.id', '<', 'notices.id')
              .where('earlier.state', '=', 'due'),
          ),
        ),
      )
      .orderBy('id')
      .limit(limit)
      .forUpdate()
      .skipLocked()
      .execute();
    if (rows.length > 0)
      await tx
        .updateTable('notices')
        .set({ next_at: new Date(at.getTime() + leaseMs) })
        .where(
          'id',
          'in',
          rows.map(({ id }) => id),
        )
        .execute();
    return rows;
  });
}

/** Everything else that a notice tells, as it is now; undefined when the request is gone. */
export async function noticeFacts(
  { db }: Store,
  { request_id, channel, recipient }: Pick<Row<'notices'>, 'request_id' | 'channel' | 'recipient'>,
): Promise<
  | {
      incident: string;
      askers: string[];
      evidence: { severity: Severity; alerts: string[]; alertCount: number };
      people: Addressee[];
      to: Addressee | undefined;
      posted: string | undefined;
    }
  | undefined
> {
  const incident = await db
    .selectFrom('approval_requests')
    .innerJoin('incidents', 'incidents.number', 'approval_requests.incident')
    .select(['number', 'severity'])
    .where('id', '=', request_id)
    .executeTakeFirst();
  if (incident === undefined) return undefined;
  const ofIncident = db.selectFrom('alerts').where('incident', '=', incident.number);
  const { n } = await ofIncident.select((eb) => eb.fn.countAll<string>().as('n')).executeTakeFirstOrThrow();
  const alerts = await ofIncident.select('data').orderBy('seq').limit(ALERTS_SHOWN).execute();
  const people = await activePeople(db);
  const posted = await db
    .selectFrom('notices')
    .select('posted')
    .where('request_id', '=', request_id)
    .where('channel', '=', channel)
    .where('posted', 'is not', null)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return {
    incident: incident.number,
    askers: await askersOf(db, incident.number),
    evidence: {
      severity: incident.severity,
      alerts: alerts.map(({ data }) => data.title),
      alertCount: Number(n),
    },
    people,
    to: people.find(({ id }) => id === recipient),
    posted: posted?.posted ?? undefined,
  };
}

/** Everybody who may act, with their address. */
export async function activePeople(db: Store['db']): Promise<Addressee[]> {
  const rows = await db
    .selectFrom('people')
    .select(['id', 'name', 'email', 'roles'])
    .where('active', '=', true)
    .orderBy('id')
    .execute();
  return rows.map(({ id, name, email, roles }) => ({ id, name, email, roles: roles as Role[] }));
}

type Taken = Pick<
  Row<'notices'>,
  'id' | 'wanted' | 'channel' | 'event' | 'request_id' | 'recipient' | 'details'
>;

/** It arrived, or there was nothing to tell. What came up meanwhile is due at once. */
export async function noticeDone(
  store: Store,
  notice: Taken,
  incident: string,
  result: { posted?: string } | 'skipped',
): Promise<void> {
  const posted = result === 'skipped' ? undefined : result.posted;
  await inTransaction(store, async (tx) => {
    const at = await store.now();
    await tx
      .updateTable('notices')
      .set({
        state: sql<string>`CASE WHEN wanted = ${notice.wanted} THEN ${result === 'skipped' ? 'skipped' : 'sent'} ELSE 'due' END`,
        next_at: at,
        done_at: at,
        error: null,
        attempts: 0,
        ...(posted === undefined ? {} : { posted }),
      })
      .where('id', '=', notice.id)
      .where('state', '=', 'due')
      .execute();
    const tellsPeople = notice.event === 'approval_requested' || notice.event === 'approval_escalated';
    if (result !== 'skipped' && tellsPeople)
      await appendJournal(tx, {
        incident,
        at,
        actor: 'cordon',
        kind: 'notice_sent',
        data: dataOf(notice),
      });
  });
}

const dataOf = ({ channel, event, request_id, recipient, details }: Taken): JsonObject => ({
  request: request_id,
  channel,
  event,
  ...(recipient === '' ? {} : { person: recipient }),
  ...(details['step'] === undefined ? {} : { step: details['step'] }),
});

/** It did not arrive: it is tried again in so long, or given up, which the journal says. */
export async function noticeFailed(
  store: Store,
  notice: Taken,
  incident: string | undefined,
  { error, inMs }: { error: string; inMs: number | undefined },
): Promise<void> {
  await inTransaction(store, async (tx) => {
    const at = await store.now();
    await tx
      .updateTable('notices')
      .set((eb) => ({
        attempts: eb('attempts', '+', 1),
        error: error.slice(0, 500),
        ...(inMs === undefined
          ? { state: 'failed', done_at: at }
          : { next_at: new Date(at.getTime() + inMs) }),
      }))
      .where('id', '=', notice.id)
      .where('state', '=', 'due')
      .execute();
    if (inMs === undefined && incident !== undefined)
      await appendJournal(tx, {
        incident,
        at,
        actor: 'cordon',
        kind: 'notice_failed',
        data: { ...dataOf(notice), error: error.slice(0, 500) },
      });
  });
}

/** What has become of a channel's notices. */
export interface ChannelState {
  waiting: number;
  failed: number;
  lastSent: { at: Date; event: string; request: string } | undefined;
  lastError: { at: Date; error: string; request: string } | undefined;
}

/** State of one channel, over all servers. */
export async function channelState({ db }: Store, channel: string): Promise<ChannelState> {
  const counts = await db
    .selectFrom('notices')
    .select(['state', (eb) => eb.fn.countAll<string>().as('n')])
    .where('channel', '=', channel)
    .where('state', 'in', ['due', 'failed'])
    .groupBy('state')
    .execute();
  const countOf = (state: string): number => Number(counts.find((row) => row.state === state)?.n ?? 0);
  const ofChannel = db.selectFrom('notices').where('channel', '=', channel);
  const sent = await ofChannel
    .select(['done_at', 'event', 'request_id'])
    .where('state', '=', 'sent')
    .orderBy('done_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  const bad = await ofChannel
    .select(['done_at', 'next_at', 'error', 'request_id'])
    .where('error', 'is not', null)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return {
    waiting: countOf('due'),
    failed: countOf('failed'),
    lastSent:
      sent?.done_at == null ? undefined : { at: sent.done_at, event: sent.event, request: sent.request_id },
    lastError:
      bad?.error == null
        ? undefined
        : { at: bad.done_at ?? bad.next_at, error: bad.error, request: bad.request_id },
  };
}

/** How many notices wait, by channel. */
export async function noticesWaiting({ db }: Store): Promise<{ channel: string; n: number }[]> {
  const rows = await db
    .selectFrom('notices')
    .select(['channel', (eb) => eb.fn.countAll<string>().as('n')])
    .where('state', '=', 'due')
    .groupBy('channel')
    .execute();
  return rows.map(({ channel, n }) => ({ channel, n: Number(n) }));
}

/** Deletes what was done a month ago, and gives up what is for channels that are no longer configured. */
export async function forgetNotices(store: Store, channels: readonly string[]): Promise<void> {
  const at = await store.now();
  await store.db
    .deleteFrom('notices')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('notices')
        .select('id')
        .where('state', '<>', 'due')
        .where('done_at', '<', new Date(at.getTime() - KEEP_MS))
        .limit(FORGET_BATCH),
    )
    .execute();
  await store.db
    .updateTable('notices')
    .set({ state: 'skipped', done_at: at, error: 'the channel is no longer configured' })
    .where('state', '=', 'due')
    .where('channel', 'not in', [...channels, ''])
    .where('created_at', '<', new Date(at.getTime() - ORPHAN_MS))
    .execute();
}

/** Notes a test of a channel, which is about no request; with why, when it failed. */
export async function noteTest(
  store: Store,
  channel: string,
  key: string,
  error: string | undefined,
): Promise<void> {
  const at = await store.now();
  await store.db
    .insertInto('notices')
    .values({
      channel,
      request_id: '',
      event: 'test',
      recipient: '',
      dedupe: key,
      details: '{}',
      state: error === undefined ? 'sent' : 'failed',
      created_at: at,
      next_at: at,
      done_at: at,
      error: error?.slice(0, 500) ?? null,
      posted: null,
    })
    .onConflict((conflict) => conflict.column('dedupe').doNothing())
    .execute();
}
