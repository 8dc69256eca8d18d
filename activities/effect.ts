import { CordonError, isRetryable, type Failure } from '../contracts/errors';
import type { Acted, CallContext, Handler, Probe } from '../contracts/integration';
import type { ItemStatus } from '../contracts/messages';
import type { ActionId } from '../contracts/actions';
import type { JsonObject } from '../contracts/values';
import { standing, storeFirstProbe, type Attempted, type Standing } from '../store/claims';
import { removalOf } from './checks';
import type { ConnectionGates } from './gates';
import { evidenceWriter } from './evidence';
import type { Claimed, CrashPoint, RunnerDeps } from './runner-types';

const CALL_TIMEOUT_MS = 30_000;
const ATTEMPTS = 4;
const VERIFY_ATTEMPTS = 4;
const RETRY_BASE_MS = 200;
const RETRY_MAX_MS = 5_000;
const OFFLINE_AGAIN_MS = 30_000;
const OFFLINE_AGAIN_MAX_MS = 300_000;

/** How an attempt ended. `maybeApplied`: the effect may be in force although it failed. */
export interface Ended {
  status: ItemStatus;
  output?: JsonObject;
  failure?: Failure;
  token?: string;
  againInMs?: number;
  maybeApplied?: boolean;
}

/**
 * Probe, act, verify. State is read before the act, so that a retry that finds the effect in force knows whose it is; the first
 * reading is never overwritten. What is neither in force nor provable is `unknown` and never repeated by itself.
 */
export async function performEffect(
  deps: RunnerDeps,
  gates: ConnectionGates,
  claimed: Claimed,
  signal: AbortSignal,
): Promise<Ended> {
  const attempt = new Attempt(deps, gates, claimed, signal);
  for (let n = 1; ; n++) {
    try {
      return await attempt.once(n);
    } catch (failure) {
      // Not from an adapter (SQL gone, a crash): the claim stays without outcome, and the next attempt finds out.
      if (!(failure instanceof CordonError) || failure.type === 'fenced' || failure.type === 'cancelled')
        throw failure;
      if (failure.type === 'target_removed') return attempt.stopped(failure);
      if (failure.type === 'kill_switch') return attempt.later(failure, 0);
      // Nothing was told to the product.
      if (failure.type === 'circuit_open') return attempt.later(failure, failure.options.retryAfterMs ?? 0);
      if (!isRetryable(failure.type) && !failure.maybeApplied)
        return {
          status: failure.type === 'unsupported' ? 'unsupported' : 'failed',
          failure: failure.toFailure(),
        };
      if (!attempt.mayRepeat()) {
        return {
          status: 'unknown',
          failure: {
            type: 'unknown_outcome',
            message: `${failure.message} Whether it was done cannot be read; it is not repeated.`,
          },
          maybeApplied: true,
        };
      }
      const wait = failure.options.retryAfterMs ?? Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** (n - 1));
      if (n >= ATTEMPTS && !isRetryable(failure.type))
        return { status: 'failed', failure: failure.toFailure(), maybeApplied: true };
      if (n >= ATTEMPTS || wait > RETRY_MAX_MS) return attempt.later(failure, wait);
      await pause(wait, signal);
    }
  }
}

class Attempt {
  readonly #handler: Handler<ActionId>;
  readonly #context: CallContext;
  #first: Probe | undefined;
  /** Read with the first probe a moment ago. */
  #standing: Standing | undefined;
  #acted: boolean;
  /** Something may have been sent: an adapter was let through the fence, or its act broke otherwise. */
  #told: boolean;

