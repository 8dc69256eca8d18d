import { z } from 'zod';
import { ActionId } from './actions';
import { AlertView, Entities, TargetScope } from './alert';
import { Failure } from './errors';
import type { QuestionInput, QuestionState } from './question';
import { SCAN_KINDS } from './scans';
import { JsonObject, Mode, Phase, Severity, Target } from './values';

/**
 * A workflow task of a dead worker is handed on after this long; Temporal's default of 10 s would double how long a kill hurts.
 * https://docs.temporal.io/encyclopedia/detecting-workflow-failures
 */
export const WORKFLOW_TASK_TIMEOUT_MS = 5_000;

/** The one workflow type, its maintenance sibling, and how runs are named. */
export const INCIDENT_WORKFLOW = 'incident';
export const MAINTENANCE_WORKFLOW = 'maintenance';
export const incidentWorkflowId = (number: string): string => `incident/${number}`;

/** Signal without content: the run reads from SQL what it has not seen. At most one is outstanding. */
export const NEW_ALERTS_SIGNAL = 'newAlerts';
/** Signal: something that a waiting item depends on may have changed (kill switch lifted, item resolved). */
export const WAKE_SIGNAL = 'wake';
/** Update, id = decision id: a decision was stored. */
export const DECISION_UPDATE = 'decision';
/** Update, id = command id: pause, verdict and the like. */
export const COMMAND_UPDATE = 'command';
export const STATUS_QUERY = 'status';

/** How often people may add to an incident or take out of it. */
export const MOST_TARGET_CHANGES = 200;

/** What a person added to the scope. `seq` counts what people add and take out: each is obeyed once, in order. */
export const AddedTargets = z.object({ seq: z.number().int().positive(), scope: TargetScope });
export type AddedTargets = z.infer<typeof AddedTargets>;

/** Start input of a run. The first alerts ride along, so that the first action needs no extra hop. */
export const IncidentInput = z.object({
  number: z.string(),
  mode: Mode,
  severity: Severity,
  policyVersion: z.string(),
  /** `id@version`, where a person chose it; else the run chooses by the alerts. */
  playbook: z.string().optional(),
  alerts: z.array(AlertView).max(50),
  reopens: z.string().optional(),
  /** What people had added and taken out before there was a run. */
  targets: z
    .object({
      seq: z.number().int().nonnegative(),
      added: z.array(AddedTargets).max(MOST_TARGET_CHANGES),
      removed: z.array(z.string()),
    })
    .optional(),
  /** Its first task may act at once, by local activities. Runs from before there was such a thing do not have it. */
  quickStart: z.boolean().default(false),
});
export type IncidentInput = z.infer<typeof IncidentInput>;

/** A person's command to a run. */
export const Command = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('verdict'),
    id: z.string(),
    verdict: z.enum(['true_positive', 'false_positive', 'benign']),
    by: z.string(),
    reason: z.string(),
  }),
  z.object({
    kind: z.literal('resolve_item'),
    id: z.string(),
    item: z.string(),
    resolution: z.enum(['retry', 'skip']),
    by: z.string(),
    reason: z.string(),
  }),
  /** The alert left: what only it had brought is no longer in the scope. */
  z.object({
    kind: z.literal('detach_alert'),
    id: z.string(),
    alert: z.string(),
    /** Its place in the incident until then; should it come back, it has a later one. */
    seq: z.number().int(),
    by: z.string(),
    reason: z.string(),
  }),
  z.object({ kind: z.literal('close'), id: z.string(), by: z.string(), reason: z.string() }),
  /** Asks for no new wave until `resume`; what is under way ends, and a person's verdict or close still passes. */
  z.object({ kind: z.literal('pause'), id: z.string(), by: z.string(), reason: z.string() }),
  z.object({ kind: z.literal('resume'), id: z.string(), by: z.string(), reason: z.string() }),
  /** The watch that is under way ends later, by this much. */
  z.object({
    kind: z.literal('extend_watch'),
    id: z.string(),
    hours: z.number().int().min(1).max(8784),
    by: z.string(),
    reason: z.string(),
  }),
  /** Standing orders meet these targets like those of an alert that joins late. */
  z.object({
    kind: z.literal('add_target'),
    id: z.string(),
    ...AddedTargets.shape,
    by: z.string(),
    reason: z.string(),
  }),
  /** By their keys. The guard refuses them already; nothing brings them back but `add_target`. */
  z.object({
    kind: z.literal('remove_target'),
    id: z.string(),
    seq: z.number().int().positive(),
    targets: z.array(z.string()).min(1),
    by: z.string(),
    reason: z.string(),
  }),
]);
export type Command = z.infer<typeof Command>;

