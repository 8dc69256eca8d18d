import { CordonError } from '../contracts/errors';
import { incidentWorkflowId, type CordonActivities } from '../contracts/messages';
import { readAlerts, updateIncident } from './incident';
import { LeaseKeeper } from './leases';
import { pollSource } from './poll-source';
import { WaveRunner, type WaveCall } from './run-wave';
import type { RunnerDeps } from './runner-types';

/** All activities, and the end of them. `callOf` gives heartbeat and cancellation of the activity that is running. */
export function createActivities(
  deps: RunnerDeps,
  callOf: () => WaveCall = () => ({}),
): CordonActivities & { close: () => Promise<void> } {
  const runner = new WaveRunner(deps);
  const leases = new LeaseKeeper(deps, runner);
  /** An incident's run speaks for its own incident only, whatever it says. */
  const own = (incident: string): void => {
    const { workflowId } = callOf();
    if (
      workflowId?.startsWith(incidentWorkflowId('')) === true &&
      workflowId !== incidentWorkflowId(incident)
    )
      throw new CordonError('rejected', `This run is not the run of ${incident}.`);
  };
  return {
    runWave: (input) => runner.runWave(input, callOf()),
    runWaves: (inputs) => Promise.all(inputs.map((input) => runner.runWave(input, callOf()))),
    readAlerts: async (input) => {
      own(input.incident);
      return readAlerts(deps, input);
    },
    updateIncident: async (input) => {
      own(input.incident);
      return updateIncident(deps, input);
    },
    rollBack: async (input) => {
      own(input.incident);
      return leases.rollBack(input);
    },
    sweepLeases: () => leases.sweep(),
    releaseLease: (input) => leases.release(input),
    pollSource: (input) => pollSource(deps, input.connection, callOf().signal),
    close: () => runner.close(),
  };
}
