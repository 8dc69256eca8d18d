import type { Change } from '../store/changes';
import { changesBetween, changesEnd } from '../store/changes';
import type { Store } from '../store/store';
import type { CallContext } from '../contracts/integration';
import { Loops } from './loops';

const LOOK_EVERY_MS = 500;
const BEAT_EVERY_MS = 15_000;
const MAX_LISTENERS = 200;
const MAX_PER_PERSON = 12;

/** Somebody who is told what changed. */
export interface Listener {
  readonly person: string;
  /** From where to tell; undefined: from now on. */
  from: bigint | undefined;
  /** What changed up to a position; `lost`: look at everything again. */
  tell(position: bigint, changes: readonly Change[], lost: boolean): void;
  /** Every quarter of a minute; shows that the line lives, and is when the listener's right to listen is looked at. */
  beat(): Promise<void>;
  /** The server ends. */
  close(): void;
}

/**
 * Tells listeners what changed, by looking into SQL: what another server did is seen too. Looks once for all of them, and only
 * while there are any. What a listener missed is read from its own position, so that every line may break at any time.
 */
export class ChangeFeed {
  readonly #listeners = new Set<Listener>();
  #loops: Loops | undefined;
  #position: bigint | undefined;
  #beatAt = 0;

  constructor(
    private readonly store: Store,
    private readonly log: CallContext['log'],
    /** Ends all lines: a process that is told to stop does not wait for them. */
    stopping?: AbortSignal,
  ) {
    stopping?.addEventListener('abort', () => {
      for (const listener of this.#listeners) listener.close();
    });
  }

  /** Begins to tell; false when there are too many already. The answer ends it. */
  listen(listener: Listener): (() => void) | false {
    const own = [...this.#listeners].filter(({ person }) => person === listener.person).length;
    if (this.#listeners.size >= MAX_LISTENERS || own >= MAX_PER_PERSON) return false;
    this.#listeners.add(listener);
    if (this.#loops === undefined) {
      this.#loops = new Loops(this.log, 'what changed could not be read; it is tried again');
      this.#loops.start(() => this.#round(), LOOK_EVERY_MS);
    } else this.#loops.wake();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      void this.#loops?.stop();
      this.#loops = undefined;
      this.#position = undefined;
    };
  }

  async #round(): Promise<boolean> {
    const end = await changesEnd(this.store);
    const from = this.#position ?? end;
    const news = await changesBetween(this.store, from, end);
    this.#position = end;
    for (const listener of this.#listeners) {
      const at = listener.from;
      if (at === undefined) listener.tell(end, [], false);
      else if (at === from) {
        if (news.lost || news.changes.length > 0) listener.tell(end, news.changes, news.lost);
      } else {
        const missed = await changesBetween(this.store, at, end);
        listener.tell(end, missed.changes, missed.lost);
      }
      listener.from = end;
    }
    if (Date.now() - this.#beatAt >= BEAT_EVERY_MS) {
      this.#beatAt = Date.now();
      for (const listener of this.#listeners) await listener.beat();
    }
    return false;
  }
}
