import type { CallContext } from '../contracts/integration';

/** Loops that do one round after another while there is something to do, and otherwise wait for a wake or some time. */
export class Loops {
  readonly #stopped = new AbortController();
  readonly #wakes = new Set<() => void>();
  #running: Promise<void>[] = [];

  /** `failed`: what the log says of a round that threw. */
  constructor(
    private readonly log: CallContext['log'],
    private readonly failed = 'a loop of the server failed; it goes on',
  ) {}

  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Starts a loop. A round answers whether there may be more; what it throws is logged, and it is tried again. */
  start(round: () => Promise<boolean>, pauseMs: number): void {
    this.#running.push(this.#loop(round, pauseMs));
  }

  /** Something came in: look at once. */
  wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /** Ends all loops after their rounds. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.wake();
    await Promise.all(this.#running);
    this.#running = [];
  }

  async #loop(round: () => Promise<boolean>, pauseMs: number): Promise<void> {
    while (!this.signal.aborted) {
      let isMore = false;
      // A wake during the round is not lost: what it tells of may have come after the round looked.
      const meanwhile = { woken: false };
      const remember = (): void => {
        meanwhile.woken = true;
      };
      this.#wakes.add(remember);
      try {
        isMore = await round();
      } catch (error) {
        this.log.warn({ error }, this.failed);
      }
      this.#wakes.delete(remember);
      if (!isMore && !meanwhile.woken) await this.#pause(pauseMs);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#wakes.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#wakes.add(end);
      if (this.signal.aborted) end();
    });
  }
}
