import { condition, log, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';
import type { CordonActivities, WaveInput, WaveResult } from '../../contracts/messages';
import type { Host } from './host';

/** How long the quick items of a wave wait for a slow one, which goes on in the worker and is waited for by itself. */
const PATIENCE_MS = 1200;

// Regular activities only. Local ones are cheaper, but with SDK 1.24 a run could be lost for good to "nondeterminism" when a worker
// was killed, or stalled, while one was under way and a signal came in: docs/architecture.md.
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

interface Asked {
  input: WaveInput;
  answer: (result: WaveResult) => void;
  fail: (error: unknown) => void;
}

/** Waves that are asked for at once, as by parallel phases, go together in one activity: they cost what one costs. */
function waves(): (input: WaveInput) => Promise<WaveResult> {
  const asked: Asked[] = [];
  const together = async (): Promise<void> => {
    const batch = asked.splice(0);
    try {
      const results = await steady.runWaves(
        batch.map(({ input }) => ({ ...input, patienceMs: PATIENCE_MS })),
      );
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
      if (asked.length === 1) void Promise.resolve().then(together);
    });
}

/** The kit's host on Temporal: time from the history, effects as activities. */
export function temporalHost(): Host {
  const firstTry = waves();
  const runWave = async (input: WaveInput): Promise<WaveResult> => {
    const first = await firstTry(input);
    const quick = first.items.filter(({ status }) => status !== 'running');
    const slow = input.items.filter(({ id }) => !quick.some((one) => one.id === id));
    if (slow.length === 0) return { items: quick };
    const { progress, ...rest } = input;
    // Told once only: by the time that the slow ones end, the incident may be further on.
    const untold = first.items.length === 0 && progress !== undefined ? { progress } : {};
    const second = await steady.runWave({ ...rest, ...untold, items: slow });
    return { items: [...quick, ...second.items] };
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
    readAlerts: async (input) => (await bookkeeping.readAlerts(input)).alerts,
    updateIncident: (update) => bookkeeping.updateIncident(update),
    rollBack: (input) => rollingBack.rollBack(input),
    historyLength: () => workflowInfo().historyLength,
    log: (message, data) => log.info(message, { ...data }),
  };
}
