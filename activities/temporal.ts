import { Context } from '@temporalio/activity';
import type { WaveCall } from './run-wave';

/** Heartbeat and cancellation of the activity that is running. */
export function currentActivity(): WaveCall {
  const context = Context.current();
  const workflow = context.info.workflowExecution;
  return {
    heartbeat: () => {
      context.heartbeat();
    },
    signal: context.cancellationSignal,
    ...(workflow === undefined ? {} : { workflowId: workflow.workflowId }),
  };
}
