import { z } from 'zod';
import { JsonObject } from './values';

/** Journal kinds, frozen once released. */
export const JOURNAL_KINDS = [
  'alert_received',
  'alert_joined',
  'alert_detached',
  'incident_opened',
  'incident_linked',
  'phase_changed',
  'playbook_chosen',
  'approval_requested',
  'decision_recorded',
  'approval_settled',
  'approval_expired',
  'approval_escalated',
  'break_glass_used',
  'review_closed',
  'notice_sent',
  'notice_failed',
  'action_claimed',
  'action_refused',
  'action_held',
  'action_settled',
  'action_pending',
  'action_retried',
  'action_fenced',
  'lease_acquired',
  'lease_joined',
  'lease_extended',
  'lease_due_soon',
  'lease_due',
  'lease_escalated',
  'lease_transferred',
  'lease_release_requested',
  'lease_holder_released',
  'lease_released',
  'lease_release_failed',
  'lease_audit_mismatch',
  'evidence_stored',
  'note_added',
  'question_asked',
  'question_answered',
  'question_lapsed',
  'branch_taken',
  'scope_widened',
  'playbook_joined',
  'verdict_given',
  'item_resolved',
  'run_paused',
  'run_resumed',
  'watch_extended',
  'attention_needed',
  'incident_closed',
  'incident_reopened',
  'drill_scheduled',
  'circuit_opened',
  'circuit_closed',
  'kill_switch_on',
  'kill_switch_off',
  'policy_loaded',
  'token_created',
  'token_revoked',
  'person_added',
  'person_deactivated',
  'delegation_made',
  'delegation_revoked',
  'installation_started',
] as const;
export const JournalKind = z.enum(JOURNAL_KINDS);
export type JournalKind = z.infer<typeof JournalKind>;

/** The chain that holds what belongs to no incident. */
export const SYSTEM_CHAIN = 'SYSTEM';

export const JournalEntry = z.object({
  /** Incident number, or `SYSTEM`. */
  incident: z.string(),
  seq: z.number().int().positive(),
  at: z.string(),
  /** `person:<id>`, `channel:<id>`, `source:<id>`, `run:<incident>`, or `cordon`. */
  actor: z.string(),
  kind: JournalKind,
  data: JsonObject,
  prevHash: z.string(),
  hash: z.string(),
});
export type JournalEntry = z.infer<typeof JournalEntry>;
