import type { ColumnType, Generated, Insertable, Selectable } from 'kysely';
import type { Alert, TargetScope } from '../contracts/alert';
import type { QuestionForm, QuestionStatus } from '../contracts/question';
import type { JsonObject, Json } from '../contracts/values';

// Times are timestamptz; both drivers hand them out as Date. No default uses now(): rule 12.
type Jsonb<T> = ColumnType<T, string, string>;
type Time = ColumnType<Date, Date, Date>;
type NullableJsonb<T> = ColumnType<T | null, string | null | undefined, string | null>;
type OptionalTime = ColumnType<Date | null, Date | null | undefined, Date | null>;

export interface Deliveries {
  id: string;
  source: string;
  delivery_key: string;
  received_at: Time;
  expires_at: Time;
  alert_ids: Jsonb<string[]>;
}
export interface Alerts {
  id: string;
  alert_key: string;
  source: string;
  delivery_id: string;
  received_at: Time;
  updated_at: Time;
  data: Jsonb<Alert>;
  raw: Jsonb<Json>;
  /** Null until the dispatcher has correlated it. */
  incident: string | null;
  /** Order of joining or being updated within the incident. */
  seq: number | null;
  /** True while an arrival or an update waits for the dispatcher. */
  dirty: boolean;
  /** Set when a person started the incident by hand: who, and which playbook. */
  requested: ColumnType<ManualRequest | null, string | null | undefined, string | null>;
}
/** What a person asked for beside the alert itself. */
export interface ManualRequest {
  /** Null where a schedule started it in nobody's name. */
  person: string | null;
  playbook: string | null;
  reason: string;
  /** The scheduled drill that it is. */
  schedule?: string;
}
export interface Incidents {
  number: string;
  title: string;
  status: string;
  mode: string;
  phase: string;
  severity: number;
  policy_version: string;
  playbook: string | null;
  started_by: string;
  opened_at: Time;
  updated_at: Time;
  last_alert_at: Time;
  closed_at: OptionalTime;
  verdict: string | null;
  attention: string | null;
  reopens: string | null;
  alert_seq: number;
  /** Highest seq when the run was last told that there are new alerts. Above `seen_seq`: that signal is outstanding. */
  signalled_seq: number;
  signalled_at: OptionalTime;
  /** Highest seq that the run has read. */
  seen_seq: Generated<number>;
  /** How often people have added targets or taken some out. */
  target_seq: Generated<number>;
  summary: Jsonb<JsonObject>;
}
export interface IncidentLinks {
  incident: string;
  other: string;
  why: string;
  at: Time;
}
/**
 * Targets that left an incident: its run does nothing to them. Those of a detached alert come back with another alert that brings
 * them, those that a person took out by a person's word only.
 */
