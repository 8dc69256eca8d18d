import type { ActionId } from '../contracts/actions';
import { actionSpec } from '../contracts/actions';
import { CordonError, type Failure } from '../contracts/errors';
import type { WaveItem } from '../contracts/messages';
import { actionKey, claimsOf, insertClaims, takeLeaseLock, takeOverClaim } from '../store/claims';
import { appendJournal } from '../store/journal';
import { dropHolder, holdersOf, markReleased, markReleaseFailed } from '../store/leases';
import type { Row } from '../store/schema';
import { isKillSwitchOn } from '../store/settings';
import { inTransaction, type Tx } from '../store/store';
import { releaseOf } from './prepare';
import type { WaveRunner } from './run-wave';
import type { Claimed, Prepared, RunnerDeps } from './runner-types';
import { isAlive, itemHashOf } from './guard';

const MAX_SWEEP = 100;

export interface ReleaseResult {
  status: 'released' | 'shared' | 'failed';
  failure?: Failure;
}

type Start = { kind: 'done'; result: ReleaseResult } | { kind: 'go'; claimed: Claimed };

/**
 * Releases leases outside a wave: what a named person asked for, a rollback, what lapses. What a person asks for passes the
 * kill switch; what lapses, or is tried again by itself, waits until it is lifted.
 * `incident` given: only that holder lets go, and the inverse follows when it was the last. Else all do.
 */
export class LeaseKeeper {
  constructor(
    private readonly deps: RunnerDeps,
    private readonly runner: WaveRunner,
  ) {}

  async release(input: {
    leaseId: string;
    by: string;
    reason: string;
    incident?: string;
  }): Promise<ReleaseResult> {
    let start: Start;
    try {
      start = await inTransaction(this.deps.store, (tx) => this.#start(tx, input));
    } catch (error) {
      // Its connection is gone: that must neither stop the others nor be forgotten.
      if (!(error instanceof CordonError)) throw error;
      await this.#note(input.leaseId, error.message);
      return { status: 'failed', failure: error.toFailure() };
    }
    if (start.kind === 'done') return start.result;
    const result = await this.runner.perform(start.claimed);
    if (result.status === 'succeeded' || result.status === 'already') return { status: 'released' };
    return {
      status: 'failed',
      failure: result.failure ?? { type: 'internal', message: `The inverse ended as ${result.status}.` },
    };
  }

  /** It is tried again by the sweeper; the journal is told once of each reason. */
  async #note(leaseId: string, why: string): Promise<void> {
    const at = await this.deps.store.now();
    await inTransaction(this.deps.store, async (tx) => {
      const lease = await tx
        .selectFrom('leases')
        .select(['action', 'target_key', 'last_error'])
        .where('id', '=', leaseId)
        .forUpdate()
        .executeTakeFirstOrThrow();
      await markReleaseFailed(tx, leaseId, why);
      if (lease.last_error === why) return;
      const [holder] = await holdersOf(tx, leaseId);
      await appendJournal(tx, {
        incident: holder ?? (await lastHolder(tx, leaseId)),
        at,
        actor: 'cordon',
        kind: 'lease_release_failed',
        data: { lease: leaseId, action: lease.action, target: lease.target_key, message: why },
      });
    });
  }

  async rollBack({
    incident,
    by,
    reason,
  }: {
    incident: string;
    by: string;
    reason: string;
  }): Promise<{ released: number; failed: number }> {
    const leases = await this.deps.store.db
      .selectFrom('lease_holders')
      .innerJoin('leases', 'leases.id', 'lease_holders.lease_id')
      .select('leases.id')
      .where('incident', '=', incident)
      .where('lease_holders.released_at', 'is', null)
      .where('status', '<>', 'released')
      .orderBy('leases.created_at', 'desc')
      .execute();
    const ends: ReleaseResult[] = [];
    // Last first, one after another; one that is stuck does not hold up the next.
    for (const { id } of leases) ends.push(await this.release({ leaseId: id, by, reason, incident }));
    const failed = ends.filter(({ status }) => status === 'failed').length;
    return { released: ends.length - failed, failed };
  }

  /** Silence extends and escalates; only what may lapse is released. Failed releases are tried again. */
  async sweep(): Promise<{ due: number; released: number; failed: number }> {
    const at = await this.deps.store.now();
    const rows = await this.deps.store.db
      .selectFrom('leases')
      .selectAll()
      .where((eb) =>
        eb.or([
          eb('status', '=', 'releasing'),
          eb.and([eb('status', '=', 'in_force'), eb('expires_at', '<=', at)]),
        ]),
      )
      .orderBy('expires_at')
      .limit(MAX_SWEEP)
      .execute();
    const count = { due: 0, released: 0, failed: 0 };
    const held = await isKillSwitchOn(this.deps.store.db);
    for (const lease of rows) {
      if (lease.status === 'in_force') count.due++;
      if (lease.status === 'in_force' && !actionSpec(lease.action as ActionId).mayLapse) {
        await this.#extend(lease, at);
        continue;
      }
      // Nobody asks for this one now, so it waits like any other effect.
      if (held) continue;
      const { status } = await this.release({
        leaseId: lease.id,
        by: 'cordon',
        reason: lease.status === 'releasing' ? 'the release is tried again' : 'the lease lapsed',
      });
      count[status === 'failed' ? 'failed' : 'released']++;
    }
    return count;
  }

