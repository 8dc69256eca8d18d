import { actionSpec, type ActionId } from '../contracts/actions';
import type { ItemResult } from '../contracts/messages';
import type { JsonObject } from '../contracts/values';
import { returnBudget } from '../store/budgets';
import { dropLeaseLock, keepLeaseLock, settleClaim } from '../store/claims';
import { appendJournal, type NewEntry } from '../store/journal';
import { acquireLease, markReleased, markReleaseFailed } from '../store/leases';
import { inTransaction, type Tx } from '../store/store';
import type { Ended } from './effect';
import { resultOf } from './results';
import type { Claimed, Prepared, RunnerDeps } from './runner-types';

const IN_FORCE = new Set(['succeeded', 'already']);
/** Ends after which nothing of ours was done, unless it may have been all the same. */
const NOTHING_DONE = new Set(['failed', 'unsupported', 'already']);

/** Rolls back what was written of an outcome. */
class LockLost extends Error {}

/** Writes how an attempt ended: claim, lease, budget and journal in one transaction. */
export async function settle(deps: RunnerDeps, claimed: Claimed, ended: Ended): Promise<ItemResult> {
  const { prepared, fence } = claimed;
  const at = await deps.store.now();
  const written = await inTransaction(deps.store, async (tx) => {
    const end = {
      state: ended.status === 'pending' ? ('pending' as const) : ('done' as const),
      outcome: ended.status,
      output: ended.output,
      failure: ended.failure,
      token: ended.token ?? null,
      againAt: ended.againInMs === undefined ? null : new Date(at.getTime() + ended.againInMs),
    };
    if (!(await settleClaim(tx, prepared.actionKey, fence, end, at))) return false;
    // Without the lock it can't be said whose effect is in force: the next attempt reads it again.
    // What the product is still at keeps it: another incident must not tell it the same again, or the opposite.
    const leave = end.state === 'pending' && end.token !== null ? keepLeaseLock : dropLeaseLock;
    if (prepared.lockKey !== null && !(await leave(tx, prepared.lockKey, prepared.actionKey)))
      throw new LockLost();
    const entries: NewEntry[] = [entryOf(prepared, at, ended)];
    if (IN_FORCE.has(ended.status)) entries.push(...(await leaseChange(tx, prepared, ended, at)));
    else if (prepared.lease !== undefined && end.state === 'done') {
      await markReleaseFailed(tx, prepared.lease.id, ended.failure?.message ?? ended.status);
      entries.push(
        about(prepared, at, 'lease_release_failed', {
          lease: prepared.lease.id,
          message: ended.failure?.message ?? ended.status,
        }),
      );
    }
    if (NOTHING_DONE.has(ended.status) && ended.maybeApplied !== true)
      await returnBudget(tx, prepared.actionKey);
    await appendJournal(tx, ...entries);
    return true;
  }).catch((error: unknown) => {
    if (error instanceof LockLost) return false;
    throw error;
  });
  if (!written) return resultOf(prepared, 'running', { againInMs: 1000 });
  await deps.at?.('settled', prepared.actionKey);
  return resultOf(prepared, ended.status, {
    ...(ended.output === undefined ? {} : { output: ended.output }),
    ...(ended.failure === undefined ? {} : { failure: ended.failure }),
    ...(ended.againInMs === undefined ? {} : { againInMs: ended.againInMs }),
  });
}

async function leaseChange(tx: Tx, prepared: Prepared, ended: Ended, at: Date): Promise<NewEntry[]> {
  if (prepared.lease !== undefined) {
    await markReleased(tx, prepared.lease.id, at);
    return [about(prepared, at, 'lease_released', { lease: prepared.lease.id, verified: true })];
  }
  const { spec } = prepared;
  if (spec.inverse === null || ended.output === undefined) return [];
  const inverse: ActionId = spec.inverse;
  const { id, joined } = await acquireLease(tx, {
    connection: prepared.route.id,
    integration: prepared.route.integration,
    simulated: prepared.route.simulated,
    action: spec.id,
    inverse,
    inverseInput: actionSpec(inverse).input.parse(ended.output) as JsonObject,
    target: prepared.target,
    incident: prepared.wave.incident,
    reason: prepared.wave.group.title,
    weDidIt: ended.status === 'succeeded',
    leaseSeconds: prepared.item.leaseSeconds,
    at,
  });
  return [
    about(prepared, at, joined ? 'lease_joined' : 'lease_acquired', {
      lease: id,
      seconds: prepared.item.leaseSeconds,
      weDidIt: joined ? null : ended.status === 'succeeded',
    }),
  ];
}

function entryOf(prepared: Prepared, at: Date, ended: Ended): NewEntry {
  return about(prepared, at, ended.status === 'pending' ? 'action_pending' : 'action_settled', {
    status: ended.status,
    ...(ended.output === undefined ? {} : { output: ended.output }),
    ...(ended.failure === undefined
      ? {}
      : { failure: { type: ended.failure.type, message: ended.failure.message } }),
  });
}

/** A journal entry about an item. */
export function about(prepared: Prepared, at: Date, kind: NewEntry['kind'], data: JsonObject): NewEntry {
  const { wave, item, spec, target, route } = prepared;
  return {
    incident: wave.incident,
    at,
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
