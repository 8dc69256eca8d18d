import { actionSpec, type ActionCall, type ActionId } from '../../contracts/actions';
import type { ItemResult, ItemStatus, RunStatus, WaveInput, WaveItem } from '../../contracts/messages';
import type { ScanKind } from '../../contracts/scans';
import type { Additions, Finding } from './finding';
import type { ScopeTarget, SetName } from './scope';

export type OrderKind = 'collect' | 'contain' | 'eradicate' | 'recover' | 'release';

/** A phase over a live set: carried out for all that is in it, and for what joins later. */
export interface Order {
  readonly kind: OrderKind;
  readonly group: WaveInput['group'];
  readonly set: SetName;
  readonly make: (value: unknown) => readonly ActionCall[];
  readonly leaseSeconds: number | null;
  readonly onFind?: 'quarantine';
  readonly verify?: 'first';
  readonly when?: 'clean';
  /** Which targets it is for, and which of them it has met; all, when left out. It is read again as alerts join. */
  readonly only?: { readonly admits: (value: unknown) => boolean; readonly met: Set<string> };
  /** By which scans; the antivirus when left out. */
  readonly by?: readonly ScanKind[];
  /** What of a finding joins the scope. */
  readonly found?: (finding: Finding<unknown, ActionId>) => Additions | undefined;
}

/** An item on its way: what it is for, and what to do again when a person asks for a retry. */
export interface Planned {
  readonly item: WaveItem;
  readonly target: ScopeTarget;
  readonly origin?: Planned;
}

export interface Entry {
  readonly order: Order;
  planned: Planned;
  status: ItemStatus;
  result?: ItemResult;
  /** A person has skipped it or had it done again. */
  resolved: boolean;
}

const OPEN: readonly ItemStatus[] = ['awaiting', 'running', 'pending', 'held'];
const DONE: readonly ItemStatus[] = ['succeeded', 'already', 'simulated'];
const FAILED: readonly ItemStatus[] = ['failed', 'unknown', 'partial'];

/** Whether the effect is known to be in force. */
export const isDone = (status: ItemStatus): boolean => DONE.includes(status);

const inWords = (entry: Entry): string => {
  const why = entry.result?.failure?.message;
  const what = `${actionSpec(entry.planned.item.action).title}${entry.planned.item.release ? ' (release)' : ''}`;
  return `${what}: ${entry.result?.target.label ?? entry.planned.target.key} ${entry.status}${why === undefined ? '' : ` (${why})`}`;
};

/** What has become of each item of the run, and what needs a person. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #notes = new Map<string, { text: string; holds: boolean }>();

  open(order: Order, planned: Planned): void {
    this.#entries.set(`${order.group.id}/${planned.item.id}`, {
      order,
      planned,
      status: 'running',
      resolved: false,
    });
  }

  /** Takes results in; true when any status is news. Results of an older occurrence are none of ours. */
  record(order: Order, results: readonly ItemResult[]): boolean {
    let news = false;
    for (const result of results) {
      const entry = this.#entries.get(`${order.group.id}/${result.id}`);
      if (entry?.planned.item.occurrence !== result.occurrence) continue;
      news ||= entry.status !== result.status;
      entry.status = result.status;
      entry.result = result;
    }
    return news;
  }

  entry(order: Order, planned: Planned): Entry | undefined {
    return this.#entries.get(`${order.group.id}/${planned.item.id}`);
  }
  /** All items of an order so far. */
  entriesOf(order: Order): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.order === order);
  }
  isOpen(order: Order, planned: Planned): boolean {
    return OPEN.includes(this.entry(order, planned)?.status ?? 'running');
  }
  nextOccurrence(order: Order, id: string): number {
    return (this.#entries.get(`${order.group.id}/${id}`)?.planned.item.occurrence ?? 0) + 1;
  }

  /** Containments of a target that this run knows to be in force and that something can take back. */
  containments(target: ScopeTarget): Entry[] {
    return [...this.#entries.values()].filter(
      ({ order, planned, status }) =>
        order.kind === 'contain' &&
        planned.target.key === target.key &&
        actionSpec(planned.item.action).inverse !== null &&
        (isDone(status) || status === 'partial'),
    );
  }

  /** Failed items that nobody has decided about; of containment and eradication only, where asked. */
  failures(kinds?: readonly OrderKind[]): Entry[] {
    return [...this.#entries.values()].filter(
      (entry) =>
        FAILED.includes(entry.status) && !entry.resolved && (kinds?.includes(entry.order.kind) ?? true),
    );
  }
  /** The failed item that a person means: by `group/id`, or by the id alone. */
  failure(name: string): Entry | undefined {
    return this.failures().find(
      ({ order, planned }) => `${order.group.id}/${planned.item.id}` === name || planned.item.id === name,
    );
  }

  /** Nobody has to decide any more about what is on these targets. */
  dismiss(targets: ReadonlySet<string>): void {
    for (const entry of this.#entries.values()) {
      if (!targets.has(entry.planned.target.key)) continue;
      entry.resolved = true;
      for (const about of ['release', 'silence', 'unsupported'])
        this.clear(`${about}:${entry.planned.item.id}`);
    }
    for (const key of targets) for (const about of ['scan', 'backup']) this.clear(`${about}:${key}`);
  }

  note(key: string, text: string, holds: boolean): void {
    this.#notes.set(key, { text, holds });
  }
  clear(key: string): void {
    this.#notes.delete(key);
  }
  /** Whether the run must not end by itself. */
  needsPerson(): boolean {
    return this.failures().length > 0 || [...this.#notes.values()].some((note) => note.holds);
  }
  attention(): string | null {
    const texts = [...[...this.#notes.values()].map((note) => note.text), ...this.failures().map(inWords)];
    return texts.length === 0 ? null : texts.join('; ').slice(0, 2000);
  }

  items(): RunStatus['items'] {
    return [...this.#entries.values()].map(({ order, planned, status, result }) => ({
      id: planned.item.id,
      group: order.group.id,
      status,
      target: result?.target.key ?? planned.target.key,
    }));
  }
  waitingFor(): string[] {
    const waits = [...this.#entries.values()]
      .filter((entry) => OPEN.includes(entry.status))
      .map(({ planned, status, result }) =>
        status === 'awaiting' && result?.request !== undefined
          ? `approval ${result.request.id}: ${planned.item.id}`
          : `${status}: ${planned.item.id}`,
      );
    return [
      ...waits,
      ...this.failures(['contain', 'eradicate']).map((entry) => `a person: ${entry.planned.item.id}`),
    ];
  }
}
