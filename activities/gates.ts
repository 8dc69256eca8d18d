import { setTimeout as pause } from 'node:timers/promises';
import type { Config, ConnectionConfig } from '../contracts/config';
import { CordonError } from '../contracts/errors';
import {
  CLOSED,
  noteAnswer,
  noteFailure,
  readCircuit,
  takeCall,
  takeTrial,
  type Circuit,
} from '../store/connection-gates';
import type { Store } from '../store/store';
import type { Route } from './route';

/** How old a process's knowledge of a circuit may be. */
const CIRCUIT_AGE_MS = 1_000;
/** How long a call waits in its place for the limit; longer waits are the item's. */
const LIMIT_WAIT_MS = 10_000;
const TRIED_AGAIN_MS = 5_000;

const DID_NOT_ANSWER = new Set<string>(['unavailable', 'timeout']);
/** Ends that say nothing about the product. */
const NO_MATTER = new Set<string>(['fenced', 'cancelled', 'kill_switch', 'internal']);

/**
 * What stands before a product's calls beside its number of calls at a time: a rate limit and a circuit breaker, each shared by all
 * processes, and each only where the connection's configuration has one.
 */
export class ConnectionGates {
  readonly #configs: ReadonlyMap<string, ConnectionConfig>;
  readonly #circuits = new Map<string, { circuit: Circuit; readAt: number }>();

  constructor(
    private readonly store: Store,
    config: Pick<Config, 'connections'>,
  ) {
    const gated = config.connections.filter((one) => (one.rateLimit ?? one.breaker) !== undefined);
    this.#configs = new Map(gated.map((one) => [one.id, one]));
  }

  /** Makes one call when it may be made, and takes note of its end. Throws `rate_limited` or `circuit_open` when it was not made. */
  async through<T>(
    route: Pick<Route, 'id' | 'limited'>,
    signal: AbortSignal,
    call: () => Promise<T>,
  ): Promise<T> {
    const config = this.#configs.get(route.id);
    if (config === undefined) return route.limited(call);
    return route.limited(async () => {
      if (config.breaker !== undefined) await this.#passCircuit(config.id, config.breaker);
      if (config.rateLimit !== undefined) await this.#awaitTurn(config.id, config.rateLimit, signal);
      try {
        const answer = await call();
        await this.#answered(config.id);
        return answer;
      } catch (error) {
        await this.#ended(config, error);
        throw error;
      }
    });
  }

  async #passCircuit(id: string, { openSeconds }: NonNullable<ConnectionConfig['breaker']>): Promise<void> {
    const { openedAt } = await this.#circuit(id, CIRCUIT_AGE_MS);
    if (openedAt === null) return;
    const at = await this.store.now();
    const left = openedAt.getTime() + openSeconds * 1000 - at.getTime();
    if (left <= 0) {
      if (await takeTrial(this.store, id, at)) return;
      // Another process may have found it well meanwhile.
      if ((await this.#circuit(id, 0)).openedAt === null) return;
    }
    throw new CordonError(
      'circuit_open',
      `${id} has not answered since ${openedAt.toISOString()}: nothing is told to it until a trial call is answered.`,
      { retryAfterMs: Math.max(left, TRIED_AGAIN_MS) },
    );
  }

  async #awaitTurn(
    id: string,
    limit: NonNullable<ConnectionConfig['rateLimit']>,
    signal: AbortSignal,
  ): Promise<void> {
    for (let waited = 0; ;) {
      const wait = await takeCall(this.store, id, limit, await this.store.now());
      if (wait === 0) return;
      if (waited + wait > LIMIT_WAIT_MS)
        throw new CordonError(
          'rate_limited',
          `${id} may be called ${String(limit.calls)} times in ${String(limit.perSeconds)} s, and was.`,
          { retryAfterMs: wait },
        );
      waited += wait;
      await pause(wait, undefined, { signal }).catch((cause: unknown) => {
        throw new CordonError('cancelled', 'The attempt was cancelled.', { cause });
      });
    }
  }

  async #ended(config: ConnectionConfig, error: unknown): Promise<void> {
    if (config.breaker === undefined || !(error instanceof CordonError) || NO_MATTER.has(error.type)) return;
    if (DID_NOT_ANSWER.has(error.type))
      this.#keep(config.id, await noteFailure(this.store, config.id, config.breaker, error.message));
    else await this.#answered(config.id);
  }

  async #answered(id: string): Promise<void> {
    const known = this.#circuits.get(id)?.circuit ?? CLOSED;
    if (known.failures === 0) return;
    await noteAnswer(this.store, id);
    this.#keep(id, CLOSED);
  }

  async #circuit(id: string, maxAgeMs: number): Promise<Circuit> {
    const known = this.#circuits.get(id);
    if (known !== undefined && Date.now() - known.readAt < maxAgeMs) return known.circuit;
    const circuit = await readCircuit(this.store, id);
    this.#keep(id, circuit);
    return circuit;
  }

  #keep(id: string, circuit: Circuit): void {
    this.#circuits.set(id, { circuit, readAt: Date.now() });
  }
}
