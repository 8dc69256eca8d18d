import type { AlertView } from '../../contracts/alert';
import type { Command, IncidentInput, ItemResult, Progress, RunStatus } from '../../contracts/messages';
import { PHASES, type Phase } from '../../contracts/values';
import type { Host } from './host';
import { Ledger, type Order, type Planned } from './ledger';
import { Scope, type ScopeTarget } from './scope';
import { Tellings } from './tellings';

const WAVE_LIMIT = 500;
const PAGE = 50;
const WARN_AT_EVENTS = 10_000;
/** Here the run no longer looks by itself, only when it is woken; far below Temporal's 51,200. */
const HOLD_AT_EVENTS = 30_000;
const LONGEST_PAUSE_MS = 15 * 60_000;

/** How a run ends before its playbook does. */
export interface Ending {
  verdict: string;
  by: string;
  reason: string;
  rollBack: boolean;
}

/** Unwinds a playbook that a person has ended. Thrown and caught inside the kit only. */
export class RunEnded extends Error {
  override readonly name = 'RunEnded';
}

/** When to look again at what is open: at the first expiry, or after a pause that grows while nothing changes. */
function pauseMs(results: readonly ItemResult[], now: number, quietRounds: number): number {
  const pauses = results.map((result) => {
    if (result.status === 'awaiting') {
      const expiry = result.request === undefined ? Number.NaN : Date.parse(result.request.expiresAt);
      return Number.isNaN(expiry) ? 60_000 : Math.max(expiry - now, 0) + 1000;
    }
    const asked = Math.max(result.againInMs ?? 5000, 500);
    return Math.max(asked, Math.min(asked * 1.5 ** Math.min(quietRounds, 40), LONGEST_PAUSE_MS));
  });
  return Math.ceil(Math.min(LONGEST_PAUSE_MS * 4 * 24 * 30, ...pauses));
}

/** A playbook that can go on within another one; which words it is given is none of the run's business. */
interface KnownPlaybook {
  readonly ref: string;
  readonly run: (words: never) => Promise<void>;
}

/** The state of one incident's run, and how it waits. What it does with it is in `life.ts` and `phases.ts`. */
export class Run {
  readonly scope = new Scope();
  readonly ledger = new Ledger();
  readonly orders: Order[] = [];
  readonly tellings = new Tellings();
  /** What has joined the scope by the playbook's own findings. */
  additions: Pick<AlertView, 'occurredAt' | 'scope'>[] = [];
  /** Names of all that was taken for it. */
  readonly widened = new Set<string>();
  /** How often each question was asked; and what waits for an answer, in words. */
  readonly asked = new Map<string, number>();
  readonly openQuestions = new Map<string, string>();
  /** Lets standing orders meet targets that joined late. */
  onLate: (targets: ScopeTarget[]) => void = () => undefined;
  /** Lets standing orders that have left out a known target look at it again. */
  onTouched: (targets: ScopeTarget[]) => void = () => undefined;
  /** The longest watch that a playbook within this one wants. */
  wantedWatchSeconds = 0;
  alerts: AlertView[] = [];
  /** Alerts that joined once the standing orders had ended. */
  hits: (AlertView & { byHand?: true })[] = [];
  recurrences = 0;
  /** Failed items that are being done again. */
  retries = 0;
  playbook: string | null = null;
  offered: string[] = [];
  phase: Phase = 'detected';
  verdict = 'undetermined';
  standing = true;
  /** A person has paused it: no new wave is asked for. */
  paused: { by: string } | undefined;
  /** While a watch is under way: by how much a person lets it end later. */
  watchExtension: { ms: number } | undefined;
  ended: Ending | undefined;
  closed = false;
  /** What the playbook broke by. */
  failure: { error: unknown } | undefined;
  /** Targets that have met every order so far; a phase takes these, a late batch takes the others. */
  readonly caughtUp = new Set<string>();
  seenAlertSeq = 0;
  /** The newest of what people added or took out that the run has obeyed. */
  seenTargetSeq = 0;
  #wakes = 0;
  #newAlerts = false;
  #reading = false;
  readonly #detached = new Map<string, number>();
  #tasks = 0;
  #turn: Promise<void> = Promise.resolve();
  #crash: { error: unknown } | undefined;
  /** What reads the alerts broke: the run cannot go on. */
  #broken = false;
  #sent: Progress = {};

