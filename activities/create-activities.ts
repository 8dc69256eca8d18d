import { tellsPeople } from '../contracts/channel';
import { LeaseAuditor } from './audit';
import { CordonError } from '../contracts/errors';
import {
  incidentWorkflowId,
  type CordonActivities,
  type WaveInput,
  type WaveResult,
} from '../contracts/messages';
import { escalateDue } from '../store/escalations';
import { readAlerts, updateIncident } from './incident';
import { LeaseKeeper } from './leases';
import { pollSource } from './poll-source';
import { askQuestion, widenScope } from './questions';
import { startScheduledDrill } from './start-drill';
import { WaveRunner, type WaveCall } from './run-wave';
import type { RunnerDeps } from './runner-types';

/** One wave that fails must not hold up the others; when all of them fail, Temporal tries again. */
async function runWaves(runner: WaveRunner, inputs: WaveInput[], call: WaveCall): Promise<WaveResult[]> {
  const ends = await Promise.allSettled(inputs.map((input) => runner.runWave(input, call)));
  const failed = ends.filter((end) => end.status === 'rejected');
  if (failed.length === ends.length) throw failed[0]?.reason as Error;
  return ends.map((end) => (end.status === 'fulfilled' ? end.value : { items: [] }));
}

/** The chores of a minute. One that fails does not keep the other from being done. */
async function sweep(
  { store, config }: RunnerDeps,
  leases: LeaseKeeper,
): ReturnType<CordonActivities['sweepLeases']> {
  const tells = tellsPeople(config.channels);
  const [escalated, swept] = await Promise.allSettled([escalateDue(store, { tells }), leases.sweep()]);
  if (escalated.status === 'rejected') throw escalated.reason;
  if (swept.status === 'rejected') throw swept.reason;
  return swept.value;
}

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
    runWaves: (inputs) => runWaves(runner, inputs, callOf()),
    readAlerts: async (input) => {
      own(input.incident);
      return readAlerts(deps, input);
    },
    updateIncident: async (input) => {
      own(input.incident);
      return updateIncident(deps, input);
    },
    askQuestion: async (input) => {
      own(input.incident);
      return askQuestion(deps.store, input);
    },
    widenScope: async (input) => {
      own(input.incident);
      return widenScope(deps, input);
    },
    rollBack: async (input) => {
      own(input.incident);
      return leases.rollBack(input);
    },
    sweepLeases: () => sweep(deps, leases),
    releaseLease: (input) => leases.release(input),
    auditLeases: ({ audit }) => new LeaseAuditor(deps, runner.gates, callOf()).run(audit),
    pollSource: (input) => pollSource(deps, input.connection, callOf().signal),
    startDrill: (input) => startScheduledDrill(deps, input),
    close: () => runner.close(),
  };
}
