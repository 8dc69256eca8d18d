import { actionSpec } from '../../contracts/actions';
import type { AlertView } from '../../contracts/alert';
import { AssetIndex } from '../../contracts/assets';
import { resolveScope } from '../../contracts/correlation';
import type {
  Command,
  IncidentInput,
  IncidentUpdate,
  ItemResult,
  RunStatus,
  Telling,
  WaveInput,
  WaveItem,
  WaveResult,
  WideningInput,
} from '../../contracts/messages';
import type { QuestionInput, QuestionState } from '../../contracts/question';
import { simulatedOutput } from '../../contracts/simulated';
import type { JsonObject } from '../../contracts/values';
import type { Playbook } from './define-playbook';
import type { Decision, Host } from './host';
import { incidentLife } from './life';

/** What becomes of an item; everything left out is the simulated success. */
export type Answer = Partial<Pick<ItemResult, 'status' | 'output' | 'failure' | 'request' | 'againInMs'>>;

/** What happens in a virtual run. Times are milliseconds after its start. */
export interface Script {
  /** The moment at which it starts, in ms since the epoch; when the first alert occurred, when left out. */
  readonly startedAt?: number;
  readonly answer?: (
    item: WaveItem,
    context: { group: string; atMs: number; call: number },
  ) => Answer | undefined;
  /** Hears of each wave before its items are answered. Waves of one `stage` were asked for side by side. */
  readonly onWave?: (wave: WaveInput, context: { atMs: number; stage: number }) => void;
  /** The answer that people have given to a question by now; undefined: none yet, so that silence counts in the end. */
  readonly reply?: (question: QuestionInput, context: { atMs: number }) => JsonObject | undefined;
  /** Sends the run another way than the facts say; undefined: as they say. */
  readonly branch?: (decision: Decision) => boolean | string | undefined;
  /** By which what a playbook finds is known; none: every name is its own. */
  readonly assets?: AssetIndex;
  readonly onUpdate?: (update: IncidentUpdate, atMs: number) => void;
  /** Where it is stopped with a VirtualLimit. Without limits it goes on for as long as the playbook does. */
  readonly limits?: { readonly items: number; readonly ms: number };
  readonly alerts?: readonly { atMs: number; alert: AlertView }[];
  readonly commands?: readonly { atMs: number; command: Command }[];
  readonly wakes?: readonly number[];
}

export interface VirtualRun {
  /** Every item asked for, in order: `contain/cut_the_hosts_off isolate_host/host:a#1`. */
  readonly items: readonly string[];
  readonly updates: readonly IncidentUpdate[];
  /** Every branch that was taken, every note, in order. */
  readonly told: readonly Telling[];
  /** Every question that was asked, once each, with what came of it. */
  readonly questions: readonly VirtualQuestion[];
  readonly rolledBack: boolean;
  readonly status: RunStatus;
  /** How long it took on the virtual clock. */
  readonly tookMs: number;
  /** What it waits for when nothing more will happen; null when it closed. */
  readonly stuck: readonly string[] | null;
}

/** A question of a virtual run. */
export interface VirtualQuestion extends QuestionInput {
  readonly atMs: number;
  readonly status: QuestionState['status'];
  readonly answer: JsonObject | undefined;
}

/** A virtual run was stopped: it asked for more, or lasted longer, than its limits let it. */
export class VirtualLimit extends Error {
  override readonly name = 'VirtualLimit';
  constructor(readonly which: 'items' | 'ms') {
    super(which === 'items' ? 'the run asked for too many items' : 'the run took too long on its clock');
  }
}

const NO_ASSETS = new AssetIndex([]);

interface Waiter {
  fn: () => boolean;
  deadline: number;
  resolve: (held: boolean) => void;
}

/** The kit's host in process: a clock that jumps to the next thing that happens, and effects that are pretended. */
class VirtualHost implements Host {
  readonly items: string[] = [];
  readonly updates: IncidentUpdate[] = [];
  readonly questions = new Map<string, VirtualQuestion>();
  rolledBack = false;
  readonly #alerts: AlertView[];
  readonly #calls = new Map<string, number>();
  readonly #waiters = new Set<Waiter>();
  readonly #asked: { wave: WaveInput; answer: (result: WaveResult) => void }[] = [];
  #stage = 0;
  #now: number;

