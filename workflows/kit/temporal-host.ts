import {
  condition,
  isCancellation,
  log,
  proxyActivities,
  proxyLocalActivities,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { CordonActivities, WaveInput, WaveResult } from '../../contracts/messages';
import type { Host } from './host';

/** How long the quick items of a wave wait for a slow one, which goes on in the worker and is waited for by itself. */
const PATIENCE_MS = 1200;

/** What local activities may take in all: at 80 % of its timeout (5 s) the task would be renewed while one is under way. */
const LOCAL_MS = 2500;
const LEAST_LOCAL_MS = 500;
/** As many turns as it takes at least from the end of a wave until the playbook asks for the next one. */
const TURNS = 25;

/** Attempts without end: a wave resumes by its claims, and a run must outlive any outage of the worker or of SQL. */
const steady = proxyActivities<CordonActivities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '5 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});
const bookkeeping = proxyActivities<CordonActivities>({
  startToCloseTimeout: '20 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});
const rollingBack = proxyActivities<CordonActivities>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});

/**
 * A local activity spares Temporal most of what a regular one costs, but with SDK 1.24 a run could be lost for good to
 * "nondeterminism" when one outlived its workflow task, or when two ran side by side: docs/architecture.md. So they are used in the
 * first task of a run only, before anything else was waited for, one after another, and for a short time in all. The first that
 * fails is done again as a regular activity, and so is all that follows.
 */
class FirstTask {
  readonly #underWay = new Set<Promise<unknown>>();
  #leftMs = LOCAL_MS;
  #last: Promise<unknown> = Promise.resolve();
  constructor(private open: boolean) {}

  /** From here on, what happens may happen in another task. */
  end(): void {
    this.open = false;
  }

  async run<T>(regular: CordonActivities, work: (activities: CordonActivities) => Promise<T>): Promise<T> {
    const local = this.#last.then(() => this.#locally(work));
    this.#last = local.catch(() => undefined);
    const done = await local;
    if (done !== undefined) return done.value;
    this.end();
    return work(regular);
  }

  /** Counts work that may use the task, from when it is asked for. */
  during<T>(work: Promise<T>): Promise<T> {
    const end: Promise<unknown> = work.catch(() => undefined).then(() => this.#underWay.delete(end));
    this.#underWay.add(end);
    return work;
  }

  /**
   * Whether `fn` holds once what is under way in this task has ended, and what follows from it: then no timer is needed. It always
   * takes as many turns in a replay.
   */
  async reaches(fn: () => boolean): Promise<boolean> {
    for (let turn = 0; this.open && turn < TURNS && !fn(); turn += 1) {
      if (this.#underWay.size === 0) await Promise.resolve();
      else {
        await Promise.race(this.#underWay);
        turn = 0;
      }
    }
    return fn();
  }

  async #locally<T>(work: (activities: CordonActivities) => Promise<T>): Promise<{ value: T } | undefined> {
    if (!this.open || this.#leftMs < LEAST_LOCAL_MS) return undefined;
    const started = Date.now();
    const once = { scheduleToCloseTimeout: this.#leftMs, retry: { maximumAttempts: 1 } };
    try {
      const value = await work(proxyLocalActivities<CordonActivities>(once));
      this.#leftMs -= Date.now() - started;
      return { value };
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.info('a local activity failed, its regular twin takes over', { error });
      return undefined;
    }
  }
}

interface Asked {
  input: WaveInput;
  answer: (result: WaveResult) => void;
  fail: (error: unknown) => void;
}

/** Waves that are asked for at once, as by parallel phases, go together in one activity: they cost what one costs. */
function waves(task: FirstTask): (input: WaveInput) => Promise<WaveResult> {
  const asked: Asked[] = [];
  const together = async (): Promise<void> => {
    const batch = asked.splice(0);
    try {
      const inputs = batch.map(({ input }) => ({ ...input, patienceMs: PATIENCE_MS }));
      const results = await task.run(steady, (activities) => activities.runWaves(inputs));
      for (const [index, { answer, fail }] of batch.entries()) {
        const result = results[index];
        if (result === undefined) fail(new TypeError('runWaves left a wave without a result'));
        else answer(result);
      }
    } catch (error) {
      for (const { fail } of batch) fail(error);
    }
  };
  return (input) =>
    new Promise((answer, fail) => {
      asked.push({ input, answer, fail });
      if (asked.length === 1) void task.during(Promise.resolve().then(together));
    });
}

export interface TemporalHost extends Host {
  /** A signal or an update has come in. */
  woken(): void;
}

/** The kit's host on Temporal: time from the history, effects as activities; `quickStart` as in IncidentInput. */
export function temporalHost(quickStart: boolean): TemporalHost {
  const task = new FirstTask(quickStart);
  const firstTry = waves(task);
  const runWave = async (input: WaveInput): Promise<WaveResult> => {
    const first = await firstTry(input);
    const quick = first.items.filter(({ status }) => status !== 'running');
    const slow = input.items.filter(({ id }) => !quick.some((one) => one.id === id));
    if (slow.length === 0) return { items: quick };
    task.end();
    const { progress, ...rest } = input;
    // Told once only: by the time that the slow ones end, the incident may be further on.
    const untold = first.items.length === 0 && progress !== undefined ? { progress } : {};
    const second = await steady.runWave({ ...rest, ...untold, items: slow });
    return { items: [...quick, ...second.items] };
  };
  return {
    now: () => Date.now(),
    sleep: (ms) => {
      task.end();
      return sleep(ms);
    },
    condition: async (fn, timeoutMs) => {
      if (timeoutMs !== undefined) {
        if (quickStart && (await task.reaches(fn))) return true;
        task.end();
        return condition(fn, timeoutMs);
      }
      await condition(fn);
      return true;
    },
    runWave,
    readAlerts: async (input) => {
      task.end();
      return (await bookkeeping.readAlerts(input)).alerts;
    },
    updateIncident: (update) =>
      task.during(task.run(bookkeeping, (activities) => activities.updateIncident(update))),
    askQuestion: (input) => {
      task.end();
      return bookkeeping.askQuestion(input);
    },
    widenScope: (input) => {
      task.end();
      return bookkeeping.widenScope(input);
    },
    isEnd: isCancellation,
    rollBack: (input) => {
      task.end();
      return rollingBack.rollBack(input);
    },
    woken: () => task.end(),
    historyLength: () => workflowInfo().historyLength,
    log: (message, data) => log.info(message, { ...data }),
  };
}
