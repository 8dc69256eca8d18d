import { Context } from '@temporalio/activity';
import type { WaveCall } from './run-wave';

/** Heartbeat and cancellation of the activity that is running. */
export function currentActivity(): WaveCall {
  const context = Context.current();
  const workflow = context.info.workflowExecution;
  return {
    // A local activity has nobody to tell: its heartbeat only fills the log with warnings.
    ...(context.info.isLocal
      ? {}
      : {
          heartbeat: () => {
            context.heartbeat();
          },
        }),
    signal: context.cancellationSignal,
    ...(workflow === undefined ? {} : { workflowId: workflow.workflowId }),
  };
}
