import { sql } from 'kysely';
import { randomUUID } from 'node:crypto';
import { actionSpec, type ActionId } from '../contracts/actions';
import type { DecisionInput } from '../contracts/approval';
import { channelMayDecide, countVotes, hasWeight, Requirement, type Vote } from '../contracts/policy';
import { whyNoWeight } from '../contracts/vote-weight';
import type { Role } from '../contracts/values';
import { askersOf } from './askers';
import { canonicalHash } from './canonical';
import { seatsLentTo, type LentSeat } from './delegations';
import { appendJournal } from './journal';
import { tellAgain } from './notices';
import { enqueue } from './outbox';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

/** Who decides, and by which way. */
export interface Voice {
  person: string;
  roles: readonly Role[];
  /** `api`, or `channel:<id>`. */
  channel: string;
  /** Set for a chat or ticket system that speaks for people. */
  onBehalf?: {
    /** It proves who answered; otherwise all that it says is one voice. */
    authenticated: boolean;
    maxImpact: 'low' | 'high';
  };
}

/** What became of a decision on one item. `doesNotCount`: it is recorded, and has no weight by itself; why, in words. */
export interface DecidedItem {
  itemHash: string;
  status: 'recorded' | 'repeated' | 'too_late';
  doesNotCount?: string;
}

export type DecisionAnswer =
  | { kind: 'recorded'; items: DecidedItem[] }
  | { kind: 'not_found' }
  | { kind: 'plan_changed'; planHash: string }
  | { kind: 'unknown_item'; itemHash: string }
  | { kind: 'too_late'; why: string }
  | { kind: 'reused' }
  | { kind: 'glass_holds'; items: string[] }
  | { kind: 'no_seat'; why: string }
  | { kind: 'above_impact'; items: { itemHash: string; impact: string }[] };

/** A decision, or that one person has it done at once. */
export type Decided = Omit<DecisionInput, 'verdict'> & { verdict: DecisionInput['verdict'] | 'break_glass' };

/** An item as far as its requirement goes. */
type Asked = Pick<Row<'approval_items'>, 'item_hash' | 'requirement'>;

/** Items that the policy does not let this person have done alone. The same count as the guard's says so. */
async function unbroken(
  tx: Tx,
  incident: string,
  { person, roles }: Voice,
  items: readonly Asked[],
): Promise<string[]> {
  const askers = await askersOf(tx, incident);
  return items
    .filter(({ requirement }) => {
      const vote = { person, roles, verdict: 'break_glass' as const };
      return countVotes(Requirement.parse(requirement), [vote], askers) !== 'met';
    })
    .map(({ item_hash }) => item_hash);
}

/** Who has decided about which items of a request, in person and in their own seat. */
async function presentAt(tx: Tx, request: string): Promise<(item: string, person: string) => boolean> {
  const rows = await tx
    .selectFrom('decisions')
    .select(['item_hash', 'person'])
    .where('request_id', '=', request)
    .where('voice', '=', 'person')
    .where('seat_of', 'is', null)
    .execute();
  return (item, person) => rows.some((row) => row.item_hash === item && row.person === person);
}

/**
 * In whose seat the decision sits, by item; one's own where an item is not in it. The seat that the person names, for all items;
 * else one's own where the vote has weight there, else the first lent one where it has. A string says why the seat named, or the
 * only one that would have weight, cannot be taken.
 */
async function takeSeats(
  tx: Tx,
  request: Pick<Row<'approval_requests'>, 'id' | 'incident'>,
  { verdict, for: wanted }: Decided,
  { person, roles, onBehalf }: Voice,
  items: readonly Asked[],
  at: Date,
): Promise<Map<string, LentSeat> | string> {
  const seats = new Map<string, LentSeat>();
  if (verdict !== 'approve' && verdict !== 'deny') return seats;
  if (onBehalf !== undefined)
    return wanted === undefined ? seats : `What comes through a channel is said by ${person} for ${person}.`;
  if (wanted === person) return seats;
  const lent = await seatsLentTo(tx, person, at);
  if (wanted === undefined && lent.length === 0) return seats;
  const askers = await askersOf(tx, request.incident);
  const present = await presentAt(tx, request.id);
  const weighs = ({ requirement }: Asked, seat?: LentSeat): boolean => {
    const vote =
      seat === undefined
        ? { person, roles, verdict }
        : { person, roles: seat.roles, verdict, seat: seat.person };
    return hasWeight(Requirement.parse(requirement), vote, askers);
  };
  if (wanted !== undefined) {
    const seat = lent.find((one) => one.person === wanted);
    if (seat === undefined) return `${wanted} has not delegated to ${person}.`;
    if (seat.ended !== undefined) return `The delegation from ${wanted} to ${person} ${seat.ended}.`;
    const taken = items
      .filter(({ item_hash }) => present(item_hash, wanted))
      .map(({ item_hash }) => item_hash);
    if (taken.length > 0) return `${wanted} has decided in person about ${taken.join(', ')}.`;
    const mute = items.filter((item) => !weighs(item, seat)).map(({ item_hash }) => item_hash);
    if (mute.length > 0)
      return `In the seat of ${wanted} your word has no weight on ${mute.join(', ')}: name the items you mean.`;
    return new Map(items.map(({ item_hash }) => [item_hash, seat]));
  }
  const open = items.filter((item) => !weighs(item));
  for (const item of open) {
    const seat = lent.find(
      (one) => one.ended === undefined && !present(item.item_hash, one.person) && weighs(item, one),
    );
    if (seat !== undefined) seats.set(item.item_hash, seat);
  }
  const over = lent.find((one) => one.ended !== undefined && open.some((item) => weighs(item, one)));
  return over !== undefined && open.length === items.length && seats.size === 0
    ? `The delegation from ${over.person} to ${person} ${over.ended ?? ''}, and by your own roles your word has no weight here.`
    : seats;
}

