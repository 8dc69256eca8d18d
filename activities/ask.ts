import { randomUUID } from 'node:crypto';
import { tellsPeople, type NoticeEvent } from '../contracts/channel';
import type { Config } from '../contracts/config';
import type { ItemResult, WaveInput } from '../contracts/messages';
import type { Requirement } from '../contracts/policy';
import { insertRequest, planHash, requirementJson } from '../store/approvals';
import { fileEscalation } from '../store/escalations';
import type { NewEntry } from '../store/journal';
import { enqueue } from '../store/outbox';
import type { Row } from '../store/schema';
import type { Tx } from '../store/store';
import { inRequests } from './requirement';
import { resultOf } from './results';
import type { Prepared } from './runner-types';

/** Where a request is filed: the guard's transaction. */
export interface Asking {
  readonly deps: { readonly config: Pick<Config, 'channels'> };
  readonly tx: Tx;
  readonly at: Date;
  readonly incident: Row<'incidents'>;
  readonly journal: NewEntry[];
}

/** An item that people must decide about. */
export interface ToAsk {
  prepared: Prepared;
  requirement: Requirement & { kind: 'approvals' };
  itemHash: string;
}

/** Puts a word for people beside what it is about; nothing where no channel tells them. */
export async function tell(
  { deps, tx, at }: Pick<Asking, 'deps' | 'tx' | 'at'>,
  notice: { event: NoticeEvent; request: string },
): Promise<void> {
  if (tellsPeople(deps.config.channels)) await enqueue(tx, 'notice', notice.request, notice, at);
}

/** Files the requests that the items of a wave amount to. */
export async function ask(
  context: Asking,
  wave: WaveInput,
  items: readonly ToAsk[],
): Promise<[string, ItemResult][]> {
  const asked: [string, ItemResult][] = [];
  for (const together of inRequests(items)) asked.push(...(await fileRequest(context, wave, together)));
  return asked;
}

/** Files a request in the transaction that records it. Nobody is asked before. */
async function fileRequest(
  context: Asking,
  wave: WaveInput,
  items: readonly ToAsk[],
): Promise<[string, ItemResult][]> {
  const id = randomUUID();
  const seconds = Math.min(...items.map(({ requirement }) => requirement.timeoutSeconds));
  const expires = new Date(context.at.getTime() + seconds * 1000);
  const hash = planHash(items.map(({ itemHash }) => itemHash));
  await insertRequest(
    context.tx,
    {
      id,
      incident: wave.incident,
      group_id: wave.group.id,
      phase: wave.group.phase,
      title: wave.group.title,
      reason: wave.group.reason,
      plan_hash: hash,
      policy_version: context.incident.policy_version,
      status: 'open',
      created_at: context.at,
      expires_at: expires,
    },
    items.map(({ prepared, requirement, itemHash }) => ({
      request_id: id,
      item_hash: itemHash,
      action_key: prepared.actionKey,
      action: prepared.spec.id,
      connection: prepared.route.id,
      simulated: prepared.route.simulated,
      target_kind: prepared.target.kind,
      target_key: prepared.target.key,
      target_label: prepared.target.label,
      input: JSON.stringify(prepared.input),
      lease_seconds: prepared.item.leaseSeconds,
      requirement: requirementJson(requirement),
      status: 'pending',
    })),
  );
  await tell(context, { event: 'approval_requested', request: id });
  const steps = items.flatMap(({ requirement }) => requirement.escalation ?? []);
  if (steps.length > 0) await fileEscalation(context.tx, { id, at: context.at, expiresAt: expires }, steps);
  context.journal.push({
    incident: wave.incident,
    at: context.at,
    actor: `run:${wave.incident}`,
    kind: 'approval_requested',
    data: {
      request: id,
      group: wave.group.id,
      title: wave.group.title,
      planHash: hash,
      expiresAt: expires.toISOString(),
      items: items.map(({ prepared, requirement, itemHash }) => ({
        itemHash,
        action: prepared.spec.id,
        target: prepared.target.key,
        why: requirement.why,
      })),
    },
  });
  return items.map(({ prepared }) => [prepared.actionKey, awaiting(prepared, id, expires)]);
}

/** That an item waits for people. */
export const awaiting = (prepared: Prepared, id: string, expiresAt: Date): ItemResult =>
  resultOf(prepared, 'awaiting', { request: { id, expiresAt: expiresAt.toISOString() } });