export const ITEM_STATUSES = [
  'succeeded',
  'already',
  'partial',
  'pending',
  'held',
  'denied',
  'unsupported',
  'failed',
  'unknown',
  'simulated',
] as const;
/** Truthful statuses of an item. Two more exist only while a wave is under way: `awaiting` people, `running` at a vendor. */
export const ItemStatus = z.enum([...ITEM_STATUSES, 'awaiting', 'running']);
export type ItemStatus = z.infer<typeof ItemStatus>;

/** One thing to do in a wave: an action, or the release of what this incident holds by that action on that target. */
export const WaveItem = z.object({
  /** Unique within the group and stable across retries: `isolate_host/host:fin-ws-042`. */
  id: z.string().min(1).max(1500),
  /** 1 at first; one more when the same item is done again on purpose (recurrence, a person's retry). */
  occurrence: z.number().int().min(1),
  action: ActionId,
  input: JsonObject,
  /** True: do not do the action, release the lease that it left. `input` is the action's own input. */
  release: z.boolean().default(false),
  /** For a release: refuse while the newest scan of the host is not clean, unless a lead approves just that. */
  onlyWhenClean: z.boolean().default(false),
  /** Which scans must be clean for that; the antivirus when left out. */
  cleanBy: z.array(z.enum(SCAN_KINDS)).min(1).max(SCAN_KINDS.length).optional(),
  leaseSeconds: z
    .number()
    .int()
    .positive()
    .max(10 * 366 * 86_400)
    .nullable(),
});
export type WaveItem = z.infer<typeof WaveItem>;

/** How much of what a run tells goes along at once; the rest goes with the next. */
export const MOST_TOLD = 100;

/**
 * What a run tells for the record. `n` counts within the run: told again by a retry, it is journaled once.
 * branch: which way a playbook took. note: in its own words. playbook: another one's body goes on within it.
 */
export const Telling = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('branch'),
    n: z.number().int().min(1),
    title: z.string().max(300),
    taken: z.union([z.boolean(), z.string().max(300)]),
  }),
  z.object({ kind: z.literal('note'), n: z.number().int().min(1), text: z.string().max(2000) }),
  z.object({ kind: z.literal('playbook'), n: z.number().int().min(1), playbook: z.string() }),
]);
export type Telling = z.infer<typeof Telling>;

/** Bookkeeping that rides in the same activity. */
export const Progress = z.object({
  phase: Phase.optional(),
  playbook: z.string().optional(),
  title: z.string().optional(),
  attention: z.string().nullable().optional(),
  summary: JsonObject.optional(),
  told: z.array(Telling).max(MOST_TOLD).optional(),
});
export type Progress = z.infer<typeof Progress>;

/** Input of the one activity that acts. It carries no requirement and no grant: the guard finds both in SQL. */
export const WaveInput = z.object({
  incident: z.string(),
  group: z.object({ id: z.string(), phase: Phase, title: z.string(), reason: z.string() }),
  /** False: refuse with `approval_required` instead of asking. */
  ask: z.boolean(),
  items: z.array(WaveItem).min(1).max(500),
  progress: Progress.optional(),
  /** Return after so many ms with `running` for what is still at a vendor; its work goes on in the process. */
  patienceMs: z.number().int().positive().optional(),
});
export type WaveInput = z.infer<typeof WaveInput>;

export const ItemResult = z.object({
  id: z.string(),
  occurrence: z.number().int(),
  action: ActionId,
  target: Target,
  connection: z.string().nullable(),
  status: ItemStatus,
  output: JsonObject.optional(),
  failure: Failure.optional(),
  /** While `awaiting`: which request, and until when. */
  request: z.object({ id: z.string(), expiresAt: z.string() }).optional(),
  /** While `pending`, `held` or `running`: when to look again. */
  againInMs: z.number().int().nonnegative().optional(),
});
export type ItemResult = z.infer<typeof ItemResult>;

