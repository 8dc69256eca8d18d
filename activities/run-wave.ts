import { z } from 'zod';
import { actionSpec, targetOf, type ActionCall } from '../contracts/actions';
import { CordonError } from '../contracts/errors';
import type { ItemResult, WaveInput, WaveItem, WaveResult } from '../contracts/messages';
import { Policy } from '../contracts/policy';
import type { JsonObject } from '../contracts/values';
import { actionKey, heartbeatClaims } from '../store/claims';
import { appendJournal } from '../store/journal';
import { dropHolder, holdersOf, leaseHeldBy, markReleased } from '../store/leases';
import type { Row } from '../store/schema';
import { inTransaction, type Tx } from '../store/store';
import { asCordonError, performEffect } from './effect';
import { guardWave, type Verdict } from './guard';
import { writeProgress } from './progress';
import { resultOf } from './results';
import type { Claimed, Prepared, RunnerDeps } from './runner-types';
import { about, settle } from './settle';

const HEARTBEAT_MS = 1_000;

export interface WaveCall {
  /** Tells the caller that work goes on; called every second. */
  heartbeat?: () => void;
  signal?: AbortSignal;
}

/** Settles waves. One a process: it knows what is in flight here. */
export class WaveRunner {
  readonly #inFlight = new Map<string, Promise<ItemResult>>();
  readonly #told = new Set<string>();
  readonly #policies = new Map<string, Policy>();
  readonly #ticker: NodeJS.Timeout;