/** Items that a voice may not decide. */
function aboveImpact(
  voice: Voice,
  items: readonly Pick<Row<'approval_items'>, 'item_hash' | 'action'>[],
): { itemHash: string; impact: string }[] {
  const { onBehalf } = voice;
  if (onBehalf === undefined) return [];
  return items
    .map(({ item_hash, action }) => ({ itemHash: item_hash, impact: actionSpec(action as ActionId).impact }))
    .filter(({ impact }) => !channelMayDecide(impact, onBehalf.maxImpact));
}

/** The items that this decision was recorded for before; `reused` when its id stands for another decision. */
async function madeBefore(tx: Tx, decisionId: string, content: string): Promise<Set<string> | 'reused'> {
  await sql`SELECT pg_advisory_xact_lock(hashtext(${`decision:${decisionId}`}))`.execute(tx);
  const rows = await tx
    .selectFrom('decisions')
    .select(['item_hash', 'content'])
    .where('decision_id', '=', decisionId)
    .execute();
  return rows.some((row) => row.content !== content)
    ? 'reused'
    : new Set(rows.map(({ item_hash }) => item_hash));
}

function contentOf(request: string, input: Decided, { person, channel }: Voice): string {
  const { verdict, items, planHash, reason, for: seat } = input;
  return canonicalHash({
    request,
    person,
    channel,
    verdict,
    items: items === undefined ? null : [...new Set(items)].sort(),
    planHash: planHash ?? null,
    reason: reason ?? null,
    ...(seat === undefined ? {} : { for: seat }),
  });
}

/**
 * Records what one person decides about items of a request. The row is the decision: it is stored, journaled, and the run is
 * told through the outbox, in one transaction. A repeat changes nothing; what was settled before is answered as too late; an id
 * that stands for another decision is refused.
 */
export async function recordDecision(
  store: Store,
  requestId: string,
  input: Decided,
  voice: Voice,
): Promise<DecisionAnswer> {
  return inTransaction(store, async (tx): Promise<DecisionAnswer> => {
    const at = await store.now();
    const request = await tx
      .selectFrom('approval_requests')
      .selectAll()
      .where('id', '=', requestId)
      .forUpdate()
      .executeTakeFirst();
    if (request === undefined) return { kind: 'not_found' };
    if (input.planHash !== undefined && input.planHash !== request.plan_hash)
      return { kind: 'plan_changed', planHash: request.plan_hash };
    const items = await tx
      .selectFrom('approval_items')
      .select(['item_hash', 'status', 'action', 'requirement'])
      .where('request_id', '=', requestId)
      .execute();
    const unknown = input.items?.find((hash) => !items.some((item) => item.item_hash === hash));
    if (unknown !== undefined) return { kind: 'unknown_item', itemHash: unknown };
    const wanted =
      input.items === undefined ? items : items.filter((item) => input.items?.includes(item.item_hash));
    const content = contentOf(requestId, input, voice);
    const repeated = await madeBefore(tx, input.decisionId, content);
    if (repeated === 'reused') return { kind: 'reused' };
    const above = aboveImpact(voice, wanted);
    if (above.length > 0) return { kind: 'above_impact', items: above };
    // What is held beyond its time, by the kill switch or a budget, can still be stopped.
    const stops = input.verdict === 'deny' || input.verdict === 'withdraw';
    if (input.verdict === 'break_glass') {
      const pending = wanted.filter(
        ({ status, item_hash }) => status === 'pending' && !repeated.has(item_hash),
      );
      const held = await unbroken(tx, request.incident, voice, pending);
      if (held.length > 0) return { kind: 'glass_holds', items: held };
    }
    const answers = wanted.map((item) => ({
      itemHash: item.item_hash,
      status: repeated.has(item.item_hash)
        ? ('repeated' as const)
        : item.status === 'pending' && (at < request.expires_at || stops)
          ? ('recorded' as const)
          : ('too_late' as const),
    }));
    const fresh = answers.filter(({ status }) => status === 'recorded');
    if (fresh.length === 0 && repeated.size === 0)
      return {
        kind: 'too_late',
        why:
          request.status === 'settled'
            ? 'The request is settled; to take an effect back, release its containment.'
            : 'The time to decide is over, or the items are settled.',
      };
    if (fresh.length > 0) {
      const hashes = fresh.map(({ itemHash }) => itemHash);
      const asked = wanted.filter(({ item_hash }) => hashes.includes(item_hash));
      const seats = await takeSeats(tx, request, input, voice, asked, at);
      if (typeof seats === 'string') return { kind: 'no_seat', why: seats };
      await storeDecision(tx, request, input, voice, { items: hashes, seats, content }, at);
    }
    return { kind: 'recorded', items: await weighed(tx, request, input.decisionId, answers, wanted) };
  });
}

