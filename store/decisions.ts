import type { DecisionInput } from '../contracts/approval';
import type { Role } from '../contracts/values';
import { appendJournal } from './journal';
import { enqueue } from './outbox';
import { inTransaction, type Store } from './store';

export interface Voice {
  person: string;
  roles: readonly Role[];
  channel: string;
}

export type DecisionAnswer =
  | { kind: 'recorded'; items: { itemHash: string; status: 'recorded' | 'repeated' | 'too_late' }[] }
  | { kind: 'not_found' }
  | { kind: 'plan_changed'; planHash: string }
  | { kind: 'unknown_item'; itemHash: string }
  | { kind: 'too_late'; why: string };

/**
 * Records what one person decides about items of a request. The row is the decision: it is stored, journaled, and the run is
 * told through the outbox, in one transaction. A repeat changes nothing; what was settled before is answered as too late.
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
      .select(['item_hash', 'status'])
      .where('request_id', '=', requestId)
      .execute();
    const unknown = input.items?.find((hash) => !items.some((item) => item.item_hash === hash));
    if (unknown !== undefined) return { kind: 'unknown_item', itemHash: unknown };
    const wanted =
      input.items === undefined ? items : items.filter((item) => input.items?.includes(item.item_hash));
    const made = await tx
      .selectFrom('decisions')
      .select('item_hash')
      .where('request_id', '=', requestId)
      .where('decision_id', '=', input.decisionId)
      .where('person', '=', voice.person)
      .execute();
    const repeated = new Set(made.map(({ item_hash }) => item_hash));
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
    if (fresh.length > 0) {
      await tx
        .insertInto('decisions')
        .values(
          fresh.map(({ itemHash }) => ({
            decision_id: input.decisionId,
            request_id: requestId,
            item_hash: itemHash,
            person: voice.person,
            roles: JSON.stringify(voice.roles),
            verdict: input.verdict,
            reason: input.reason ?? null,
            channel: voice.channel,
            at,
          })),
        )
        .execute();
      const data = {
        request: requestId,
        decision: input.decisionId,
        verdict: input.verdict,
        items: fresh.map(({ itemHash }) => itemHash),
        channel: voice.channel,
        ...(input.reason === undefined ? {} : { reason: input.reason }),
      };
      await appendJournal(tx, {
        incident: request.incident,
        at,
        actor: `person:${voice.person}`,
        kind: 'decision_recorded',
        data,
      });
      await enqueue(tx, 'decision', request.incident, { decision: input.decisionId }, at);
    }
    return { kind: 'recorded', items: answers };
  });
}