  constructor(
    readonly host: Host,
    readonly input: IncidentInput,
    readonly playbooks: readonly KnownPlaybook[],
  ) {}

  /** How often it was woken: what waits for people looks again when this changes. */
  get wakes(): number {
    return this.#wakes;
  }
  wake(): void {
    this.#wakes += 1;
  }
  newAlerts(): void {
    this.#newAlerts = true;
  }
  get busy(): boolean {
    return this.#tasks > 0 || this.#reading || this.#newAlerts;
  }

  /** Does it once all that was given before is done: of two tellings the later one is true. */
  inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** Runs beside the playbook. What breaks here breaks the run, at its next wait. */
  spawn(work: () => Promise<void>): void {
    this.#tasks += 1;
    void work()
      .catch((error: unknown) => {
        if (!(error instanceof RunEnded)) this.#crash ??= { error };
      })
      .finally(() => {
        this.#tasks -= 1;
      });
  }

  /** Counts the playbook's own work, so that nothing is closed or undone while a wave is under way. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.#tasks += 1;
    try {
      return await work;
    } finally {
      this.#tasks -= 1;
    }
  }

  /** Throws when a person has ended the run, or something that runs beside it broke. */
  check(): void {
    if (this.#crash !== undefined) throw this.#crash.error;
    if (this.ended !== undefined) throw new RunEnded('a person has ended the run');
  }

  /** Forgets that something broke, once a person is told of it; false when the run cannot go on all the same. */
  recover(): boolean {
    if (!this.#broken) this.#crash = undefined;
    return !this.#broken;
  }

  /** Waits until `fn` holds, the time is over, or the run has ended. */
  async until(fn: () => boolean, timeoutMs?: number): Promise<void> {
    this.check();
    await this.host.condition(() => fn() || this.ended !== undefined || this.#crash !== undefined, timeoutMs);
    this.check();
  }
  /** Waits until what runs beside the playbook is done, ended or not. */
  async quiet(): Promise<void> {
    await this.host.condition(() => !this.busy || this.#crash !== undefined);
    if (this.#crash !== undefined) throw this.#crash.error;
  }

  /** Phases go forward, except when an attacker comes back. */
  enter(phase: Phase, back = false): void {
    if (back || PHASES.indexOf(phase) > PHASES.indexOf(this.phase)) this.phase = phase;
  }

  #progress(): Progress | undefined {
    const now: Progress = {
      phase: this.phase,
      attention: this.ledger.attention(),
      ...(this.playbook === null ? {} : { playbook: this.playbook }),
      ...(this.offered.length === 0 ? {} : { summary: { offered: [...this.offered] } }),
    };
    const old = this.#sent;
    const news: Progress = {
      ...(now.phase === old.phase ? {} : { phase: this.phase }),
      ...(now.attention === (old.attention ?? null) ? {} : { attention: now.attention ?? null }),
      ...(now.playbook === undefined || now.playbook === old.playbook ? {} : { playbook: now.playbook }),
      ...(now.summary === undefined || JSON.stringify(now.summary) === JSON.stringify(old.summary)
        ? {}
        : { summary: now.summary }),
    };
    const told = this.tellings.take();
    if (told.length > 0) news.told = told;
    this.#sent = now;
    return Object.keys(news).length === 0 ? undefined : news;
  }

  /** Tells the incident's record what has changed, when no wave will take it along soon. */
  async flush(): Promise<void> {
    for (let more = true; more; more = this.tellings.waiting) {
      const progress = this.#progress();
      if (progress !== undefined) await this.host.updateIncident({ incident: this.input.number, progress });
    }
  }

  async resumed(): Promise<void> {
    await this.flush();
    await this.until(() => this.paused === undefined);
  }

  /** Takes the items through waves until each is settled: one timer for all of them, and any decision wakes it. */
  async settle(order: Order, planned: readonly Planned[]): Promise<void> {
    for (const one of planned) this.ledger.open(order, one);
    let open = [...planned];
    for (let quietRounds = 0; open.length > 0; quietRounds += 1) {
      this.check();
      const wakes = this.#wakes;
      const results: ItemResult[] = [];
      for (let from = 0; from < open.length; from += WAVE_LIMIT) {
        if (this.paused !== undefined) await this.resumed();
        const progress = this.#progress();
        const items = open.slice(from, from + WAVE_LIMIT).map(({ item }) => item);
        const wave = {
          incident: this.input.number,
          group: order.group,
          ask: true,
          items,
          ...(progress === undefined ? {} : { progress }),
        };
        results.push(...(await this.host.runWave(wave)).items);
      }
      if (this.ledger.record(order, results)) quietRounds = 0;
      open = open.filter((one) => this.ledger.isOpen(order, one));
      if (open.length === 0) return;
      this.check();
      const events = this.host.historyLength();
      if (events > WARN_AT_EVENTS)
        this.ledger.note('events', `The run's history has ${WARN_AT_EVENTS} events`, false);
      await this.flush();
      const pending = new Set(open.map(({ item }) => item.id));
      const pause = pauseMs(
        results.filter(({ id }) => pending.has(id)),
        this.host.now(),
        quietRounds,
      );
      await this.until(() => this.#wakes !== wakes, events > HOLD_AT_EVENTS ? undefined : pause);
    }
  }

  /** Before anything returns to the network: every failed containment and eradication has been decided about. */
  async gate(): Promise<void> {
    const clear = (): boolean =>
      this.retries === 0 && this.ledger.failures(['contain', 'eradicate']).length === 0;
    if (clear()) return;
    await this.flush();
    await this.until(clear);
  }

  /** Takes alerts in; returns the targets that standing orders must now meet. */
  absorb(alerts: readonly AlertView[]): ScopeTarget[] {
    const late: ScopeTarget[] = [];
    for (const alert of alerts) {
      if (alert.seq <= this.seenAlertSeq) continue;
      this.seenAlertSeq = alert.seq;
      if (alert.seq <= (this.#detached.get(alert.id) ?? 0)) continue;
      this.alerts.push(alert);
      const { added, touched } = this.scope.absorb(alert);
      if (this.standing) {
        late.push(...added);
        this.onTouched(touched);
      } else if (!alert.resolved && touched.length > 0) this.hits.push(alert);
    }
    return late;
  }

  /** Forgets an alert and what only it brought; what is under way there is refused by the guard. */
  detach(alertId: string, seq: number): void {
    this.#detached.set(alertId, seq);
    this.alerts = this.alerts.filter(({ id }) => id !== alertId);
    this.hits = this.hits.filter(({ id }) => id !== alertId);
    const kept = [...this.alerts, ...this.hits, ...this.additions];
    for (const key of this.scope.keep(kept)) this.caughtUp.delete(key);
  }

  /** A person took these out: nothing is left to be done or decided about them. What is under way is refused by the guard. */
  remove(keys: readonly string[]): void {
    const gone = this.scope.remove(keys);
    for (const { key } of gone) this.caughtUp.delete(key);
    this.ledger.dismiss(new Set(gone.map(({ key }) => key)));
  }

  /** Reads what the run has not seen, whenever it is told that there is something, until the incident is closed. */
  async pump(onLate: (targets: ScopeTarget[]) => void): Promise<void> {
    while (!this.closed) {
      await this.host.condition(() => this.#newAlerts || this.closed);
      this.#reading = true;
      this.#newAlerts = false;
      for (let full = !this.closed; full;) {
        const page = await this.host.readAlerts({ incident: this.input.number, afterSeq: this.seenAlertSeq });
        const late = this.absorb(page);
        if (late.length > 0) onLate(late);
        full = page.length >= PAGE;
      }
      this.#reading = false;
    }
  }
  /** Starts the pump; what breaks it breaks the run. */
  startPump(onLate: (targets: ScopeTarget[]) => void): void {
    this.onLate = onLate;
    void this.pump(onLate).catch((error: unknown) => {
      this.#crash ??= { error };
      this.#broken = true;
    });
  }

  /** Commands that were taken; a repeated one does nothing. */
  readonly commands = new Map<string, Command>();

  status(): RunStatus {
    return {
      playbook: this.playbook,
      phase: this.closed ? 'closed' : this.phase,
      attention: this.ledger.attention(),
      items: this.ledger.items(),
      waitingFor: [
        ...this.ledger.waitingFor(),
        ...[...this.openQuestions.values()].map((what) => `an answer: ${what}`),
      ],
    };
  }
}