export const WaveResult = z.object({ items: z.array(ItemResult) });
export type WaveResult = z.infer<typeof WaveResult>;

export const IncidentUpdate = z.object({
  incident: z.string(),
  progress: Progress.optional(),
  note: z.string().optional(),
  command: Command.optional(),
  close: z
    .object({
      verdict: z.string(),
      reason: z.string(),
      seenAlertSeq: z.number().int(),
      /** The newest of what people added that the run has taken in; left out where there was nothing. */
      seenTargetSeq: z.number().int().optional(),
    })
    .optional(),
});
export type IncidentUpdate = z.infer<typeof IncidentUpdate>;

/** What a run has found and wants in its scope, and by what. */
export const WideningInput = z.object({
  incident: z.string(),
  /** Counts with the tellings of the run. */
  n: z.number().int().min(1),
  why: z.string().min(1).max(2000),
  /** What brought it: `collect/who_clicked find_messages/host:a1`; empty where the playbook says no more. */
  source: z.string().max(2000),
  entities: Entities,
});
export type WideningInput = z.infer<typeof WideningInput>;

/** Everything that a run asks of the world. `workflows/` proxies it, `activities/` implements it. */
export interface CordonActivities {
  /** Settles as much of the wave as can be settled now. Idempotent by its claims: call it again for the rest. */
  runWave(input: WaveInput): Promise<WaveResult>;
  /** Several waves of one run at once; the results in the order of the inputs. One that fails alone has no items yet: it is for `runWave`. */
  runWaves(inputs: WaveInput[]): Promise<WaveResult[]>;
  /** Alerts of the incident after `afterSeq`, in order, at most 50. */
  readAlerts(input: { incident: string; afterSeq: number }): Promise<{ alerts: AlertView[] }>;
  /** Writes phase, note, attention; closes unless alerts or targets joined that the run has not seen. */
  updateIncident(input: IncidentUpdate): Promise<{ closed: boolean; moreAlerts: boolean }>;
  /** Asks people, once however often it is called, and says what has become of the question. */
  askQuestion(input: QuestionInput): Promise<QuestionState>;
  /** Finds out what entities are by the assets, and journals that the run takes them into its scope. */
  widenScope(input: WideningInput): Promise<{ scope: AlertView['scope'] }>;
  /** Releases every lease that the incident holds (verdict false positive, rollback), by a named person. */
  rollBack(input: {
    incident: string;
    by: string;
    reason: string;
  }): Promise<{ released: number; failed: number }>;
  /** One round over approval requests whose next escalation is due, and over leases that are due or whose release failed. */
  sweepLeases(): Promise<{ due: number; released: number; failed: number }>;
  /** Releases one lease: what a person asked for. Repeated until the inverse is verified. */
  releaseLease(input: {
    leaseId: string;
    by: string;
    reason: string;
  }): Promise<{ status: 'released' | 'shared' | 'failed'; failure?: Failure }>;
  /** Compares the leases with what the products say. `audit`: the one that a person asked for. */
  auditLeases(input: {
    audit?: string | undefined;
  }): Promise<{ leases: number; lost: number; unleased: number; unread: number }>;
  /** Polls one source connection and stores what is new. */
  pollSource(input: { connection: string }): Promise<{ alerts: number }>;
  /** Starts a scheduled drill; null where the one before it is open still. The same key is the same drill. */
  startDrill(input: { drill: string; key: string }): Promise<{ incident: string | null }>;
}

/** What `maintenance` does: one activity each. */
export const MaintenanceInput = z.discriminatedUnion('task', [
  z.object({ task: z.literal('sweep_leases') }),
  z.object({ task: z.literal('release_lease'), leaseId: z.string(), by: z.string(), reason: z.string() }),
  z.object({ task: z.literal('roll_back'), incident: z.string(), by: z.string(), reason: z.string() }),
  z.object({ task: z.literal('audit_leases'), audit: z.string().optional() }),
  z.object({ task: z.literal('poll_source'), connection: z.string() }),
  z.object({ task: z.literal('start_drill'), drill: z.string() }),
]);
export type MaintenanceInput = z.infer<typeof MaintenanceInput>;

/** Answer of the status query. */
export interface RunStatus {
  playbook: string | null;
  phase: Phase;
  attention: string | null;
  items: { id: string; group: string; status: ItemStatus; target: string }[];
  waitingFor: string[];
}
