import { actionSpec } from '../contracts/actions';
import type { ItemResult } from '../contracts/messages';
import type { JsonObject } from '../contracts/values';
import { returnBudget } from '../store/budgets';
import { settleClaims, type ClaimOutcome } from '../store/claims';
import { appendJournal, type NewEntry } from '../store/journal';
import { acquireLeases, markReleased, markReleaseFailed, type Acquisition } from '../store/leases';
import { inTransaction, isDatabaseAway, type Tx } from '../store/store';
import type { Ended } from './effect';
import { resultOf } from './results';
import type { Claimed, Prepared, RunnerDeps } from './runner-types';

const IN_FORCE = new Set(['succeeded', 'already']);
/** Ends after which nothing of ours was done, unless it may have been all the same. */
const NOTHING_DONE = new Set(['failed', 'denied', 'unsupported', 'already']);

const MOST_AT_ONCE = 50;
/** PGlite takes one transaction after another; with more writers they would only wait there. */
const WRITERS = 4;

/** Rolls back what was written of outcomes. */
class LockLost extends Error {}

interface End {
  readonly claimed: Claimed;
  readonly ended: Ended;
}

interface Waiting extends End {
  readonly resolve: (result: ItemResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes how attempts ended: claim, lock, lease, budget and journal in one transaction. What ends while others are being written
 * goes together in the next one: a storm costs few transactions. One a process.
 */
export class Settler {
  readonly #waiting: Waiting[] = [];
  #writers = 0;
  constructor(private readonly deps: RunnerDeps) {}

  /** Resolves once it is written; with `running` when a newer attempt has taken over, and nothing was. */
  settle(claimed: Claimed, ended: Ended): Promise<ItemResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ claimed, ended, resolve, reject });
      if (this.#writers < (this.deps.store.exclusive ? 1 : WRITERS)) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#writers += 1;
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      try {
        await this.#together(batch);
      } catch (error) {
        if (isDatabaseAway(error)) for (const { reject } of batch) reject(error);
        // One that cannot be written must not keep the others from being written.
        else for (const one of batch) await this.#alone(one);
      }
    }
    this.#writers -= 1;
  }

  /** The next ones; of two about the same effect the second waits for the first to be written. */
  #take(): Waiting[] {
    const taken = new Set<string>();
    const batch: Waiting[] = [];
    for (const one of this.#waiting.splice(0)) {
      const { lockKey, actionKey } = one.claimed.prepared;
      const key = lockKey ?? actionKey;
      if (batch.length < MOST_AT_ONCE && !taken.has(key)) {
        taken.add(key);
        batch.push(one);
      } else this.#waiting.push(one);
    }
    return batch;
  }

  async #together(batch: readonly Waiting[]): Promise<void> {
    const results = await this.#inTransaction(batch);
    for (const [index, { resolve }] of batch.entries()) resolve(results[index] as ItemResult);
  }

  async #alone(one: Waiting): Promise<void> {
    try {
      await this.#together([one]);
    } catch (error) {
      if (error instanceof LockLost) one.resolve(takenOver(one));
      else one.reject(error);
    }
  }

  async #inTransaction(ends: readonly End[]): Promise<ItemResult[]> {
    const { store } = this.deps;
    const at = await store.now();
    const written = await inTransaction(store, async (tx) => {
      const settled = await settleClaims(
        tx,
        ends.map((end) => outcomeOf(end, at)),
        at,
      );
      // Without the lock it can't be said whose effect is in force: the next attempt reads it again.
      if ([...settled.values()].some(({ held }) => !held)) throw new LockLost();
      const ours = ends.filter(({ claimed }) => settled.has(claimed.prepared.actionKey));
      await appendJournal(tx, ...(await changes(tx, ours, at)));
      return ours;
    });
    return ends.map((end) => (written.includes(end) ? resultOfEnd(end) : takenOver(end)));
  }
}

const takenOver = ({ claimed }: End): ItemResult =>
  resultOf(claimed.prepared, 'running', { againInMs: 1000 });

const resultOfEnd = ({ claimed, ended }: End): ItemResult =>
  resultOf(claimed.prepared, ended.status, {
    ...(ended.output === undefined ? {} : { output: ended.output }),
    ...(ended.failure === undefined ? {} : { failure: ended.failure }),
    ...(ended.againInMs === undefined ? {} : { againInMs: ended.againInMs }),
  });

function outcomeOf({ claimed, ended }: End, at: Date): ClaimOutcome {
  const { prepared, fence } = claimed;
  return {
    key: prepared.actionKey,
    fence,
    lockKey: prepared.lockKey,
    state: ended.status === 'pending' ? 'pending' : 'done',
    outcome: ended.status,
    output: ended.output,
    failure: ended.failure,
    token: ended.token ?? null,
    againAt: ended.againInMs === undefined ? null : new Date(at.getTime() + ended.againInMs),
  };
}

/** Leases and budgets after these ends; returns what the journal has to say of them. */
async function changes(tx: Tx, ends: readonly End[], at: Date): Promise<NewEntry[]> {
  const leased = await acquired(tx, ends, at);
  const entries: NewEntry[] = [];
  for (const end of ends) {
    const { prepared } = end.claimed;
    const { status, failure, maybeApplied } = end.ended;
    entries.push(entryOf(prepared, at, end.ended));
    const lease = leased.get(end);
    if (lease !== undefined) entries.push(lease);
    if (prepared.lease !== undefined && IN_FORCE.has(status)) {
      await markReleased(tx, prepared.lease.id, at);
      entries.push(about(prepared, at, 'lease_released', { lease: prepared.lease.id, verified: true }));
    } else if (prepared.lease !== undefined && status !== 'pending') {
      const message = failure?.message ?? status;
      await markReleaseFailed(tx, prepared.lease.id, message);
      entries.push(about(prepared, at, 'lease_release_failed', { lease: prepared.lease.id, message }));
    }
    if (NOTHING_DONE.has(status) && maybeApplied !== true) await returnBudget(tx, prepared.actionKey);
  }
  return entries;
}

/** Leases what is in force now and can be taken back; returns the journal's entry of each. */
async function acquired(tx: Tx, ends: readonly End[], at: Date): Promise<Map<End, NewEntry>> {
  const many = ends.flatMap((end) => {
    const { prepared } = end.claimed;
    const { status, output } = end.ended;
    const { inverse } = prepared.spec;
    if (!IN_FORCE.has(status) || prepared.lease !== undefined || inverse === null || output === undefined)
      return [];
    const acquisition: Acquisition = {
      connection: prepared.route.id,
      integration: prepared.route.integration,
      simulated: prepared.route.simulated,
      action: prepared.spec.id,
      inverse,
      inverseInput: actionSpec(inverse).input.parse(output) as JsonObject,
      target: prepared.target,
      incident: prepared.wave.incident,
      reason: prepared.wave.group.title,
      weDidIt: status === 'succeeded',
      leaseSeconds: prepared.item.leaseSeconds,
      at,
    };
    return [{ end, acquisition }];
  });
  if (many.length === 0) return new Map();
  const leases = await acquireLeases(
    tx,
    many.map(({ acquisition }) => acquisition),
  );
  return new Map(
    many.map(({ end, acquisition: { weDidIt, leaseSeconds } }, index) => {
      const { id, joined } = leases[index] as { id: string; joined: boolean };
      const data = { lease: id, seconds: leaseSeconds, weDidIt: joined ? null : weDidIt };
      return [end, about(end.claimed.prepared, at, joined ? 'lease_joined' : 'lease_acquired', data)];
    }),
  );
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
