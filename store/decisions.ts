import { sql } from 'kysely';
import { actionSpec, type ActionId } from '../contracts/actions';
import type { DecisionInput } from '../contracts/approval';
import { channelMayDecide } from '../contracts/policy';
import type { Role } from '../contracts/values';
import { canonicalHash } from './canonical';
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

export type DecisionAnswer =
  | { kind: 'recorded'; items: { itemHash: string; status: 'recorded' | 'repeated' | 'too_late' }[] }
  | { kind: 'not_found' }
  | { kind: 'plan_changed'; planHash: string }
  | { kind: 'unknown_item'; itemHash: string }
  | { kind: 'too_late'; why: string }
  | { kind: 'reused' }
  | { kind: 'above_impact'; items: { itemHash: string; impact: string }[] };

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

function contentOf(request: string, input: DecisionInput, { person, channel }: Voice): string {
  const { verdict, items, planHash, reason } = input;
  return canonicalHash({
    request,
    person,
    channel,
    verdict,
    items: items === undefined ? null : [...new Set(items)].sort(),
    planHash: planHash ?? null,
    reason: reason ?? null,
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
  input: DecisionInput,
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
      .select(['item_hash', 'status', 'action'])
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
    const answers = wanted.map((item) => ({
      itemHash: item.item_hash,
      status: repeated.has(item.item_hash)
        ? ('repeated' as const)
        : item.status === 'pending' && at < request.expires_at
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
    if (fresh.length > 0)
      await storeDecision(
        tx,
        request,
        input,
        voice,
        fresh.map(({ itemHash }) => itemHash),
        content,
        at,
      );
    return { kind: 'recorded', items: answers };
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
  input: DecisionInput,
  voice: Voice,
  items: readonly string[],
  content: string,
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
        roles: JSON.stringify(voice.roles),
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
      ...(input.reason === undefined ? {} : { reason: input.reason }),
    },
  });
  await enqueue(tx, 'decision', request.incident, { decision: input.decisionId }, at);
  await tellAgain(tx, request.id, 'approval_decided', at);
}