  constructor(
    readonly startedAt: number,
    firstAlerts: readonly AlertView[],
    readonly script: Script,
  ) {
    this.#now = startedAt;
    this.#alerts = [...firstAlerts];
  }

  now(): number {
    return this.#now;
  }
  async sleep(ms: number): Promise<void> {
    await this.condition(() => false, ms);
  }
  condition(fn: () => boolean, timeoutMs?: number): Promise<boolean> {
    if (fn()) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#waiters.add({
        fn,
        resolve,
        deadline: timeoutMs === undefined ? Infinity : this.#now + timeoutMs,
      });
    });
  }
  runWave(wave: WaveInput): Promise<WaveResult> {
    return new Promise((answer) => {
      this.#asked.push({ wave, answer });
    });
  }
  readAlerts({ afterSeq }: { afterSeq: number }): Promise<readonly AlertView[]> {
    return Promise.resolve(this.#alerts.filter(({ seq }) => seq > afterSeq).slice(0, 50));
  }
  updateIncident(update: IncidentUpdate): Promise<{ closed: boolean; moreAlerts: boolean }> {
    this.updates.push(update);
    this.script.onUpdate?.(update, this.#now - this.startedAt);
    const newest = this.#alerts.at(-1)?.seq ?? 0;
    const moreAlerts = update.close !== undefined && newest > update.close.seenAlertSeq;
    return Promise.resolve({ closed: update.close !== undefined && !moreAlerts, moreAlerts });
  }
  askQuestion(input: QuestionInput): Promise<QuestionState> {
    const { form, about, occurrence } = input;
    const name = `${form.name}/${about}#${String(occurrence)}`;
    const before = this.questions.get(name);
    const atMs = before?.atMs ?? this.#now - this.startedAt;
    const isOver = this.#now >= this.startedAt + atMs + form.withinSeconds * 1000;
    const settled = before?.answer;
    const reply = settled ?? this.script.reply?.(input, { atMs: this.#now - this.startedAt });
    const answer = reply ?? (isOver ? (form.default ?? undefined) : undefined);
    const status =
      before !== undefined && settled !== undefined
        ? before.status
        : reply !== undefined
          ? 'answered'
          : answer === undefined
            ? 'open'
            : 'lapsed';
    this.questions.set(name, { ...input, atMs, status, answer });
    const expiresAt = new Date(this.startedAt + atMs + form.withinSeconds * 1000).toISOString();
    return Promise.resolve({ id: name, status, expiresAt, ...(answer === undefined ? {} : { answer }) });
  }
  widenScope({ entities }: WideningInput): Promise<{ scope: AlertView['scope'] }> {
    return Promise.resolve({ scope: resolveScope({ entities }, this.script.assets ?? NO_ASSETS) });
  }
  branch(decision: Decision): boolean | string {
    return this.script.branch?.(decision) ?? decision.fact;
  }
  isEnd(): boolean {
    return false;
  }
  rollBack(): Promise<{ released: number; failed: number }> {
    this.rolledBack = true;
    return Promise.resolve({ released: 1, failed: 0 });
  }
  historyLength(): number {
    return 0;
  }
  log(): void {
    // A virtual run is read from its result.
  }

  join(alert: AlertView): void {
    this.#alerts.push(alert);
  }

  #settle(group: string, item: WaveItem): ItemResult {
    const name = `${group} ${item.id}#${item.occurrence}`;
    const call = (this.#calls.get(name) ?? 0) + 1;
    this.#calls.set(name, call);
    this.items.push(name);
    const answer = this.script.answer?.(item, { group, atMs: this.#now - this.startedAt, call });
    return {
      id: item.id,
      occurrence: item.occurrence,
      action: item.action,
      target: actionSpec(item.action).target(item.input),
      connection: 'virtual',
      status: 'simulated',
      output: simulatedOutput(item, new Date(this.startedAt).toISOString()),
      ...answer,
    };
  }

  /** Answers the waves that were asked for side by side, as on Temporal, where they go in one activity. */
  #answerWaves(): boolean {
    const together = this.#asked.splice(0);
    if (together.length === 0) return false;
    this.#stage += 1;
    const context = { atMs: this.#now - this.startedAt, stage: this.#stage };
    for (const { wave, answer } of together) {
      this.script.onWave?.(wave, context);
      answer({ items: wave.items.map((item) => this.#settle(wave.group.id, item)) });
    }
    return true;
  }

  /** Lets everything run that can, until all wait and no condition holds. */
  async turn(): Promise<void> {
    for (let woke = true; woke;) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      woke = this.#answerWaves();
      this.#checkLimits();
      for (const waiter of [...this.#waiters]) {
        if (!waiter.fn()) continue;
        this.#waiters.delete(waiter);
        waiter.resolve(true);
        woke = true;
      }
    }
  }
  #checkLimits(): void {
    const { limits } = this.script;
    if (limits === undefined) return;
    if (this.items.length > limits.items) throw new VirtualLimit('items');
    if (this.#now - this.startedAt > limits.ms) throw new VirtualLimit('ms');
  }

  /** The next deadline that somebody waits for. */
  nextDeadline(): number {
    return Math.min(Infinity, ...[...this.#waiters].map(({ deadline }) => deadline));
  }
  moveTo(time: number): void {
    this.#now = Math.max(this.#now, time);
    for (const waiter of [...this.#waiters]) {
      if (waiter.deadline > this.#now) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(waiter.fn());
    }
  }
}

/**
 * Runs an incident's whole life in process on a virtual clock: what an author's unit test and a plan use.
 *
 * @example
 * const run = await runVirtually(input, [ransomware], { answer: (item) => (item.id.startsWith('isolate') ? { status: 'denied' } : undefined) });
 * expect(run.items).toContain('release/release_hosts release/isolate_host/host:fin-ws-042#1');
 */
export async function runVirtually(
  input: IncidentInput,
  playbooks: readonly Playbook[],
  script: Script = {},
): Promise<VirtualRun> {
  const startedAt = script.startedAt ?? Date.parse(input.alerts[0]?.occurredAt ?? '2026-01-01T00:00:00Z');
  const host = new VirtualHost(startedAt, input.alerts, script);
  const life = incidentLife(host, input, playbooks);
  const events = [
    ...(script.alerts ?? []).map(({ atMs, alert }) => ({
      atMs,
      happen: () => {
        host.join(alert);
        life.newAlerts();
      },
    })),
    ...(script.commands ?? []).map(({ atMs, command }) => ({ atMs, happen: () => life.command(command) })),
    ...(script.wakes ?? []).map((atMs) => ({ atMs, happen: () => life.wake() })),
  ].sort((a, b) => a.atMs - b.atMs);

  let outcome: { error?: unknown } | undefined;
  void life.live().then(
    () => (outcome = {}),
    (error: unknown) => (outcome = { error }),
  );
  const ended = (): { error?: unknown } | undefined => outcome;
  for (;;) {
    await host.turn();
    if (ended() !== undefined) break;
    const event = events[0];
    const next = Math.min(host.nextDeadline(), event === undefined ? Infinity : startedAt + event.atMs);
    if (next === Infinity) break;
    host.moveTo(next);
    if (event !== undefined && startedAt + event.atMs <= next) {
      events.shift();
      event.happen();
    }
  }
  const end = ended();
  if (end !== undefined && 'error' in end) throw end.error;
  const failure = life.failure();
  if (failure !== undefined)
    throw failure instanceof Error ? failure : new Error('the playbook failed', { cause: failure });
  const { items, updates, rolledBack } = host;
  const status = life.status();
  return {
    items,
    updates,
    told: life.told(),
    questions: [...host.questions.values()],
    rolledBack,
    status,
    tookMs: host.now() - startedAt,
    stuck: end === undefined ? status.waitingFor : null,
  };
}