  constructor(private readonly deps: RunnerDeps) {
    this.#ticker = setInterval(() => {
      heartbeatClaims(deps.store, deps.owner, [...this.#inFlight.keys()]).catch((error: unknown) => {
        deps.log.warn({ error: String(error) }, 'the heartbeat of claims could not be written');
      });
    }, HEARTBEAT_MS);
    this.#ticker.unref();
  }

  /** Waits for what is in flight and stops. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#inFlight.values());
    clearInterval(this.#ticker);
  }

  /** Settles as much of the wave as can be settled now. Idempotent: call it again for the rest. */
  async runWave(input: WaveInput, call: WaveCall = {}): Promise<WaveResult> {
    const at = await this.deps.store.now();
    const ready = new Map<string, ItemResult>();
    const verdicts = await inTransaction(this.deps.store, async (tx) => {
      ready.clear();
      const incident = await tx
        .selectFrom('incidents')
        .selectAll()
        .where('number', '=', input.incident)
        .forUpdate()
        .executeTakeFirst();
      if (incident === undefined)
        throw new CordonError('not_found', `There is no incident ${input.incident}.`);
      const journal = await writeProgress(tx, incident, input.progress, at);
      const prepared: Prepared[] = [];
      for (const item of input.items) {
        const one = await this.#prepare(tx, input, item, at);
        if ('status' in one) ready.set(item.id, one);
        else prepared.push(one);
      }
      if (prepared.length === 0) {
        if (journal.length > 0) await appendJournal(tx, ...journal);
        return new Map<string, [Prepared, Verdict]>();
      }
      const told: string[] = [];
      const found = await guardWave(
        {
          deps: this.deps,
          tx,
          at,
          incident,
          policy: await this.#policy(tx, incident.policy_version),
          killSwitch: await isKillSwitchOn(tx),
          ask: input.ask,
          isInFlight: (key) => this.#inFlight.has(key),
          firstTime: (key, what) => {
            const mark = `${key}:${what}`;
            if (this.#told.has(mark) || told.includes(mark)) return false;
            told.push(mark);
            return true;
          },
          journal,
        },
        input,
        prepared,
      );
      for (const mark of told) this.#told.add(mark);
      return new Map(
        prepared.map((one) => [one.item.id, [one, found.get(one.actionKey) as Verdict] as const]),
      );
    });
    const working = [...verdicts].map(
      ([id, [prepared, verdict]]) => [id, this.#follow(prepared, verdict)] as const,
    );
    const settled = await this.#collect(working, verdicts, input.patienceMs, call);
    return { items: input.items.map((item) => ready.get(item.id) ?? (settled.get(item.id) as ItemResult)) };
  }

  /** Does one claimed item on its own; for releases that no wave asked for. */
  perform(claimed: Claimed): Promise<ItemResult> {
    return this.#start(claimed);
  }

  isInFlight(key: string): boolean {
    return this.#inFlight.has(key);
  }

  #follow(prepared: Prepared, verdict: Verdict): Promise<ItemResult> {
    if (verdict.kind === 'result') return Promise.resolve(verdict.result);
    if (verdict.kind === 'go') return this.#start(verdict.claimed);
    return (
      this.#inFlight.get(prepared.actionKey) ??
      Promise.resolve(resultOf(prepared, 'running', { againInMs: 100 }))
    );
  }

  #start(claimed: Claimed): Promise<ItemResult> {
    const { actionKey: key } = claimed.prepared;
    const work = this.#effect(claimed).finally(() => {
      this.#inFlight.delete(key);
    });
    // Whoever asked may have lost patience; the outcome is in SQL all the same.
    work.catch(() => undefined);
    this.#inFlight.set(key, work);
    return work;
  }

  async #effect(claimed: Claimed): Promise<ItemResult> {
    await this.deps.at?.('claimed', claimed.prepared.actionKey);
    try {
      const ended = await performEffect(this.deps, claimed, new AbortController().signal);
      return await settle(this.deps, claimed, ended);
    } catch (error) {
      const failure = asCordonError(error);
      if (failure.type === 'fenced') return resultOf(claimed.prepared, 'running', { againInMs: 1000 });
      // Crash, or SQL gone: the claim stays without outcome, the next call finds out.
      throw error;
    }
  }

  async #collect(
    working: readonly (readonly [string, Promise<ItemResult>])[],
    verdicts: ReadonlyMap<string, readonly [Prepared, Verdict]>,
    patienceMs: number | undefined,
    { heartbeat, signal }: WaveCall,
  ): Promise<Map<string, ItemResult>> {
    const settled = new Map<string, ItemResult>();
    const all = Promise.all(
      working.map(async ([id, work]) => {
        settled.set(id, await work);
      }),
    );
    const beat = heartbeat === undefined ? undefined : setInterval(heartbeat, HEARTBEAT_MS);
    let timer: NodeJS.Timeout | undefined;
    let stop: (() => void) | undefined;
    try {
      const patience = new Promise<void>((resolve) => {
        if (patienceMs !== undefined) timer = setTimeout(resolve, patienceMs);
        stop = () => {
          resolve();
        };
        signal?.addEventListener('abort', stop, { once: true });
      });
      await Promise.race([all, patience]);
    } finally {
      clearInterval(beat);
      clearTimeout(timer);
      if (stop !== undefined) signal?.removeEventListener('abort', stop);
    }
    all.catch(() => undefined);
    for (const [id, [prepared]] of verdicts)
      if (!settled.has(id)) settled.set(id, resultOf(prepared, 'running', { againInMs: 200 }));
    return settled;
  }

  async #prepare(tx: Tx, input: WaveInput, item: WaveItem, at: Date): Promise<Prepared | ItemResult> {
    const fail = (error: unknown): ItemResult => ({
      id: item.id,
      occurrence: item.occurrence,
      action: item.action,
      target: { kind: 'channel', key: 'channel:unknown', label: 'unknown' },
      connection: null,
      status: 'failed',
      failure: (error instanceof z.ZodError
        ? new CordonError('invalid_input', `${item.action}: ${z.prettifyError(error)}`)
        : asCordonError(error)
      ).toFailure(),
    });
    try {
      const target = targetOf({ action: item.action, input: item.input } as ActionCall);
      const asset = this.deps.assets.ofTarget(target);
      const canonical =
        asset === undefined || target.kind === 'file'
          ? target
          : { ...target, key: `${target.kind}:${asset.id.toLowerCase()}` };
      const key = actionKey(input.incident, input.group.id, item.id, item.occurrence);
      if (item.release) return await this.#prepareRelease(tx, input, item, canonical.key, key, at);
      const spec = actionSpec(item.action);
      const route = this.deps.connections.route(item.action, canonical, this.deps.assets);
      const lockKey = spec.inverse === null ? null : `${route.id}|${spec.id}|${canonical.key}`;
      return {
        item,
        wave: input,
        spec,
        input: spec.input.parse(item.input) as JsonObject,
        target: canonical,
        route,
        actionKey: key,
        lockKey,
      };
    } catch (error) {
      if (error instanceof z.ZodError || error instanceof CordonError) return fail(error);
      throw error;
    }
  }

  async #prepareRelease(
    tx: Tx,
    input: WaveInput,
    item: WaveItem,
    targetKey: string,
    key: string,
    at: Date,
  ): Promise<Prepared | ItemResult> {
    const lease = await leaseHeldBy(tx, input.incident, item.action, targetKey);
    const done = await tx.selectFrom('claims').selectAll().where('action_key', '=', key).executeTakeFirst();
    const released = lease ?? (await newestLease(tx, item.action, targetKey));
    if (released === undefined || (lease === undefined && done === undefined)) {
      const target = targetOf({ action: item.action, input: item.input } as ActionCall);
      return {
        id: item.id,
        occurrence: item.occurrence,
        action: item.action,
        target,
        connection: released?.connection ?? null,
        status: 'already',
        output: { released: true },
      };
    }
    const prepared = this.#releaseOf(input, item, released, key);
    if (lease === undefined) return prepared;
    const others = (await holdersOf(tx, lease.id)).filter((incident) => incident !== input.incident);
    if (others.length === 0 && lease.we_did_it) return prepared;
    // Somebody else still needs it, or it was there before us: only our hold ends.
    if ((await dropHolder(tx, lease.id, input.incident, at)) === 0) await markReleased(tx, lease.id, at);
    await appendJournal(
      tx,
      about(prepared, at, 'lease_holder_released', {
        lease: lease.id,
        heldBy: others,
        weDidIt: lease.we_did_it,
      }),
    );
    return resultOf(prepared, 'succeeded', {
      output: { shared: others.length > 0, weDidIt: lease.we_did_it },
    });
  }

  #releaseOf(
    input: Pick<WaveInput, 'incident' | 'group'>,
    item: WaveItem,
    lease: Row<'leases'>,
    key: string,
  ): Prepared {
    return releaseOf(this.deps, input, item, lease, key);
  }

  /** A version is the hash of its rules: what was read once is what it is. */
  async #policy(tx: Tx, version: string): Promise<Policy> {
    const known = this.#policies.get(version);
    if (known !== undefined) return known;
    const row = await tx
      .selectFrom('policies')
      .select('body')
      .where('version', '=', version)
      .executeTakeFirst();
    if (row === undefined)
      throw new CordonError(
        'internal',
        `The policy ${version} that the run is pinned to is not in the database.`,
      );
    const policy = Policy.parse(row.body);
    this.#policies.set(version, policy);
    return policy;
  }
}

