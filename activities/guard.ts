import { budgetsOf, usedUp } from '../contracts/budgets';
import type { Policy } from '../contracts/policy';
import { countAtExpiry, countVotes, type Requirement } from '../contracts/policy';
import type { Failure } from '../contracts/errors';
import type { ItemResult, WaveInput } from '../contracts/messages';
import type { JsonObject } from '../contracts/values';
import {
  approvalItemsOf,
  deniedAt,
  retriedSince,
  settleApprovalItem,
  votesOn,
  type ApprovalItemRow,
} from '../store/approvals';
import { askersOf } from '../store/askers';
import { returnBudget, takeBudget } from '../store/budgets';
import { canonicalHash } from '../store/canonical';
import {
  CLAIM_STALE_MS,
  claimsOf,
  insertClaims,
  insertLeaseLocks,
  takeLeaseLock,
  takeOverClaim,
} from '../store/claims';
import { isDetached } from '../store/left-targets';
import { appendJournal, type NewEntry } from '../store/journal';
import type { NewRow, Row } from '../store/schema';
import type { Tx } from '../store/store';
import { ask, awaiting, tell, type ToAsk } from './ask';
import { forbiddenBy, holdsOn, refusalOf, removalOf } from './checks';
import { brokenOrder } from './order';
import { requirementOf, withCleanCheck, type IncidentFacts } from './requirement';
import { claimResult, resultOf } from './results';
import { untouchable } from './untouchable';
import type { Claimed, Prepared, RunnerDeps } from './runner-types';

const HELD_AGAIN_MS = 30_000;
const BUSY_AGAIN_MS = 500;

/** What the guard says of one item: do it, or here is its result, or it is under way in this process. */
export type Verdict =
  { kind: 'go'; claimed: Claimed } | { kind: 'result'; result: ItemResult } | { kind: 'attached' };

export interface GuardContext {
  readonly deps: RunnerDeps;
  readonly tx: Tx;
  readonly at: Date;
  readonly incident: Row<'incidents'>;
  readonly policy: Policy;
  /** From SQL and this build's playbooks. */
  readonly about: IncidentFacts;
  readonly killSwitch: boolean;
  /** Targets that left the incident with a detached alert. */
  readonly detached: ReadonlySet<string>;
  /** Keys of targets that a person took out. */
  readonly removed: readonly string[];
  readonly ask: boolean;
  readonly isInFlight: (actionKey: string) => boolean;
  /** True the first time; what is held is journaled once, not at every look. */
  readonly firstTime: (actionKey: string, what: string) => boolean;
  readonly journal: NewEntry[];
}

/** Parameters, connection, target, lease and policy of an item: what people decide about. */
export function itemHashOf(prepared: Prepared, policyVersion: string): string {
  return canonicalHash({
    action: prepared.spec.id,
    connection: prepared.route.id,
    target: prepared.target.key,
    input: prepared.input,
    lease: prepared.item.leaseSeconds,
    policy: policyVersion,
  });
}

/** Decides about all items of a wave inside one transaction, and claims those that may be done. */
export async function guardWave(
  context: GuardContext,
  wave: WaveInput,
  items: readonly Prepared[],
): Promise<Map<string, Verdict>> {
  const keys = items.map(({ actionKey }) => actionKey);
  const claims = await claimsOf(context.tx, keys);
  const asked = await approvalItemsOf(context.tx, keys);
  const verdicts = new Map<string, Verdict>();
  const toAsk: ToAsk[] = [];
  const allowed: { prepared: Prepared; itemHash: string; met: Met | undefined }[] = [];
  const newClaims: NewRow<'claims'>[] = [];

  for (const prepared of [...items].sort((a, b) => a.target.key.localeCompare(b.target.key))) {
    const claim = claims.get(prepared.actionKey);
    const itemHash = itemHashOf(prepared, context.incident.policy_version);
    if (claim !== undefined) {
      verdicts.set(prepared.actionKey, await resume(context, prepared, claim, itemHash));
      continue;
    }
    const outcome = await decide(context, prepared, itemHash, asked.get(prepared.actionKey), items);
    if (outcome.kind === 'ask') {
      if (context.ask) toAsk.push({ prepared, requirement: outcome.requirement, itemHash });
      else
        verdicts.set(
          prepared.actionKey,
          refuse(context, prepared, 'failed', {
            type: 'approval_required',
            message: `${prepared.spec.title} needs approval: ${outcome.requirement.why}.`,
          }),
        );
      continue;
    }
    if (outcome.kind === 'result') {
      verdicts.set(prepared.actionKey, outcome);
      continue;
    }
    allowed.push({ prepared, itemHash, met: outcome.met });
  }
  const locked = await takeLocks(
    context,
    allowed.map(({ prepared }) => prepared),
  );
  for (const { prepared, itemHash, met } of allowed) {
    if (prepared.lockKey !== null && !locked.has(prepared.actionKey)) {
      await returnBudget(context.tx, prepared.actionKey);
      verdicts.set(prepared.actionKey, { kind: 'result', result: busy(prepared) });
      continue;
    }
    if (met !== undefined) await settleItem(context, prepared, met.asked, 'approved', met.by);
    newClaims.push(newClaim(context.deps.owner, prepared, itemHash, context.at));
    context.journal.push(entry(context, prepared, 'action_claimed', { attempt: 1 }));
    verdicts.set(prepared.actionKey, {
      kind: 'go',
      claimed: { prepared, itemHash, attempt: 1, fence: 1, firstProbe: null, token: null },
    });
  }
  await insertClaims(context.tx, newClaims);
  if (toAsk.length > 0)
    for (const [key, result] of await ask(context, wave, toAsk))
      verdicts.set(key, { kind: 'result', result });
  if (context.journal.length > 0) await appendJournal(context.tx, ...context.journal);
  return verdicts;
}

