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

/** Temporal's priorities: 1 goes first, 3 is the default. https://docs.temporal.io/develop/task-queue-priority-fairness */
const PRIORITY_OF_SEVERITY: Readonly<Record<number, number>> = { 1: 5, 2: 4, 3: 3, 4: 2, 5: 1 };

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
  /**
   * `first`: nobody has started it yet, as far as is known. Its alerts ride along and it needs no signal: `started`. What runs
   * already is signalled.
   */
  startOrSignal(input: IncidentInput, first: boolean): Promise<'started' | 'ok' | 'gone'>;
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

/**
 * Runs on a Temporal. `starter` gives a client on the connection of a worker in this process, once there is one: the first task of
 * a run that it starts comes back with the answer and need not be fetched.
 */
export function temporalRuns(
  client: Client,
  taskQueue: string,
  starter: () => Client | undefined = () => undefined,
): Runs {
  const within = <T>(work: () => Promise<T>, { connection } = client): Promise<T | 'gone'> =>
    translated(() => connection.withDeadline(Date.now() + SEND_TIMEOUT_MS, work));
  const handle = (incident: string) => client.workflow.getHandle(incidentWorkflowId(incident));
  const ok = (): 'ok' => 'ok';
  const options = (input: IncidentInput) => ({
    workflowId: incidentWorkflowId(input.number),
    workflowIdReusePolicy: 'REJECT_DUPLICATE' as const,
    taskQueue,
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
    // In a storm a critical incident does not wait behind the others: its tasks and activities go first.
    priority: { priorityKey: PRIORITY_OF_SEVERITY[input.severity] ?? 3 },
    args: [input],
  });
  const signal = (input: IncidentInput): Promise<'ok' | 'gone'> =>
    within(() =>
      client.workflow
        .signalWithStart(INCIDENT_WORKFLOW, {
          ...options(input),
          signal: NEW_ALERTS_SIGNAL,
          signalArgs: [],
        })
        .then(ok),
    );
  const start = (input: IncidentInput): Promise<'started' | 'gone'> => {
    const eager = starter();
    const by = eager ?? client;
    return within(
      () =>
        by.workflow
          .start(INCIDENT_WORKFLOW, {
            ...options(input),
            ...(eager === undefined ? {} : { requestEagerStart: true }),
          })
          .then(() => 'started' as const),
      by,
    );
  };
  return {
    // What is there already was started by an attempt whose answer was lost.
    startOrSignal: async (input, first) =>
      first && (await start(input)) === 'started' ? 'started' : signal(input),
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
