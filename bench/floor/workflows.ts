import { proxyLocalActivities } from '@temporalio/workflow';
import type { Call, Shape } from '../shapes';

const { act } = proxyLocalActivities<{ act(calls: Call[]): Promise<unknown> }>({
  startToCloseTimeout: '10 seconds',
});

/** One run and one workflow task per incident: what can be done at once is done in one local activity. */
export async function respond(shape: Shape, calls: Call[]): Promise<void> {
  if (shape === 'group') await act(calls);
  else for (const call of calls) await act([call]);
}