/** `met`: the approval that lets it pass. */
type Decision =
  | { kind: 'go'; met?: Met | undefined }
  | { kind: 'result'; result: ItemResult }
  | { kind: 'ask'; requirement: Requirement & { kind: 'approvals' } };

async function decide(
  context: GuardContext,
  prepared: Prepared,
  itemHash: string,
  asked: ApprovalItemRow | undefined,
  besides: readonly Prepared[],
): Promise<Decision> {
  const { deps, tx, at, incident } = context;
  if (incident.status === 'closed')
    return refuse(context, prepared, 'failed', { type: 'rejected', message: 'The incident is closed.' });
  const gone = removalOf(prepared, context.removed, deps.assets);
  if (gone !== undefined) return refuse(context, prepared, 'denied', gone);
  if (!prepared.spec.readOnly && !prepared.item.release && isDetached(context.detached, prepared.target))
    return refuse(context, prepared, 'denied', {
      type: 'rejected',
      message: `The alert that brought ${prepared.target.key} was detached from this incident.`,
    });
  const refused = refusalOf(prepared, deps.config.maintenance, at);
  if (refused !== undefined) return refuse(context, prepared, refused.status, refused.failure);

  const early = await brokenOrder(tx, prepared, besides, deps.assets);
  if (early !== undefined) {
    const failure: Failure = { type: 'order_violation', message: early.message };
    return early.waits ? hold(context, prepared, failure) : refuse(context, prepared, 'failed', failure);
  }

  const requirement = await withCleanCheck(
    tx,
    prepared,
    requirementOf(prepared, incident, context.policy, asked?.asked_at ?? at, context.about),
  );
  const forbidden = forbiddenBy(requirement);
  if (forbidden !== undefined) return refuse(context, prepared, forbidden.status, forbidden.failure);
  let met: Met | undefined;
  if (requirement.kind === 'approvals') {
    if (asked === undefined) {
      if (!(await staysDenied(context, prepared))) return { kind: 'ask', requirement };
      return refuse(context, prepared, 'denied', {
        type: 'approval_denied',
        message: 'It was denied in this incident, and nothing new has come in since.',
      });
    }
    if (asked.item_hash !== itemHash)
      return refuse(context, prepared, 'failed', {
        type: 'rejected',
        message: 'This is not what was put to approval: the item changed after it was asked for.',
      });
    const answer = await answerOf(context, prepared, requirement, asked);
    if ('status' in answer) return { kind: 'result', result: answer };
    met = answer;
  }
  if (prepared.spec.readOnly) return { kind: 'go' };
  const [held] = holdsOn(prepared, standing(context), at);
  if (held !== undefined) return hold(context, prepared, held);
  const budgets = budgetsOf(deps.config.budgets, prepared);
  const spent = await takeBudget(tx, budgets, prepared.actionKey, at);
  if (spent !== undefined) return hold(context, prepared, usedUp(spent));
  return { kind: 'go', met };
}

const standing = ({ deps, killSwitch }: GuardContext) => ({ killSwitch, windows: deps.config.maintenance });

