import { MOST_TOLD, type Telling } from '../../contracts/messages';

type Untold = Telling extends infer T ? (T extends Telling ? Omit<T, 'n'> : never) : never;

/** What a run tells for the record: it goes along with the next thing that the run asks for, in the order of the telling. */
export class Tellings {
  #n = 0;
  #untold: Telling[] = [];
  /** All of it, for who reads a virtual run. */
  readonly all: Telling[] = [];

  /** The number of what is told by other means than `tell`. */
  next(): number {
    this.#n += 1;
    return this.#n;
  }
  tell(what: Untold): void {
    const telling: Telling = { ...what, n: this.next() };
    this.#untold.push(telling);
    this.all.push(telling);
  }
  /** Whether there is something that has not gone along. */
  get waiting(): boolean {
    return this.#untold.length > 0;
  }
  /** As much as goes along at once; it is told then. */
  take(): Telling[] {
    return this.#untold.splice(0, MOST_TOLD);
  }
}
