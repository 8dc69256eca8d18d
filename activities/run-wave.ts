import { z } from 'zod';
import { targetOf, type ActionCall } from '../contracts/actions';
import { identify } from '../contracts/identity';
import { drillConnection, isDrillConnection } from '../contracts/drill';
import { CordonError } from '../contracts/errors';
import { incidentWorkflowId, WaveItem } from '../contracts/messages';
import type { ItemResult, WaveInput, WaveResult } from '../contracts/messages';
import { Policy } from '../contracts/policy';
import type { Mode } from '../contracts/values';
import { actionKey, heartbeatClaims } from '../store/claims';
import { appendJournal } from '../store/journal';
import { alertFacts } from '../store/policy-facts';
import { restraints } from '../store/left-targets';
import { dropHolder, holdersOf, leaseHeldBy, markReleased } from '../store/leases';
import type { Row } from '../store/schema';
import { inTransaction, type Tx } from '../store/store';
import { asCordonError, performEffect } from './effect';
import { removalOf } from './checks';
import { ConnectionGates } from './gates';
import { guardWave, type Verdict } from './guard';
import { prepareAction, releaseOf } from './prepare';
import { writeProgress } from './progress';
import { resultOf } from './results';
import type { Claimed, Prepared, RunnerDeps } from './runner-types';
import { about, Settler } from './settle';

const HEARTBEAT_MS = 1_000;
const MAX_TOLD = 10_000;

export interface WaveCall {
  /** Tells the caller that work goes on; called every second. */
  heartbeat?: () => void;
  signal?: AbortSignal;
  /** The run that calls; it acts for its own incident only. */
  workflowId?: string;
}

/** Settles waves. One a process: it knows what is in flight here. */
export class WaveRunner {
  readonly #inFlight = new Map<string, Promise<ItemResult>>();
  readonly #told = new Set<string>();
  readonly #policies = new Map<string, Policy>();
  readonly #settler: Settler;
  readonly #ticker: NodeJS.Timeout;
  /** What stands before each connection; audits pass it too. */
  readonly gates: ConnectionGates;