  async #extend(lease: Row<'leases'>, at: Date): Promise<void> {
    await inTransaction(this.deps.store, async (tx) => {
      const length = lease.expires_at === null ? 0 : lease.expires_at.getTime() - lease.created_at.getTime();
      const until = new Date(at.getTime() + Math.max(length, 3_600_000));
      const { numUpdatedRows } = await tx
        .updateTable('leases')
        .set({ expires_at: until })
        .where('id', '=', lease.id)
        .where('status', '=', 'in_force')
        .where('expires_at', '<=', at)
        .executeTakeFirstOrThrow();
      if (numUpdatedRows !== 1n) return;
      for (const incident of await holdersOf(tx, lease.id)) {
        const data = {
          lease: lease.id,
          action: lease.action,
          target: lease.target_key,
          until: until.toISOString(),
        };
        await appendJournal(
          tx,
          { incident, at, actor: 'cordon', kind: 'lease_due', data },
          { incident, at, actor: 'cordon', kind: 'lease_extended', data },
        );
        await tx
          .updateTable('incidents')
          .set({
            attention: `The containment of ${lease.target_label} was due and was extended: release it, or let it stand.`,
          })
          .where('number', '=', incident)
          .where('attention', 'is', null)
          .execute();
      }
    });
  }

  async #start(
    tx: Tx,
    { leaseId, by, reason, incident }: { leaseId: string; by: string; reason: string; incident?: string },
  ): Promise<Start> {
    const at = await this.deps.store.now();
    const lease = await tx
      .selectFrom('leases')
      .selectAll()
      .where('id', '=', leaseId)
      .forUpdate()
      .executeTakeFirst();
    if (lease === undefined)
      return {
        kind: 'done',
        result: {
          status: 'failed',
          failure: { type: 'not_found', message: `There is no lease ${leaseId}.` },
        },
      };
    if (lease.status === 'released') return { kind: 'done', result: { status: 'released' } };
    const holders = await holdersOf(tx, leaseId);
    const chain = incident ?? holders[0] ?? (await lastHolder(tx, leaseId));
    const tell = (
      kind: 'lease_holder_released' | 'lease_released' | 'lease_release_requested',
      data: Record<string, string | boolean>,
    ): Promise<void> =>
      appendJournal(tx, {
        incident: chain,
        at,
        actor: by,
        kind,
        data: { lease: leaseId, action: lease.action, target: lease.target_key, reason, ...data },
      });

    if (incident !== undefined && holders.some((holder) => holder !== incident)) {
      await dropHolder(tx, leaseId, incident, at);
      await tell('lease_holder_released', {});
      return { kind: 'done', result: { status: 'shared' } };
    }
    if (!lease.we_did_it) {
      await markReleased(tx, leaseId, at);
      await tell('lease_released', { weDidIt: false });
      return { kind: 'done', result: { status: 'released' } };
    }
    const item: WaveItem = {
      id: `release/${leaseId}`,
      occurrence: lease.release_attempts + 1,
      action: lease.action as ActionId,
      input: lease.inverse_input,
      release: true,
      onlyWhenClean: false,
      leaseSeconds: null,
    };
    const group = {
      id: `lease/${leaseId}`,
      phase: 'recovery' as const,
      title: `Release ${lease.target_label}`,
      reason,
    };
    const key = actionKey(chain, group.id, item.id, item.occurrence);
    const prepared: Prepared = {
      ...releaseOf(this.deps, { incident: chain, group }, item, lease, key),
      evenHeld: true,
    };
    const claimed = await this.#claim(tx, prepared, at);
    if (claimed === undefined)
      return {
        kind: 'done',
        result: {
          status: 'failed',
          failure: { type: 'unavailable', message: 'It is being worked on right now.' },
        },
      };
    await tx.updateTable('leases').set({ status: 'releasing' }).where('id', '=', leaseId).execute();
    await tell('lease_release_requested', { by });
    return { kind: 'go', claimed };
  }

  async #claim(tx: Tx, prepared: Prepared, at: Date): Promise<Claimed | undefined> {
    const { actionKey: key, wave, item, spec, route, target } = prepared;
    if (this.runner.isInFlight(key)) return undefined;
    const existing = (await claimsOf(tx, [key])).get(key);
    // The lock is the action's, not the process's: another process may be at it.
    if (existing !== undefined && isAlive(existing, this.deps, at)) return undefined;
    const isDead = (owner: string): boolean => this.deps.store.exclusive && !this.runner.isInFlight(owner);
    if (prepared.lockKey !== null && !(await takeLeaseLock(tx, prepared.lockKey, key, at, isDead)))
      return undefined;
    const itemHash = itemHashOf(prepared, 'release');
    if (existing !== undefined) {
      const next = await takeOverClaim(tx, existing, this.deps.owner, at);
      return { prepared, itemHash, ...next, firstProbe: existing.first_probe, token: existing.token };
    }
    await insertClaims(tx, [
      {
        action_key: key,
        incident: wave.incident,
        group_id: wave.group.id,
        item_id: item.id,
        item_hash: itemHash,
        occurrence: item.occurrence,
        action: spec.id,
        connection: route.id,
        target_key: target.key,
        state: 'claimed',
        outcome: null,
        attempt: 1,
        fence: 1,
        owner: this.deps.owner,
        heartbeat_at: at,
        first_probe: null,
        input: JSON.stringify(prepared.input),
        output: null,
        failure: null,
        token: null,
        created_at: at,
      },
    ]);
    return { prepared, itemHash, attempt: 1, fence: 1, firstProbe: null, token: null };
  }
}

async function lastHolder(tx: Tx, leaseId: string): Promise<string> {
  const row = await tx
    .selectFrom('lease_holders')
    .select('incident')
    .where('lease_id', '=', leaseId)
    .orderBy('acquired_at', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow();
  return row.incident;
}