export interface DetachedTargets {
  incident: string;
  target_key: string;
  at: Time;
  /** Who took it out; null where it left with an alert. */
  person: ColumnType<string | null, string | null | undefined, string | null>;
  reason: ColumnType<string | null, string | null | undefined, string | null>;
  /** Keys by which alerts about it were correlated with the incident. */
  keys: NullableJsonb<string[]>;
}
/** Targets that people added, as the run sees them. */
export interface IncidentTargets {
  incident: string;
  seq: number;
  keys: Jsonb<string[]>;
  scope: Jsonb<TargetScope>;
  person: string;
  reason: string;
  at: Time;
}
/** Who brought something into an incident by hand; see `store/askers.ts`. */
export interface IncidentAskers {
  incident: string;
  person: string;
  at: Time;
}
/** Answers that a repeat of the same request gets again; see `store/once.ts`. */
export interface RepeatableRequests {
  person: string;
  key: string;
  /** Hash of what was asked. */
  content: string;
  /** Null only inside the transaction that finds it. */
  answer: NullableJsonb<JsonObject>;
  at: Time;
}
/** Rows exist to be locked in sorted order by a correlation. */
export interface Entities {
  key: string;
}
export interface IncidentEntities {
  incident: string;
  key: string;
  last_seen: Time;
}
export interface Outbox {
  id: Generated<string>;
  kind: string;
  /** Rows of one key go out in order. */
  key: string;
  payload: Jsonb<JsonObject>;
  created_at: Time;
  attempts: Generated<number>;
  next_at: Time;
  done_at: OptionalTime;
  error: string | null;
}
export interface ApprovalRequests {
  id: string;
  incident: string;
  group_id: string;
  phase: string;
  title: string;
  reason: string;
  plan_hash: string;
  policy_version: string;
  status: string;
  created_at: Time;
  expires_at: Time;
}
export interface ApprovalItems {
  request_id: string;
  item_hash: string;
  action_key: string;
  action: string;
  connection: string;
  simulated: boolean;
  target_kind: string;
  target_key: string;
  target_label: string;
  input: Jsonb<JsonObject>;
  lease_seconds: number | null;
  requirement: Jsonb<JsonObject>;
  status: string;
}
/** Who is told of a request when it is still open at a time. */
export interface ApprovalEscalations {
  request_id: string;
  /** 1, 2 … in the order of `due_at`. */
  step: number;
  due_at: Time;
  people: Jsonb<string[]>;
  channels: Jsonb<string[]>;
  told_at: OptionalTime;
}
/** What was done in an emergency by one person alone, until another lead has looked at it. */
export interface Reviews {
  id: string;
  incident: string;
  request_id: string;
  person: string;
  reason: string;
  /** Hashes of the items. */
  items: Jsonb<string[]>;
  opened_at: Time;
  closed_at: OptionalTime;
  closed_by: string | null;
  note: string | null;
}
export interface Decisions {
  decision_id: string;
  request_id: string;
  item_hash: string;
  person: string;
  roles: Jsonb<string[]>;
  verdict: string;
  reason: string | null;
  channel: string;
  at: Time;
  /** Order of arrival; the newest of a person counts. */
  n: Generated<string>;
  /** `person` where the person was authenticated; else `channel:<id>`: all that it says is one voice. */
  voice: Generated<string>;
  /** Hash of all that was decided: the same decision id with another one is refused. */
  content: Generated<string>;
  /** In whose seat, where that is not the person's own. `roles` are then those of the seat. */
  seat_of: string | null;
}
export interface Delegations {
  id: string;
  from_person: string;
  to_person: string;
  until: Time;
  reason: string;
  created_at: Time;
  revoked_at: OptionalTime;
}
export interface Claims {
  action_key: string;
  incident: string;
  group_id: string;
  item_id: string;
  item_hash: string;
  occurrence: number;
  action: string;
  connection: string;
  target_key: string;
  /** `claimed`, `pending` at the vendor, or `done`. */
  state: string;
  /** Status of the item once done. */
  outcome: string | null;
  attempt: number;
  /** Grows with each attempt; an older one may not call any more. */
  fence: number;
  owner: string;
  heartbeat_at: Time;
  first_probe: Jsonb<JsonObject> | null;
  input: Jsonb<JsonObject>;
  output: ColumnType<JsonObject | null, string | null, string | null>;
  failure: ColumnType<JsonObject | null, string | null, string | null>;
  token: string | null;
  again_at: OptionalTime;
  created_at: Time;
  settled_at: OptionalTime;
}
export interface Leases {
  id: string;
  connection: string;
  /** The product that did it; the undo goes to no other, whatever the connection is now. */
  integration: string;
  simulated: boolean;
  action: string;
  inverse: string;
  inverse_input: Jsonb<JsonObject>;
  target_kind: string;
  target_key: string;
  target_label: string;
  status: string;
  we_did_it: boolean;
  expires_at: OptionalTime;
  created_at: Time;
  released_at: OptionalTime;
  release_attempts: Generated<number>;
  last_error: string | null;
  /** What the longest holder took it for; an extension by silence is as long. Null: until somebody releases it. */
  length_seconds: ColumnType<number | null, number | null | undefined, number | null>;
  /** How often silence has extended it since a person did. */
  extensions: Generated<number>;
  /** When people were asked what shall become of it. */
  asked_at: OptionalTime;
  /** When an audit first found that the product no longer has it. */
  lost_at: OptionalTime;
}
export interface ConnectionBreakers {
  connection: string;
  /** Calls in a row that were not answered, since `failing_since`. */
  failures: number;
  failing_since: Time;
  /** Since when no call is let through; null while all are. */
  opened_at: OptionalTime;
  /** When the one call that tries it was let through. */
  trial_at: OptionalTime;
  last_error: string;
}
export interface LeaseAudits {
  id: string;
  asked_by: string;
  asked_at: Time;
  finished_at: OptionalTime;
  rows: ColumnType<Json | null, string | null | undefined, string | null>;
}
export interface LeaseHolders {
  lease_id: string;
  incident: string;
  acquired_at: Time;
  released_at: OptionalTime;
  reason: string;
}
/** One claim over acquire to release of a (connection, target, action pair). */
export interface LeaseLocks {
  key: string;
  owner: string;
  fence: number;
  heartbeat_at: Time;
}
export interface BudgetUses {
  budget: string;
  action_key: string;
  at: Time;
  returned: Generated<boolean>;
}
export interface Journal {
  incident: string;
  seq: number;
  at: Time;
  actor: string;
  kind: string;
  data: Jsonb<JsonObject>;
  prev_hash: string;
  hash: string;
  /** The transaction that appended it; an order over all chains. Null for what was there before that was kept. */
  tx: Generated<string | null>;
}
export interface JournalHeads {
  incident: string;
  seq: number;
  hash: string;
  /** How far the last seal reaches; smaller than seq: the next one takes it in. */
  sealed_seq: Generated<number>;
}
export interface JournalSeals {
  n: number;
  at: Time;
  /** `{ "<incident>": { seq, hash } }` of the heads that moved since the last seal. */
  heads: Jsonb<JsonObject>;
  prev_hash: string;
  hash: string;
  signature: string;
}
export interface People {
  id: string;
  name: string;
  email: string | null;
  roles: Jsonb<string[]>;
  active: boolean;
}
export interface Tokens {
  id: string;
  person: string;
  hash: string;
  label: string;
  created_at: Time;
  expires_at: OptionalTime;
  revoked_at: OptionalTime;
}
export interface Policies {
  version: string;
  body: Jsonb<JsonObject>;
  loaded_at: Time;
}
export interface Settings {
  key: string;
  value: Jsonb<Json>;
}
export interface Evidence {
  incident: string;
  sha256: string;
  name: string;
  media_type: string;
  bytes: number;
  stored_at: Time;
  by_action: string;
}
export interface BlocklistEntries {
  list: string;
  ip: string;
  reason: string;
  expires_at: OptionalTime;
}
export interface PollCursors {
  connection: string;
  /** Null until a poll has succeeded. */
  cursor: ColumnType<JsonObject | null, string | null, string | null>;
  polled_at: OptionalTime;
  /** Polls that failed since the last that did not. */
  failures: number;
  error: string | null;
}
/** One message to one recipient about one request; see `store/notices.ts`. */
export interface Notices {
  id: Generated<string>;
  channel: string;
  request_id: string;
  event: string;
  /** A person, or empty: the channel as a whole. */
  recipient: string;
  /** Channel, request, event, recipient and step: the same notice is sent once, however often it is asked for. */
  dedupe: string;
  details: Jsonb<JsonObject>;
  /** `due`, `sent`, `skipped` (nothing to tell any more), or `failed`. */
  state: string;
  /** Grows when there is something newer to tell. */
  wanted: Generated<number>;
  attempts: Generated<number>;
  created_at: Time;
  next_at: Time;
  done_at: OptionalTime;
  error: string | null;
  /** What the product calls the message. */
  posted: string | null;
}
/** A question of a run to people. */
export interface Questions {
  id: string;
  incident: string;
  name: string;
  /** What it is about where a run asks the same of several things; else empty. */
  about: string;
  occurrence: number;
  form: Jsonb<QuestionForm>;
  status: QuestionStatus;
  asked_at: Time;
  expires_at: Time;
}
/** The answer that counts: the first one, or what silence gave. */
export interface Answers {
  question: string;
  answer_id: string;
  answer: Jsonb<JsonObject>;
  answered_by: string;
  channel: string;
  at: Time;
}
/** What a run has told of itself, by its number: told twice, it is journaled once. */
export interface RunTellings {
  incident: string;
  n: number;
}
export interface IncidentCounters {
  year: number;
  last: number;
}