  constructor(
    private readonly deps: RunnerDeps,
    private readonly gates: ConnectionGates,
    private readonly claimed: Claimed,
    private readonly signal: AbortSignal,
  ) {
    const { prepared, attempt } = claimed;
    this.#handler = prepared.route.handler();
    this.#first = (claimed.firstProbe ?? undefined) as Probe | undefined;
    // An earlier attempt left no outcome: it may have acted.
    this.#acted = attempt > 1;
    this.#told = attempt > 1;
    this.#context = {
      actionKey: prepared.actionKey,
      incident: prepared.wave.incident,
      reason: prepared.wave.group.reason,
      attempt,
      signal,
      log: deps.log,
      fence: async () => {
        await this.#fence();
        this.#told = true;
      },
      putEvidence: evidenceWriter(deps, prepared),
    };
  }

  get #attempt(): Attempted {
    const { prepared, fence } = this.claimed;
    return { key: prepared.actionKey, fence, lockKey: prepared.lockKey };
  }

  async #fence(known?: Standing): Promise<void> {
    const { prepared } = this.claimed;
    const { holds, killSwitch, removed } = known ?? (await standing(this.deps.store, this.#attempt));
    if (!holds) throw new CordonError('fenced', 'A newer attempt has taken over.');
    if (killSwitch && !prepared.spec.readOnly && prepared.evenHeld !== true)
      throw new CordonError('kill_switch', 'The kill switch is on: effects wait until it is lifted.');
    const gone = removalOf(prepared, removed, this.deps.assets);
    if (gone !== undefined) throw new CordonError(gone.type, gone.message);
  }

  /** Whether doing it again can do no harm. */
  mayRepeat(): boolean {
    return (
      !this.#acted || this.#handler.probe !== undefined || this.claimed.prepared.spec.delivery !== 'probe'
    );
  }

  /** It may not be told to the product any more. Whether it was before is known where nothing was sent yet. */
  stopped(failure: CordonError): Ended {
    const status = this.#told ? 'unknown' : 'denied';
    return { status, failure: failure.toFailure(), maybeApplied: this.#told };
  }

  /** The product cannot be reached: the item waits, for days if need be. */
  later(failure: CordonError, wait: number): Ended {
    const againInMs = Math.min(OFFLINE_AGAIN_MAX_MS, Math.max(wait, OFFLINE_AGAIN_MS * this.claimed.attempt));
    return { status: 'pending', failure: failure.toFailure(), againInMs, maybeApplied: failure.maybeApplied };
  }

  async once(n: number): Promise<Ended> {
    const { token, prepared } = this.claimed;
    const input = prepared.input as never;
    const poll = this.#handler.poll?.bind(this.#handler);
    if (token !== null && n === 1 && poll !== undefined) {
      return this.#conclude(await this.#call((context) => poll(token, input, context)));
    }
    const before = await this.#probe();
    const known = this.#standing;
    this.#standing = undefined;
    if (before !== undefined) {
      const found = await this.#inForce(before);
      if (found !== undefined) return found;
    } else if (!this.mayRepeat()) {
      return {
        status: 'unknown',
        failure: {
          type: 'unknown_outcome',
          message: 'An earlier attempt left no outcome and none can be read.',
        },
        maybeApplied: true,
      };
    }
    await this.#fence(known);
    const acted = await this.#call((context) => {
      this.#acted = true;
      return this.#handler.act(input, context, this.#first);
    }).catch((error: unknown) => {
      if (!(error instanceof CordonError && error.type === 'target_removed')) this.#told = true;
      throw error;
    });
    await this.#at('acted');
    return this.#conclude(acted);
  }

  async #probe(): Promise<Probe | undefined> {
    const probe = this.#handler.probe?.bind(this.#handler);
    if (probe === undefined) return undefined;
    const now = await this.#call((context) => probe(this.claimed.prepared.input as never, context));
    if (this.#first === undefined) {
      this.#first = now;
      const { inForce, state } = now;
      this.#standing = await storeFirstProbe(this.deps.store, this.#attempt, { inForce, state });
      await this.#at('probed');
    }
    return now;
  }

  /** In force already: before us, or by an attempt of ours whose reply was lost. */
  #inForce(now: Probe): Promise<Ended | undefined> {
    const first = this.#first;
    if (!now.inForce || first === undefined) return Promise.resolve(undefined);
    return Promise.resolve({
      status: first.inForce ? 'already' : 'succeeded',
      output: this.#outputFrom(first, now),
    });
  }

  #outputFrom(first: Probe, now: Probe): JsonObject {
    const { prepared } = this.claimed;
    const output: unknown = this.#handler.output?.(prepared.input as never, first, now) ?? prepared.input;
    return prepared.spec.output.parse(output) as JsonObject;
  }

  async #conclude(acted: Acted<unknown>): Promise<Ended> {
    if (acted.status === 'pending')
      return { status: 'pending', token: acted.token, againInMs: acted.againInMs };
    const { prepared } = this.claimed;
    const parsed = prepared.spec.output.safeParse(acted.output);
    if (acted.status === 'partial')
      return {
        status: 'partial',
        failure: { type: 'not_verified', message: acted.detail },
        ...(parsed.success ? { output: parsed.data as JsonObject } : {}),
      };
    const verified = await this.#verify();
    if (verified !== undefined && !verified.inForce)
      return {
        status: 'failed',
        failure: { type: 'not_verified', message: 'The product accepted it, but it is not in force.' },
        maybeApplied: true,
      };
    await this.#at('verified');
    if (parsed.success) return { status: 'succeeded', output: parsed.data as JsonObject };
    if (verified !== undefined && this.#first !== undefined)
      return { status: 'succeeded', output: this.#outputFrom(this.#first, verified) };
    return {
      status: 'failed',
      failure: {
        type: 'unexpected_reply',
        message: 'The reply does not have the form that the action promises.',
      },
      maybeApplied: true,
    };
  }

  /** HTTP 200 is not success: the state is read again, a few times where the product needs a moment. */
  async #verify(): Promise<Probe | undefined> {
    for (let n = 1; ; n++) {
      const now = await this.#probe();
      if (now === undefined || now.inForce || n >= VERIFY_ATTEMPTS) return now;
      await pause(RETRY_BASE_MS * 2 ** n, this.signal);
    }
  }

  async #call<T>(work: (context: CallContext) => Promise<T>): Promise<T> {
    // A call that was given up is told so, and may change nothing any more: the next one may be under way by then.
    const given = new AbortController();
    const context: CallContext = {
      ...this.#context,
      signal: AbortSignal.any([this.signal, given.signal]),
      fence: async () => {
        await this.#context.fence();
        if (given.signal.aborted) throw new CordonError('cancelled', 'The call was given up.');
      },
    };
    try {
      return await this.gates.through(this.claimed.prepared.route, this.signal, () =>
        withTimeout(() => work(context), this.#handler.timeoutMs ?? CALL_TIMEOUT_MS, this.signal),
      );
    } catch (error) {
      given.abort();
      if (error instanceof CordonError) throw error;
      // A bug in an adapter may have struck after the call went out.
      throw new CordonError('internal', asCordonError(error).message, {
        cause: error,
        maybeApplied: this.#acted,
      });
    }
  }

  async #at(point: CrashPoint): Promise<void> {
    await this.deps.at?.(point, this.claimed.prepared.actionKey);
  }
}

/** Whatever was thrown, as the one error that the runner reasons about. */
export function asCordonError(error: unknown): CordonError {
  if (error instanceof CordonError) return error;
  return new CordonError(
    'internal',
    error instanceof Error ? error.message : 'Something was thrown that is no error.',
    { cause: error },
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms);
    const cancel = (): void => {
      clearTimeout(timer);
      reject(new CordonError('cancelled', 'The attempt was cancelled.'));
    };
    function done(): void {
      signal.removeEventListener('abort', cancel);
      resolve();
    }
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
  });
}

/** An adapter that ignores its own time limit must not hold up the wave. */
export async function withTimeout<T>(
  work: () => Promise<T>,
  limitMs: number,
  signal: AbortSignal,
): Promise<T> {
  if (signal.aborted) throw new CordonError('cancelled', 'The attempt was cancelled.');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new CordonError('timeout', `The product did not answer within ${String(limitMs / 1000)} s.`));
    }, limitMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
