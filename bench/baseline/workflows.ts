import { proxyActivities } from '@temporalio/workflow';
import type { Call, Shape } from '../shapes';

const { act } = proxyActivities<{ act(call: Call): Promise<unknown> }>({
  startToCloseTimeout: '10 seconds',
});

/** The least that an incident can be on Temporal: one regular activity per action. */
export async function respond(shape: Shape, calls: Call[]): Promise<void> {
  if (shape === 'group') await Promise.all(calls.map((call) => act(call)));
  else for (const call of calls) await act(call);
}
