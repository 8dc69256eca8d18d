import type { ActionId } from '../contracts/actions';
import { actionSpec } from '../contracts/actions';
import { CordonError, type Failure } from '../contracts/errors';
import type { JournalKind } from '../contracts/journal';
import type { WaveItem } from '../contracts/messages';
import type { JsonObject, Target } from '../contracts/values';
import { actionKey, claimsOf, insertClaims, takeLeaseLock, takeOverClaim } from '../store/claims';
import { appendJournal } from '../store/journal';
import { attention, raiseAttention } from '../store/lease-attention';
import { dropHolder, holdersOf, markReleased, markReleaseFailed } from '../store/leases';
import type { Row } from '../store/schema';
import { isKillSwitchOn } from '../store/settings';
import { inTransaction, type Tx } from '../store/store';
import { closedFor } from './maintenance';
import { releaseOf } from './prepare';
import type { WaveRunner } from './run-wave';
import type { Claimed, Prepared, RunnerDeps } from './runner-types';
import { isAlive, itemHashOf, newClaim } from './guard';

const MAX_SWEEP = 100;
/** Of leases in one round; more wait for the next. */
const MAX_PAGES = 50;
const ASK_BEFORE_MS = 3_600_000;
const MIN_EXTENSION_MS = 3_600_000;
const ESCALATED = ['lease_escalated'] as const;

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
    await this.#askAhead(at);
    const count = { due: 0, released: 0, failed: 0 };
    const held = await isKillSwitchOn(this.deps.store.db);
    for await (const lease of this.#due(at)) {
      if (lease.status === 'in_force') count.due++;
      if (lease.status === 'in_force' && !actionSpec(lease.action as ActionId).mayLapse) {
        await this.#extend(lease, at);
        continue;
      }
      // Nobody asks for this one now, so it waits like any other effect.
      if (held || this.#isClosed(lease, at)) continue;
      const { status } = await this.release({
        leaseId: lease.id,
        by: 'cordon',
        reason: lease.status === 'releasing' ? 'the release is tried again' : 'the lease lapsed',
      });
      count[status === 'failed' ? 'failed' : 'released']++;
    }
    return count;
  }

  /**
   * What a round looks at: first what is due, then what was to be released and is not yet. Page by page, so that what is stuck or held
   * keeps nothing else from its turn.
   */
  async *#due(at: Date): AsyncGenerator<Row<'leases'>> {
    for (const status of ['in_force', 'releasing'] as const) {
      let after = '';
      for (let page = 0; page < MAX_PAGES; page++) {
        let query = this.deps.store.db
          .selectFrom('leases')
          .selectAll()
          .where('status', '=', status)
          .where('id', '>', after);
        if (status === 'in_force') query = query.where('expires_at', '<=', at);
        const rows = await query.orderBy('id').limit(MAX_SWEEP).execute();
        yield* rows;
        after = rows.at(-1)?.id ?? after;
        if (rows.length < MAX_SWEEP) break;
      }
    }
  }

  /** A window stands against taking it back now. */
  #isClosed(
    { target_kind: kind, target_key: key, target_label: label, inverse }: Row<'leases'>,
    at: Date,
  ): boolean {
    const asset = this.deps.assets.ofTarget({ kind: kind as Target['kind'], key, label });
    const what = { action: inverse, assets: asset === undefined ? [] : [asset] };
    return closedFor(this.deps.config.maintenance, what, at) !== undefined;
  }

  /** Silence extends by the lease's own length; after so many times it is escalated as well. */
  async #extend(lease: Row<'leases'>, at: Date): Promise<void> {
    const { escalateAfter } = this.deps.config.leases;
    await inTransaction(this.deps.store, async (tx) => {
      const until = new Date(at.getTime() + Math.max(lengthOf(lease), MIN_EXTENSION_MS));
      const { numUpdatedRows } = await tx
        .updateTable('leases')
        .set((eb) => ({ expires_at: until, asked_at: null, extensions: eb('extensions', '+', 1) }))
        .where('id', '=', lease.id)
        .where('status', '=', 'in_force')
        .where('expires_at', '<=', at)
        .executeTakeFirstOrThrow();
      if (numUpdatedRows !== 1n) return;
      const extensions = lease.extensions + 1;
      const isEscalated = extensions >= escalateAfter;
      await this.#tell(tx, lease, at, ['lease_due', 'lease_extended', ...(isEscalated ? ESCALATED : [])], {
        until: until.toISOString(),
        extensions,
      });
      const text = isEscalated ? attention.escalated(lease, extensions) : attention.due(lease);
      await raiseAttention(tx, lease.id, text, { evenIfRaised: isEscalated });
    });
  }

  /** What is about to be due: people are asked once, while there is time to answer. */
  async #askAhead(at: Date): Promise<void> {
    const { askBeforeSeconds } = this.deps.config.leases;
    const longest = askBeforeSeconds === undefined ? ASK_BEFORE_MS : askBeforeSeconds * 1000;
    const soon = await this.deps.store.db
      .selectFrom('leases')
      .selectAll()
      .where('status', '=', 'in_force')
      .where('asked_at', 'is', null)
      .where('expires_at', '>', at)
      .where('expires_at', '<=', new Date(at.getTime() + longest))
      .orderBy('expires_at')
      .limit(MAX_SWEEP)
      .execute();
    for (const lease of soon) {
      const ahead = askBeforeSeconds === undefined ? Math.min(longest, lengthOf(lease) / 10) : longest;
      const left = (lease.expires_at?.getTime() ?? 0) - at.getTime();
      // What may lapse lapses: there is nothing to ask.
      if (left > ahead || actionSpec(lease.action as ActionId).mayLapse) continue;
      await inTransaction(this.deps.store, async (tx) => {
        const { numUpdatedRows } = await tx
          .updateTable('leases')
          .set({ asked_at: at })
          .where('id', '=', lease.id)
          .where('status', '=', 'in_force')
          .where('asked_at', 'is', null)
          .executeTakeFirstOrThrow();
        if (numUpdatedRows !== 1n) return;
        await this.#tell(tx, lease, at, ['lease_due_soon'], { until: lease.expires_at?.toISOString() ?? '' });
        await raiseAttention(tx, lease.id, attention.dueSoon(lease), { evenIfRaised: false });
      });
    }
  }

  /** Journals it for each incident that holds the lease. */
  async #tell(
    tx: Tx,
    lease: Row<'leases'>,
    at: Date,
    kinds: readonly JournalKind[],
    more: JsonObject,
  ): Promise<void> {
    const data = { lease: lease.id, action: lease.action, target: lease.target_key, ...more };
    for (const incident of await holdersOf(tx, lease.id))
      await appendJournal(tx, ...kinds.map((kind) => ({ incident, at, actor: 'cordon', kind, data })));
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
    const { actionKey: key } = prepared;
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
    await insertClaims(tx, [newClaim(this.deps.owner, prepared, itemHash, at)]);
    return { prepared, itemHash, attempt: 1, fence: 1, firstProbe: null, token: null };
  }
}

/** What it was taken for, in ms; for one that was taken before that was written down, how long it has stood. */
function lengthOf({
  length_seconds: seconds,
  expires_at: expires,
  created_at: created,
}: Row<'leases'>): number {
  return seconds === null ? (expires?.getTime() ?? 0) - created.getTime() : seconds * 1000;
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
