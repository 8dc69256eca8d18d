import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import { z } from 'zod';
import {
  Command,
  COMMAND_UPDATE,
  DECISION_UPDATE,
  IncidentInput,
  NEW_ALERTS_SIGNAL,
  STATUS_QUERY,
  WAKE_SIGNAL,
} from '../contracts/messages';
import type { RunStatus } from '../contracts/messages';
import { incidentLife } from './kit/life';
import { temporalHost } from './kit/temporal-host';
import { PLAYBOOKS } from './registry';

/** What the outbox says of a stored decision. The decision itself is in SQL: this only wakes the run. */
const DecisionWake = z.object({ request: z.string(), decisionId: z.string() }).partial().optional();

const newAlerts = defineSignal(NEW_ALERTS_SIGNAL);
const wake = defineSignal(WAKE_SIGNAL);
const decision = defineUpdate<undefined, [unknown]>(DECISION_UPDATE);
const command = defineUpdate<undefined, [unknown]>(COMMAND_UPDATE);
const status = defineQuery<RunStatus>(STATUS_QUERY);

const refuse = (what: string, error: z.ZodError): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`${what}: ${z.prettifyError(error)}`, 'invalid_input');

/** The life of one incident: alerts, playbook, people, watch, close. One workflow type for all playbooks. */
export async function incident(untrusted: unknown): Promise<void> {
  const input = IncidentInput.safeParse(untrusted);
  if (!input.success) throw refuse('start input', input.error);
  const host = temporalHost(input.data.quickStart);
  const life = incidentLife(host, input.data, PLAYBOOKS);

  setHandler(newAlerts, () => {
    host.woken();
    life.newAlerts();
  });
  setHandler(wake, () => {
    host.woken();
    life.wake();
  });
  setHandler(status, () => life.status());
  setHandler(
    decision,
    () => {
      host.woken();
      life.wake();
      return undefined;
    },
    {
      validator: (untrustedWake) => {
        const parsed = DecisionWake.safeParse(untrustedWake ?? undefined);
        if (!parsed.success) throw refuse('decision', parsed.error);
      },
    },
  );
  setHandler(
    command,
    (untrustedCommand) => {
      host.woken();
      const parsed = Command.safeParse(untrustedCommand);
      if (parsed.success) life.command(parsed.data);
      return undefined;
    },
    {
      validator: (untrustedCommand) => {
        const parsed = Command.safeParse(untrustedCommand);
        if (!parsed.success) throw refuse('command', parsed.error);
        const refusal = life.refusal(parsed.data);
        if (refusal !== null) throw ApplicationFailure.nonRetryable(refusal, 'rejected');
      },
    },
  );

  try {
    await life.live();
  } catch (error) {
    if (isCancellation(error)) {
      const attention = 'The run was cancelled: containment stays in force under its leases';
      await CancellationScope.nonCancellable(() =>
        host.updateIncident({ incident: input.data.number, note: attention, progress: { attention } }),
      );
    }
    throw error;
  }
  await condition(allHandlersFinished);
}