/** The inverse of a lease as something that can be done. */
export function releaseOf(
  deps: RunnerDeps,
  wave: Pick<WaveInput, 'incident' | 'group'>,
  item: WaveItem,
  lease: Row<'leases'>,
  key: string,
): Prepared {
  const spec = actionSpec(lease.inverse as WaveItem['action']);
  return {
    item,
    wave,
    spec,
    input: lease.inverse_input,
    target: {
      kind: lease.target_kind as Prepared['target']['kind'],
      key: lease.target_key,
      label: lease.target_label,
    },
    route: deps.connections.byId(lease.connection, spec.id),
    actionKey: key,
    lease,
    lockKey: `${lease.connection}|${lease.action}|${lease.target_key}`,
  };
}

function newestLease(tx: Tx, action: string, targetKey: string): Promise<Row<'leases'> | undefined> {
  return tx
    .selectFrom('leases')
    .selectAll()
    .where('action', '=', action)
    .where('target_key', '=', targetKey)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** Whether effects are held. */
async function isKillSwitchOn(tx: Tx): Promise<boolean> {
  const row = await tx
    .selectFrom('settings')
    .select('value')
    .where('key', '=', 'kill_switch')
    .executeTakeFirst();
  return (row?.value as { on?: boolean } | undefined)?.on === true;
}
