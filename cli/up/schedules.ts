import { ScheduleAlreadyRunning, type Client } from '@temporalio/client';
import type { Config } from '../../contracts/config';
import { MAINTENANCE_WORKFLOW, type MaintenanceInput } from '../../contracts/messages';

const SWEEP_EVERY = '60s';
const AUDIT_EVERY = '3600s';
const POLL_PREFIX = 'cordon/poll/';

/**
 * The chores that time brings: leases that are due, what is contained compared with the products, connections that are polled. Made once; a change of the interval is taken
 * over, and a connection that is polled no longer loses its schedule.
 */
export async function schedule(
  client: Client,
  taskQueue: string,
  config: Pick<Config, 'connections'>,
): Promise<void> {
  const chores: [string, string, MaintenanceInput][] = [
    ['cordon/sweep-leases', SWEEP_EVERY, { task: 'sweep_leases' }],
    ['cordon/audit-leases', AUDIT_EVERY, { task: 'audit_leases' }],
  ];
  for (const connection of config.connections) {
    if (connection.pollSeconds !== undefined)
      chores.push([
        `${POLL_PREFIX}${connection.id}`,
        `${String(connection.pollSeconds)}s`,
        { task: 'poll_source', connection: connection.id },
      ]);
  }
  for (const [scheduleId, every, input] of chores) {
    const spec = { intervals: [{ every: every as `${number}s` }] };
    const action = {
      type: 'startWorkflow' as const,
      workflowType: MAINTENANCE_WORKFLOW,
      taskQueue,
      args: [input],
      workflowId: scheduleId,
    };
    try {
      await client.schedule.create({ scheduleId, spec, action, policies: { overlap: 'SKIP' } });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule.getHandle(scheduleId).update((previous) => ({ ...previous, spec, action }));
    }
  }
  const wanted = new Set(chores.map(([scheduleId]) => scheduleId));
  for await (const { scheduleId } of client.schedule.list())
    if (scheduleId.startsWith(POLL_PREFIX) && !wanted.has(scheduleId))
      await client.schedule.getHandle(scheduleId).delete();
}