  constructor(private readonly deps: RunnerDeps) {
    this.#settler = new Settler(deps);
    this.gates = new ConnectionGates(deps.store, deps.config);
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
    if (call.workflowId !== undefined && call.workflowId !== incidentWorkflowId(input.incident))
      return { items: input.items.map((item) => notOurs(item, input.incident)) };
    // By the item itself: two of one wave may claim to be the same.
    const ready = new Map<WaveItem, ItemResult>();
    let told: string[] = [];
    const verdicts = await inTransaction(this.deps.store, async (tx) => {
      ready.clear();
      told = [];
      const incident = await tx
        .selectFrom('incidents')
        .selectAll()
        .where('number', '=', input.incident)
        .forUpdate()
        .executeTakeFirst();
      if (incident === undefined)
        throw new CordonError('not_found', `There is no incident ${input.incident}.`);
      const journal = await writeProgress(tx, incident, input.progress, at);
      const mode = incident.mode as Mode;
      const prepared: Prepared[] = [];
      const seen = new Set<string>();
      for (const item of input.items) {
        const one = seen.has(item.id) ? twice(item) : await this.#prepare(tx, input, item, mode, at);
        seen.add(item.id);
        if ('status' in one) ready.set(item, one);
        else prepared.push(one);
      }
      if (prepared.length === 0) {
        if (journal.length > 0) await appendJournal(tx, ...journal);
        return new Map<WaveItem, [Prepared, Verdict]>();
      }
      const { playbook } = incident;
      const found = await guardWave(
        {
          deps: this.deps,
          tx,
          at,
          incident,
          policy: await this.#policy(tx, incident.policy_version),
          about: {
            ...(await alertFacts(tx, incident.number)),
            authors: playbook === null ? null : (this.deps.authorsOf?.(playbook) ?? null),
          },
          ...(await restraints(tx, incident.number)),
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
      return new Map(prepared.map((one) => [one.item, [one, found.get(one.actionKey) as Verdict] as const]));
    });
    // Committed, and only now: what was rolled back has been told to nobody.
    this.#remember(told);
    const working = [...verdicts].map(
      ([item, [prepared, verdict]]) => [item, this.#follow(prepared, verdict)] as const,
    );
    const settled = await this.#collect(working, verdicts, input.patienceMs, call);
    return { items: input.items.map((item) => ready.get(item) ?? (settled.get(item) as ItemResult)) };
  }

  /** Marks what was journaled; the oldest marks go, so that a process that lives for months does not grow. */
  #remember(told: readonly string[]): void {
    for (const mark of told) this.#told.add(mark);
    for (const mark of this.#told) {
      if (this.#told.size <= MAX_TOLD) return;
      this.#told.delete(mark);
    }
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
    const work: Promise<ItemResult> = this.#effect(claimed).finally(() => {
      // A newer attempt may have taken its place.
      if (this.#inFlight.get(key) === work) this.#inFlight.delete(key);
    });
    // Whoever asked may have lost patience; the outcome is in SQL all the same.
    work.catch(() => undefined);
    this.#inFlight.set(key, work);
    return work;
  }

  async #effect(claimed: Claimed): Promise<ItemResult> {
    await this.deps.at?.('claimed', claimed.prepared.actionKey);
    try {
      const ended = await performEffect(this.deps, this.gates, claimed, new AbortController().signal);
      const result = await this.#settler.settle(claimed, ended);
      await this.deps.at?.('settled', claimed.prepared.actionKey);
      return result;
    } catch (error) {
      const failure = asCordonError(error);
      if (failure.type === 'fenced') return resultOf(claimed.prepared, 'running', { againInMs: 1000 });
      // Crash, or SQL gone: the claim stays without outcome, the next call finds out.
      throw error;
    }
  }

  async #collect(
    working: readonly (readonly [WaveItem, Promise<ItemResult>])[],
    verdicts: ReadonlyMap<WaveItem, readonly [Prepared, Verdict]>,
    patienceMs: number | undefined,
    { heartbeat, signal }: WaveCall,
  ): Promise<Map<WaveItem, ItemResult>> {
    const settled = new Map<WaveItem, ItemResult>();
    const all = Promise.all(
      working.map(async ([item, work]) => {
        settled.set(item, await work);
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
    for (const [item, [prepared]] of verdicts)
      if (!settled.has(item)) settled.set(item, resultOf(prepared, 'running', { againInMs: 200 }));
    return settled;
  }

  async #prepare(
    tx: Tx,
    input: WaveInput,
    item: WaveItem,
    mode: Mode,
    at: Date,
  ): Promise<Prepared | ItemResult> {
    try {
      WaveItem.parse(item);
      const key = actionKey(input.incident, input.group.id, item.id, item.occurrence);
      if (!item.release) return prepareAction(this.deps, input, item, key, mode);
      const { target } = identify({ action: item.action, input: item.input } as ActionCall, this.deps.assets);
      return await this.#prepareRelease(tx, input, item, { targetKey: target.key, mode }, key, at);
    } catch (error) {
      if (error instanceof z.ZodError)
        return failed(item, new CordonError('invalid_input', `${item.action}: ${z.prettifyError(error)}`));
      if (error instanceof CordonError) return failed(item, error);
      throw error;
    }
  }

  async #prepareRelease(
    tx: Tx,
    input: WaveInput,
    item: WaveItem,
    { targetKey, mode }: { targetKey: string; mode: Mode },
    key: string,
    at: Date,
  ): Promise<Prepared | ItemResult> {
    const lease = await leaseHeldBy(tx, input.incident, item.action, targetKey);
    const done = await tx.selectFrom('claims').selectAll().where('action_key', '=', key).executeTakeFirst();
    const released = lease ?? (await newestLease(tx, item.action, targetKey, mode));
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
    if (isDrillConnection(released.connection) !== (mode === 'drill'))
      throw new CordonError('rejected', 'A drill takes back what it pretended only, and nothing else does.');
    const prepared = releaseOf(this.deps, input, item, released, key);
    if (lease === undefined) return prepared;
    const others = (await holdersOf(tx, lease.id)).filter((incident) => incident !== input.incident);
    if (others.length === 0 && lease.we_did_it) return prepared;
    const { removed } = await restraints(tx, input.incident);
    // The guard refuses it, and then the hold stays too.
    if (removalOf(prepared, removed, this.deps.assets) !== undefined) return prepared;
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

function failed(item: WaveItem, error: CordonError): ItemResult {
  return {
    id: item.id,
    occurrence: item.occurrence,
    action: item.action,
    target: { kind: 'channel', key: 'channel:unknown', label: 'unknown' },
    connection: null,
    status: 'failed',
    failure: error.toFailure(),
  };
}

const twice = (item: WaveItem): ItemResult =>
  failed(item, new CordonError('invalid_input', `The wave names ${item.id} twice.`));

const notOurs = (item: WaveItem, incident: string): ItemResult =>
  failed(item, new CordonError('rejected', `This run is not the run of ${incident}.`));

function newestLease(
  tx: Tx,
  action: string,
  targetKey: string,
  mode: Mode,
): Promise<Row<'leases'> | undefined> {
  return tx
    .selectFrom('leases')
    .selectAll()
    .where('action', '=', action)
    .where('target_key', '=', targetKey)
    .where('connection', mode === 'drill' ? 'like' : 'not like', drillConnection('%'))
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}
