import { z } from 'zod';
import { Json, Phase } from './values';

/** Before the id of a connection: its simulation in drills. No configured id has a colon. */
const PREFIX = 'drill:';

/** What stands in for a connection in a drill. Leases, locks and budgets of drills are apart from real ones by it. */
export const drillConnection = (id: string): string => `${PREFIX}${id}`;

/** Whether it is a stand-in: nothing real is ever behind it. */
export const isDrillConnection = (id: string): boolean => id.startsWith(PREFIX);

/** The connection that a stand-in is of. */
export const realConnection = (id: string): string => id.slice(PREFIX.length);

/** The title of a drill: it says so wherever it shows. */
export const drillTitle = (title: string): string =>
  title.startsWith('DRILL: ') ? title : `DRILL: ${title}`;

const when = z.iso.datetime();
const seconds = z.number().nonnegative();

/** What a drill is started with. */
export const DrillInput = z
  .object({
    /** `ransomware`, the newest version, or `ransomware@1`. */
    playbook: z.string().min(1).max(200),
    /** As the source sends it; without a source a normalised alert, or what a `generic` source takes. */
    alert: Json,
    /** Id of a configured source, whose parser reads the alert. */
    source: z.string().min(1).max(63).optional(),
    reason: z.string().trim().min(1).max(2000),
  })
  .strict();
export type DrillInput = z.output<typeof DrillInput>;

export const DrillStarted = z.object({
  incident: z.string(),
  playbook: z.string(),
  /** The same request was sent before; nothing new was made. */
  repeated: z.boolean(),
});
export type DrillStarted = z.infer<typeof DrillStarted>;

/** A drill that the configuration schedules. */
export const ScheduledDrillView = z.object({
  id: z.string(),
  playbook: z.string(),
  cron: z.string(),
  zone: z.string(),
  startedBy: z.string().nullable(),
  /** When Temporal starts it next; null when it does not, or does not answer. */
  nextAt: when.nullable(),
  /** The incident of its newest run. */
  last: z.string().nullable(),
});
export type ScheduledDrillView = z.infer<typeof ScheduledDrillView>;

/** How people did in a drill. Seconds are since its start, those of a request since it was asked; null: it has not happened. */
export const DrillReport = z.object({
  incident: z.string(),
  title: z.string(),
  playbook: z.string().nullable(),
  status: z.enum(['open', 'closed']),
  startedBy: z.string(),
  openedAt: when,
  closedAt: when.nullable(),
  /** Until anybody decided about anything. */
  firstDecisionSeconds: seconds.nullable(),
  /** Until the first simulated containment was in force. */
  firstContainmentSeconds: seconds.nullable(),
  requests: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      phase: Phase,
      askedAt: when,
      expiresAt: when,
      /** approved: all of its items; mixed: they ended differently. */
      outcome: z.enum(['open', 'approved', 'denied', 'expired', 'cancelled', 'mixed']),
      firstDecisionSeconds: seconds.nullable(),
      /** Until the last of its items was approved, when all were. */
      approvedSeconds: seconds.nullable(),
      answeredBy: z.array(z.string()),
      /** Who could have answered, and did not. */
      silent: z.array(z.object({ id: z.string(), name: z.string() })),
    }),
  ),
  /** Ids of requests that nobody answered: expired, or open still. */
  unanswered: z.array(z.string()),
});
export type DrillReport = z.infer<typeof DrillReport>;