/** All tables; the migrations beside them make them. */
export interface Schema {
  deliveries: Deliveries;
  alerts: Alerts;
  incidents: Incidents;
  incident_links: IncidentLinks;
  detached_targets: DetachedTargets;
  incident_targets: IncidentTargets;
  incident_askers: IncidentAskers;
  repeatable_requests: RepeatableRequests;
  entities: Entities;
  incident_entities: IncidentEntities;
  incident_counters: IncidentCounters;
  outbox: Outbox;
  approval_requests: ApprovalRequests;
  approval_items: ApprovalItems;
  approval_escalations: ApprovalEscalations;
  reviews: Reviews;
  decisions: Decisions;
  delegations: Delegations;
  claims: Claims;
  leases: Leases;
  lease_holders: LeaseHolders;
  lease_locks: LeaseLocks;
  lease_audits: LeaseAudits;
  connection_breakers: ConnectionBreakers;
  budget_uses: BudgetUses;
  journal: Journal;
  journal_heads: JournalHeads;
  journal_seals: JournalSeals;
  people: People;
  tokens: Tokens;
  policies: Policies;
  settings: Settings;
  evidence: Evidence;
  blocklist_entries: BlocklistEntries;
  poll_cursors: PollCursors;
  notices: Notices;
  questions: Questions;
  answers: Answers;
  run_tellings: RunTellings;
}
export type Row<T extends keyof Schema> = Selectable<Schema[T]>;
export type NewRow<T extends keyof Schema> = Insertable<Schema[T]>;
