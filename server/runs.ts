import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  WorkflowUpdateStage,
  type Client,
} from '@temporalio/client';
import {
  COMMAND_UPDATE,
  INCIDENT_WORKFLOW,
  incidentWorkflowId,
  MAINTENANCE_WORKFLOW,
  NEW_ALERTS_SIGNAL,
  WAKE_SIGNAL,
  WORKFLOW_TASK_TIMEOUT_MS,
  type Command,
  type IncidentInput,
  type MaintenanceInput,
} from '../contracts/messages';
import { SEND_TIMEOUT_MS } from '../store/outbox';
import { isTemporalAway } from '../temporal-config/errors';

/** Temporal does not answer, or not in time. Nothing is wrong with what was to be sent. */
export class TemporalAway extends Error {
  override readonly name = 'TemporalAway';
}

/** Temporal is there, but no worker has answered for this run. */
export class WorkerAway extends Error {
  override readonly name = 'WorkerAway';
}

/** What the server asks of Temporal. `gone`: that run has ended. Throws TemporalAway, WorkerAway, or what is really wrong. */
export interface Runs {
  startOrSignal(input: IncidentInput): Promise<'ok' | 'gone'>;
  /** Something that the run waits for has changed in SQL: a decision, the kill switch. Needs no worker. */
  wake(incident: string): Promise<'ok' | 'gone'>;
  /** A command is answered by the run itself, which may refuse it. */
  command(incident: string, command: Command): Promise<'ok' | 'gone' | { refused: string }>;
  maintenance(id: string, input: MaintenanceInput): Promise<void>;
}

async function translated<T>(work: () => Promise<T>): Promise<T | 'gone'> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || error instanceof WorkflowExecutionAlreadyStartedError)
      return 'gone';
    if (isTemporalAway(error)) throw new TemporalAway('Temporal does not answer.', { cause: error });
    throw error;
  }
}

/** Runs on a Temporal. */
export function temporalRuns(client: Client, taskQueue: string): Runs {
  const within = <T>(work: () => Promise<T>): Promise<T | 'gone'> =>
    translated(() => client.connection.withDeadline(Date.now() + SEND_TIMEOUT_MS, work));
  const handle = (incident: string) => client.workflow.getHandle(incidentWorkflowId(incident));
  const ok = (): 'ok' => 'ok';
  return {
    startOrSignal: (input) =>
      within(() =>
        client.workflow
          .signalWithStart(INCIDENT_WORKFLOW, {
            workflowId: incidentWorkflowId(input.number),
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            taskQueue,
            workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
            args: [input],
            signal: NEW_ALERTS_SIGNAL,
            signalArgs: [],
          })
          .then(ok),
      ),
    wake: (incident) => within(() => handle(incident).signal(WAKE_SIGNAL).then(ok)),
    command: (incident, command) =>
      within(async () => {
        try {
          const update = await handle(incident).startUpdate(COMMAND_UPDATE, {
            updateId: command.id,
            args: [command],
            waitForStage: WorkflowUpdateStage.ACCEPTED,
          });
          await update.result();
          return 'ok';
        } catch (error) {
          if (error instanceof WorkflowUpdateFailedError)
            return { refused: error.cause?.message ?? error.message };
          if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)
            throw new WorkerAway('No worker has taken the command.', { cause: error });
          throw error;
        }
      }),
    maintenance: async (id, input) => {
      await within(() =>
        client.workflow.start(MAINTENANCE_WORKFLOW, {
          workflowId: id,
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          taskQueue,
          args: [input],
          workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
        }),
      );
    },
  };
}
