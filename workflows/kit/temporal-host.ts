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

/**
 * A local activity is about five times cheaper than a regular one, but it holds the workflow task. One that is still under way when
 * the task must be renewed (at 80 % of its timeout, 8 s) meets on replay the events of the next task in another order than it met
 * them first, and two at a time end in another order: either loses the run to "nondeterminism" for good (SDK 1.24, seen at kill -9).
 * So they go one after another, so many in one task at most, and none lasts longer than this: 6 s in all.
 */
const LOCAL_IN_ONE_TASK = 3;
const LOCAL_TIMEOUT_MS = 2000;
/** How long a wave may stay a local activity; what a vendor has not done by then goes on in the worker and is waited for regularly. */
const PATIENCE_MS = 1200;

const quick = proxyLocalActivities<CordonActivities>({
  scheduleToCloseTimeout: LOCAL_TIMEOUT_MS,
  retry: { maximumAttempts: 1 },
});
/** Attempts without end: a wave resumes by its claims, and a run must outlive any outage of the worker or of SQL. */
const steady = proxyActivities<CordonActivities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '5 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});
const bookkeeping = proxyActivities<CordonActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});
const rollingBack = proxyActivities<CordonActivities>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});

/** Takes work one after another. */
function queue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

interface Asked {
  input: WaveInput;
  answer: (result: WaveResult | Promise<WaveResult>) => void;
  fail: (error: unknown) => void;
}

/** Whether one more may be local in this workflow task; the length of the history tells one task from the next, also on replay. */
function localBudget(): () => boolean {
  let task = -1;
  let used = 0;
  return () => {
    const { historyLength } = workflowInfo();
    used = historyLength === task ? used + 1 : 1;
    task = historyLength;
    return used <= LOCAL_IN_ONE_TASK;
  };
}

/** The kit's host on Temporal: time from the history, effects as activities. */
export function temporalHost(): Host {
  const oneByOne = queue();
  const mayBeLocal = localBudget();
  /** Tries the cheap way; any failure of it but a cancellation goes the regular way. */
  const cheaply = async <T>(cheap: () => Promise<T>, regular: () => Promise<T>): Promise<T> => {
    try {
      const done = await oneByOne(async () => (mayBeLocal() ? { value: await cheap() } : undefined));
      if (done !== undefined) return done.value;
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.info('a local activity failed, its regular twin takes over', { error });
    }
    return regular();
  };
  /** Waves that are asked for at once, as by parallel phases, go together: they cost what one costs. */
  const asked: Asked[] = [];
  const runTogether = async (): Promise<void> => {
    const batch = asked.splice(0);
    const inputs = batch.map(({ input }) => ({ ...input, patienceMs: PATIENCE_MS }));
    let results: WaveResult[] = [];
    try {
      if (mayBeLocal()) results = await quick.runWaves(inputs);
    } catch (error) {
      if (isCancellation(error)) {
        for (const { fail } of batch) fail(error);
        return;
      }
      log.info('a local activity failed, its regular twin takes over', { error });
    }
    for (const [index, { input, answer }] of batch.entries()) answer(results[index] ?? steady.runWave(input));
  };
  const firstTry = (input: WaveInput): Promise<WaveResult> =>
    new Promise((answer, fail) => {
      asked.push({ input, answer, fail });
      if (asked.length === 1) void oneByOne(runTogether);
    });
  const runWave = async (input: WaveInput): Promise<WaveResult> => {
    const first = await firstTry(input);
    const slow = new Set(first.items.filter(({ status }) => status === 'running').map(({ id }) => id));
    if (slow.size === 0) return first;
    const { progress: _told, ...rest } = input;
    const second = await steady.runWave({ ...rest, items: input.items.filter(({ id }) => slow.has(id)) });
    return { items: [...first.items.filter(({ id }) => !slow.has(id)), ...second.items] };
  };
  return {
    now: () => Date.now(),
    sleep: (ms) => sleep(ms),
    condition: async (fn, timeoutMs) => {
      if (timeoutMs !== undefined) return condition(fn, timeoutMs);
      await condition(fn);
      return true;
    },
    runWave,
    readAlerts: async (input) =>
      (
        await cheaply(
          () => quick.readAlerts(input),
          () => bookkeeping.readAlerts(input),
        )
      ).alerts,
    updateIncident: (update) =>
      cheaply(
        () => quick.updateIncident(update),
        () => bookkeeping.updateIncident(update),
      ),
    rollBack: (input) => rollingBack.rollBack(input),
    historyLength: () => workflowInfo().historyLength,
    log: (message, data) => log.info(message, { ...data }),
  };
}
