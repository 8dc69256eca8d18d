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

/** How long a wave may stay a local activity: about five times cheaper, but it holds the workflow task. */
const PATIENCE_MS = 1500;

const quick = proxyLocalActivities<CordonActivities>({
  startToCloseTimeout: '20 seconds',
  scheduleToCloseTimeout: '45 seconds',
  retry: { initialInterval: '200 milliseconds', maximumAttempts: 2 },
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

/** Tries the cheap way; any failure of it but a cancellation goes the regular way. */
async function cheaply<T>(cheap: () => Promise<T>, regular: () => Promise<T>): Promise<T> {
  try {
    return await cheap();
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('a local activity failed, its regular twin takes over', { error });
    return regular();
  }
}

async function runWave(input: WaveInput): Promise<WaveResult> {
  const first = await cheaply(
    () => quick.runWave({ ...input, patienceMs: PATIENCE_MS }),
    () => steady.runWave(input),
  );
  const slow = new Set(first.items.filter(({ status }) => status === 'running').map(({ id }) => id));
  if (slow.size === 0) return first;
  const { progress: _told, ...rest } = input;
  const second = await steady.runWave({ ...rest, items: input.items.filter(({ id }) => slow.has(id)) });
  return { items: [...first.items.filter(({ id }) => !slow.has(id)), ...second.items] };
}

/** The kit's host on Temporal: time from the history, effects as activities. */
export function temporalHost(): Host {
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