/** A denial holds, under whatever name it is asked again, until an alert joins or a person has it done again. */
async function staysDenied({ tx, incident }: GuardContext, prepared: Prepared): Promise<boolean> {
  const { wave, spec, target, item } = prepared;
  const denied = await deniedAt(tx, incident.number, spec.id, target.key);
  if (denied === undefined || incident.last_alert_at > denied) return false;
  return !(await retriedSince(tx, incident.number, [item.id, `${wave.group.id}/${item.id}`], denied));
}

/** What lets an item pass: the people that its requirement asks for, or their silence. */
interface Met {
  asked: ApprovalItemRow;
  by: 'people' | 'silence';
}

/** That the item may be done, and why; else the result that it has for now, or for good. */
async function answerOf(
  context: GuardContext,
  prepared: Prepared,
  requirement: Requirement & { kind: 'approvals' },
  asked: ApprovalItemRow,
): Promise<ItemResult | Met> {
  const denied = (message: string): ItemResult =>
    resultOf(prepared, 'denied', { failure: { type: 'approval_denied', message } });
  const expired = (): ItemResult =>
    resultOf(prepared, 'denied', {
      failure: { type: 'approval_expired', message: 'Nobody decided in time; silence denies.' },
    });
  if (asked.status === 'denied') return denied('It was denied.');
  if (asked.status === 'expired') return expired();
  if (asked.status === 'cancelled') return denied('It was taken back: its alert was detached.');
  // What cannot be taken back is never decided by a channel, whatever its rows say.
  const votes = await votesOn(context.tx, asked.request_id, asked.item_hash, {
    channels: prepared.spec.impact !== 'irreversible',
  });
  const askers = requirement.noSelfApproval ? await askersOf(context.tx, context.incident.number) : [];
  // Silence means no more than what people were told that it means.
  const silence = asked.requirement['silence'] === 'allow' ? requirement.silence : 'deny';
  const count =
    context.at < asked.expires_at
      ? countVotes(requirement, votes, askers)
      : countAtExpiry({ ...requirement, silence }, votes, askers);
  switch (count) {
    case 'met':
      return { asked, by: 'people' };
    case 'silence_allows':
      return { asked, by: 'silence' };
    case 'denied':
      await settleItem(context, prepared, asked, 'denied', 'people');
      return denied('It was denied.');
    case 'expired':
      await settleItem(context, prepared, asked, 'expired', 'silence');
      return expired();
    case 'open':
      return awaiting(prepared, asked.request_id, asked.expires_at);
  }
}

async function settleItem(
  context: GuardContext,
  prepared: Prepared,
  asked: ApprovalItemRow,
  status: 'approved' | 'denied' | 'expired',
  by: Met['by'],
): Promise<void> {
  if (asked.status !== 'pending') return;
  if (await settleApprovalItem(context.tx, asked, status))
    await tell(context, { event: 'approval_settled', request: asked.request_id });
  const kind = status === 'expired' ? 'approval_expired' : 'approval_settled';
  context.journal.push(
    entry(context, prepared, kind, { request: asked.request_id, itemHash: asked.item_hash, status, by }),
  );
}

/** A claim exists: finished, under way here, under way elsewhere, or left behind by somebody who died. */
async function resume(
  context: GuardContext,
  prepared: Prepared,
  claim: Row<'claims'>,
  itemHash: string,
): Promise<Verdict> {
  const { deps, at } = context;
  if (claim.item_hash !== itemHash && !prepared.item.release)
    return refuse(context, prepared, 'failed', {
      type: 'rejected',
      message: 'Another action was already claimed under this item.',
    });
  if (claim.state === 'done') return { kind: 'result', result: claimResult(prepared, claim) };
  if (context.isInFlight(claim.action_key)) return { kind: 'attached' };
  if (claim.state === 'pending' && claim.again_at !== null && claim.again_at > at)
    return { kind: 'result', result: claimResult(prepared, claim, claim.again_at.getTime() - at.getTime()) };
  if (isAlive(claim, deps, at))
    return { kind: 'result', result: resultOf(prepared, 'running', { againInMs: 1000 }) };
  const spared = claim.state === 'pending' && claim.token === null ? untouchable(prepared) : undefined;
  if (spared !== undefined)
    return refuse(context, prepared, 'denied', { type: 'protected_asset', message: spared });
  const untold = claim.state === 'pending' && claim.token === null;
  const gone = untold ? removalOf(prepared, context.removed, deps.assets) : undefined;
  if (gone !== undefined) return refuse(context, prepared, 'denied', gone);
  // What the product is doing already is followed up; nothing new is told to it.
  const [held] = claim.token === null ? holdsOn(prepared, standing(context), at) : [];
  if (held !== undefined) return hold(context, prepared, held);
  if (prepared.lockKey !== null && !(await takeLock(context, prepared.lockKey, prepared.actionKey)))
    return { kind: 'result', result: busy(prepared) };
  const next = await takeOverClaim(context.tx, claim, deps.owner, at);
  if (claim.state === 'claimed')
    context.journal.push(
      entry(context, prepared, 'action_retried', {
        attempt: next.attempt,
        why: 'the attempt before it left no outcome',
      }),
    );
  return {
    kind: 'go',
    claimed: {
      prepared,
      itemHash: claim.item_hash,
      ...next,
      firstProbe: claim.first_probe,
      token: claim.token,
    },
  };
}

