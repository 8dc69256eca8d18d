import type { Request } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../../contracts/config';
import { Problem } from '../problem';

const MINUTE_S = 60;

/**
 * How often the API may be called in a minute, in each server process: by one person, and from one address without a token that
 * holds. Webhooks have no such limit: an alert is never turned away for coming in a storm.
 */
export class CallLimits {
  readonly #calls: RateLimiterMemory;
  readonly #failures: RateLimiterMemory;
  constructor({ callsPerMinute, failuresPerMinute }: Config['api']) {
    this.#calls = new RateLimiterMemory({ points: callsPerMinute, duration: MINUTE_S });
    this.#failures = new RateLimiterMemory({ points: failuresPerMinute, duration: MINUTE_S });
  }

  /** Counts a call of this person; 429 when it is one too many. */
  async called(person: string): Promise<void> {
    await consume(this.#calls, person, 'This person calls the API too often');
  }

  /**
   * Does what finds out who calls. What ends in 401 counts against the address; after too many it is 429, and nobody looks at the
   * token.
   */
  async attempt<T>(request: Pick<Request, 'ip'>, work: () => Promise<T>): Promise<T> {
    const address = request.ip ?? 'unknown';
    const so = await this.#failures.get(address);
    if (so !== null && so.remainingPoints <= 0)
      throw tooMany(so, 'Too many calls from here had no good token');
    try {
      return await work();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) await this.#failures.penalty(address);
      throw error;
    }
  }
}

async function consume(limiter: RateLimiterMemory, key: string, why: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (error) {
    throw error instanceof RateLimiterRes ? tooMany(error, why) : error;
  }
}

function tooMany({ msBeforeNext }: RateLimiterRes, why: string): Problem {
  const retryAfterSeconds = Math.max(1, Math.ceil(msBeforeNext / 1000));
  return new Problem(429, 'Too many requests', `${why}; try again in ${String(retryAfterSeconds)} s.`, {
    retryAfterSeconds,
  });
}