/** With what has no weight marked, by the roles, the seat and the voice that were stored: also a repeat says so. */
async function weighed(
  tx: Tx,
  { id, incident }: Pick<Row<'approval_requests'>, 'id' | 'incident'>,
  decisionId: string,
  answers: readonly DecidedItem[],
  items: readonly Asked[],
): Promise<DecidedItem[]> {
  const askers = await askersOf(tx, incident);
  const rows = await tx
    .selectFrom('decisions')
    .select(['item_hash', 'person', 'roles', 'verdict', 'voice', 'seat_of'])
    .where('decision_id', '=', decisionId)
    .where('request_id', '=', id)
    .execute();
  return answers.map((answer) => {
    const row = rows.find(({ item_hash }) => item_hash === answer.itemHash);
    const item = items.find(({ item_hash }) => item_hash === answer.itemHash);
    if (row === undefined || item === undefined) return answer;
    const { person, voice, seat_of: seat } = row;
    const verdict = row.verdict as Vote['verdict'];
    const vote = { person, roles: row.roles as Role[], verdict, voice, ...(seat === null ? {} : { seat }) };
    const why = whyNoWeight(Requirement.parse(item.requirement), vote, askers);
    return why === undefined ? answer : { ...answer, doesNotCount: why };
  });
}

/** Whether a decision of this id was recorded. */
export async function isDecisionKnown({ db }: Store, decisionId: string): Promise<boolean> {
  const found = await db
    .selectFrom('decisions')
    .select('decision_id')
    .where('decision_id', '=', decisionId)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** The row, its journal entry and the word to the run, in the caller's transaction. */
async function storeDecision(
  tx: Tx,
  request: Row<'approval_requests'>,
  input: Decided,
  voice: Voice,
  { items, seats, content }: { items: readonly string[]; seats: Map<string, LentSeat>; content: string },
  at: Date,
): Promise<void> {
  const spokenFor = voice.onBehalf;
  await tx
    .insertInto('decisions')
    .values(
      items.map((item) => ({
        decision_id: input.decisionId,
        request_id: request.id,
        item_hash: item,
        person: voice.person,
        roles: JSON.stringify(seats.get(item)?.roles ?? voice.roles),
        seat_of: seats.get(item)?.person ?? null,
        verdict: input.verdict,
        reason: input.reason ?? null,
        channel: voice.channel,
        at,
        voice: spokenFor?.authenticated === false ? voice.channel : 'person',
        content,
      })),
    )
    .execute();
  await appendJournal(tx, {
    incident: request.incident,
    at,
    actor: spokenFor === undefined ? `person:${voice.person}` : voice.channel,
    kind: 'decision_recorded',
    data: {
      request: request.id,
      decision: input.decisionId,
      verdict: input.verdict,
      items: [...items],
      channel: voice.channel,
      person: voice.person,
      ...(seats.size === 0
        ? {}
        : { for: Object.fromEntries([...seats].map(([item, seat]) => [item, seat.person])) }),
      ...(input.reason === undefined ? {} : { reason: input.reason }),
    },
  });
  if (input.verdict === 'break_glass') {
    const review = {
      id: randomUUID(),
      incident: request.incident,
      request_id: request.id,
      person: voice.person,
      reason: input.reason ?? '',
    };
    await tx
      .insertInto('reviews')
      .values({ ...review, items: JSON.stringify(items), opened_at: at })
      .execute();
    await appendJournal(tx, {
      incident: request.incident,
      at,
      actor: `person:${voice.person}`,
      kind: 'break_glass_used',
      data: { request: request.id, review: review.id, items: [...items], reason: review.reason },
    });
  }
  await enqueue(tx, 'decision', request.incident, { decision: input.decisionId }, at);
  await tellAgain(tx, request.id, 'approval_decided', at);
}