/** Whether another process works on the claim and has been heard of lately. */
export function isAlive(claim: Row<'claims'>, deps: Pick<RunnerDeps, 'owner' | 'store'>, at: Date): boolean {
  return (
    claim.state === 'claimed' &&
    claim.owner !== deps.owner &&
    !deps.store.exclusive &&
    at.getTime() - claim.heartbeat_at.getTime() < CLAIM_STALE_MS
  );
}

/** Takes the locks over acquire and release of new effects, all that are free in one statement; returns the action keys that have theirs. */
async function takeLocks(context: GuardContext, items: readonly Prepared[]): Promise<Set<string>> {
  const wanted = items.flatMap(({ lockKey, actionKey: owner }) =>
    lockKey === null ? [] : [{ key: lockKey, owner }],
  );
  const locked = await insertLeaseLocks(context.tx, wanted, context.at);
  const taken = new Set(wanted.filter(({ owner }) => locked.has(owner)).map(({ key }) => key));
  for (const { key, owner } of wanted) {
    // Of two items of one wave about the same effect, the second waits.
    if (taken.has(key) || !(await takeLock(context, key, owner))) continue;
    taken.add(key);
    locked.add(owner);
  }
  return locked;
}

function takeLock(context: GuardContext, lockKey: string, actionKey: string): Promise<boolean> {
  // In an exclusive store every other live action is in this very process.
  const isDead = (owner: string): boolean => context.deps.store.exclusive && !context.isInFlight(owner);
  return takeLeaseLock(context.tx, lockKey, actionKey, context.at, isDead);
}

/** The row of a first attempt by this process. */
export function newClaim(owner: string, prepared: Prepared, itemHash: string, at: Date): NewRow<'claims'> {
  return {
    action_key: prepared.actionKey,
    incident: prepared.wave.incident,
    group_id: prepared.wave.group.id,
    item_id: prepared.item.id,
    item_hash: itemHash,
    occurrence: prepared.item.occurrence,
    action: prepared.spec.id,
    connection: prepared.route.id,
    target_key: prepared.target.key,
    state: 'claimed',
    outcome: null,
    attempt: 1,
    fence: 1,
    owner,
    heartbeat_at: at,
    first_probe: null,
    input: JSON.stringify(prepared.input),
    output: null,
    failure: null,
    token: null,
    created_at: at,
  };
}

function entry(
  context: GuardContext,
  prepared: Prepared,
  kind: NewEntry['kind'],
  data: JsonObject,
): NewEntry {
  const { wave, spec, target, route, item } = prepared;
  return {
    incident: wave.incident,
    at: context.at,
    actor: `run:${wave.incident}`,
    kind,
    data: {
      group: wave.group.id,
      item: item.id,
      occurrence: item.occurrence,
      action: spec.id,
      target: target.key,
      connection: route.id,
      simulated: route.simulated,
      ...data,
    },
  };
}

function refuse(
  context: GuardContext,
  prepared: Prepared,
  status: 'failed' | 'denied',
  failure: Failure,
): { kind: 'result'; result: ItemResult } {
  if (context.firstTime(prepared.actionKey, failure.type))
    context.journal.push(
      entry(context, prepared, 'action_refused', { type: failure.type, message: failure.message }),
    );
  return { kind: 'result', result: resultOf(prepared, status, { failure }) };
}

function hold(
  context: GuardContext,
  prepared: Prepared,
  failure: Failure,
): { kind: 'result'; result: ItemResult } {
  if (context.firstTime(prepared.actionKey, failure.type))
    context.journal.push(
      entry(context, prepared, 'action_held', { type: failure.type, message: failure.message }),
    );
  return { kind: 'result', result: resultOf(prepared, 'held', { failure, againInMs: HELD_AGAIN_MS }) };
}

const busy = (prepared: Prepared): ItemResult => resultOf(prepared, 'running', { againInMs: BUSY_AGAIN_MS });
