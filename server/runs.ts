import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import {
  COMMAND_UPDATE,
  DECISION_UPDATE,
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

const RPC_DEADLINE_MS = 10_000;

/** What the server asks of Temporal. `gone`: that run has ended. */
export interface Runs {
  /** `first`: nobody has started it yet, as far as is known. Its alerts ride along, so it needs no signal. */
  startOrSignal(input: IncidentInput, first: boolean): Promise<'ok' | 'gone'>;
  wake(incident: string): Promise<'ok' | 'gone'>;
  decision(incident: string, decisionId: string): Promise<'ok' | 'gone'>;
  command(incident: string, command: Command): Promise<'ok' | 'gone'>;
  maintenance(id: string, input: MaintenanceInput): Promise<void>;
}

async function orGone(work: () => Promise<unknown>): Promise<'ok' | 'gone'> {
  try {
    await work();
    return 'ok';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || error instanceof WorkflowExecutionAlreadyStartedError)
      return 'gone';
    throw error;
  }
}

/**
 * Runs on a Temporal. `starter` is a client on the connection of a worker in this process, where there is one: the first task
 * of a run that it starts comes back with the answer and need not be fetched.
 */
export function temporalRuns(client: Client, taskQueue: string, starter?: Client): Runs {
  const within = <T>(work: () => Promise<T>, { connection } = client): Promise<T> =>
    connection.withDeadline(Date.now() + RPC_DEADLINE_MS, work);
  const handle = (incident: string) => client.workflow.getHandle(incidentWorkflowId(incident));
  const options = (input: IncidentInput) => ({
    workflowId: incidentWorkflowId(input.number),
    workflowIdReusePolicy: 'REJECT_DUPLICATE' as const,
    taskQueue,
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
    args: [input],
  });
  const signal = (input: IncidentInput): Promise<'ok' | 'gone'> =>
    orGone(() =>
      within(() =>
        client.workflow.signalWithStart(INCIDENT_WORKFLOW, {
          ...options(input),
          signal: NEW_ALERTS_SIGNAL,
          signalArgs: [],
        }),
      ),
    );
  const start = (input: IncidentInput): Promise<'ok' | 'gone'> =>
    orGone(() =>
      starter === undefined
        ? within(() => client.workflow.start(INCIDENT_WORKFLOW, options(input)))
        : within(
            () => starter.workflow.start(INCIDENT_WORKFLOW, { ...options(input), requestEagerStart: true }),
            starter,
          ),
    );
  return {
    // What is there already was started by an attempt whose answer was lost.
    startOrSignal: async (input, first) => (first && (await start(input)) === 'ok' ? 'ok' : signal(input)),
    wake: (incident) => orGone(() => within(() => handle(incident).signal(WAKE_SIGNAL))),
    decision: (incident, decisionId) =>
      orGone(() =>
        within(() =>
          handle(incident).executeUpdate(DECISION_UPDATE, { updateId: decisionId, args: [{ decisionId }] }),
        ),
      ),
    command: (incident, command) =>
      orGone(() =>
        within(() =>
          handle(incident).executeUpdate(COMMAND_UPDATE, { updateId: command.id, args: [command] }),
        ),
      ),
    maintenance: async (id, input) => {
      await orGone(() =>
        within(() =>
          client.workflow.start(MAINTENANCE_WORKFLOW, {
            workflowId: id,
            taskQueue,
            args: [input],
            workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
          }),
        ),
      );
    },
  };
}
