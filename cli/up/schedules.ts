import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type Client,
  type ScheduleSpec,
} from '@temporalio/client';
import type { Config } from '../../contracts/config';
import { MAINTENANCE_WORKFLOW, type MaintenanceInput } from '../../contracts/messages';
import { isTemporalAway } from '../../temporal-config/errors';

const SWEEP_EVERY = '60s';
const AUDIT_EVERY = '3600s';
const POLL_PREFIX = 'cordon/poll/';
const DRILL_PREFIX = 'cordon/drill/';

/** The id of the schedule of a drill. */
export const drillSchedule = (drill: string): string => `${DRILL_PREFIX}${drill}`;

interface Chore {
  scheduleId: string;
  spec: ScheduleSpec;
  input: MaintenanceInput;
}

const every = (interval: string): ScheduleSpec => ({ intervals: [{ every: interval as `${number}s` }] });

function choresOf({ connections, drills }: Pick<Config, 'connections' | 'drills'>): Chore[] {
  const polls = connections.flatMap(({ id, pollSeconds }): Chore[] =>
    pollSeconds === undefined
      ? []
      : [
          {
            scheduleId: `${POLL_PREFIX}${id}`,
            spec: every(`${String(pollSeconds)}s`),
            input: { task: 'poll_source', connection: id },
          },
        ],
  );
  return [
    { scheduleId: 'cordon/sweep-leases', spec: every(SWEEP_EVERY), input: { task: 'sweep_leases' } },
    { scheduleId: 'cordon/audit-leases', spec: every(AUDIT_EVERY), input: { task: 'audit_leases' } },
    ...polls,
    ...drills.map(({ id, cron, zone }): Chore => ({
      scheduleId: drillSchedule(id),
      spec: { cronExpressions: [cron], timezone: zone },
      input: { task: 'start_drill', drill: id },
    })),
  ];
}

/**
 * The chores that time brings: leases that are due, what is contained compared with the products, connections that are polled, drills.
 * Made once; a change of the interval or of the cron line is taken over, and what is in the configuration no longer loses its schedule.
 */
export async function schedule(
  client: Client,
  taskQueue: string,
  config: Pick<Config, 'connections' | 'drills'>,
): Promise<void> {
  const chores = choresOf(config);
  for (const { scheduleId, spec, input } of chores) {
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
  const wanted = new Set(chores.map(({ scheduleId }) => scheduleId));
  const isOurs = (id: string): boolean => id.startsWith(POLL_PREFIX) || id.startsWith(DRILL_PREFIX);
  for await (const { scheduleId } of client.schedule.list())
    if (isOurs(scheduleId) && !wanted.has(scheduleId)) await client.schedule.getHandle(scheduleId).delete();
}

const LOOK_TIMEOUT_MS = 3_000;

/** When Temporal starts a scheduled drill next, ISO 8601; null where there is no such schedule, it is paused, or Temporal does not answer. */
export async function nextDrillAt(client: Client, drill: string): Promise<string | null> {
  try {
    const { info, state } = await client.withDeadline(Date.now() + LOOK_TIMEOUT_MS, () =>
      client.schedule.getHandle(drillSchedule(drill)).describe(),
    );
    return state.paused ? null : (info.nextActionTimes[0]?.toISOString() ?? null);
  } catch (error) {
    if (error instanceof ScheduleNotFoundError || isTemporalAway(error)) return null;
    throw error;
  }
}
