import { ScheduleAlreadyRunning, type Client } from '@temporalio/client';
import type { Config } from '../../contracts/config';
import { MAINTENANCE_WORKFLOW, type MaintenanceInput } from '../../contracts/messages';

const SWEEP_EVERY = '60s';

/**
 * The chores that time brings: leases that are due, sources that are polled. Each is made once, whichever worker comes first; a
 * change of the interval is taken over.
 */
export async function schedule(
  client: Client,
  taskQueue: string,
  config: Pick<Config, 'connections'>,
): Promise<void> {
  const chores: [string, string, MaintenanceInput][] = [
    ['cordon/sweep-leases', SWEEP_EVERY, { task: 'sweep_leases' }],
  ];
  for (const connection of config.connections) {
    if (connection.pollSeconds !== undefined)
      chores.push([
        `cordon/poll/${connection.id}`,
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
}
