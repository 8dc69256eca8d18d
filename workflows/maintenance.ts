import { ApplicationFailure, proxyActivities, workflowInfo } from '@temporalio/workflow';
import { z } from 'zod';
import { MaintenanceInput } from '../contracts/messages';
import type { CordonActivities } from '../contracts/messages';

const activities = proxyActivities<CordonActivities>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '1 minute', maximumAttempts: 20 },
});

/** A poll gives up after 30 s by itself: one whose worker died is begun again soon, or nothing is seen for ten minutes. */
const polling = proxyActivities<Pick<CordonActivities, 'pollSource'>>({
  startToCloseTimeout: '45 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '1 minute', maximumAttempts: 20 },
});

/** One chore of the installation: started by a schedule, or by a person's click. */
export async function maintenance(untrusted: unknown): Promise<unknown> {
  const input = MaintenanceInput.safeParse(untrusted);
  if (!input.success)
    throw ApplicationFailure.nonRetryable(`maintenance: ${z.prettifyError(input.error)}`, 'invalid_input');
  const { data } = input;
  switch (data.task) {
    case 'sweep_leases':
      return activities.sweepLeases();
    case 'release_lease':
      return activities.releaseLease({ leaseId: data.leaseId, by: data.by, reason: data.reason });
    case 'roll_back':
      return activities.rollBack({ incident: data.incident, by: data.by, reason: data.reason });
    case 'audit_leases':
      return activities.auditLeases({ audit: data.audit });
    case 'poll_source':
      return polling.pollSource({ connection: data.connection });
    case 'start_drill':
      // Each time of a schedule is a workflow of its own: tried again, it starts no second drill.
      return activities.startDrill({ drill: data.drill, key: workflowInfo().workflowId });
  }
}
