import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  `CREATE TABLE deliveries (
    id text PRIMARY KEY, source text NOT NULL, delivery_key text NOT NULL UNIQUE,
    received_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, alert_ids jsonb NOT NULL)`,
  `CREATE TABLE alerts (
    id text PRIMARY KEY, alert_key text NOT NULL UNIQUE, source text NOT NULL, delivery_id text NOT NULL,
    received_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, data jsonb NOT NULL, raw jsonb NOT NULL,
    incident text, seq integer, dirty boolean NOT NULL, requested jsonb)`,
  `CREATE INDEX alerts_dirty ON alerts (received_at, id) WHERE dirty`,
  `CREATE INDEX alerts_incident ON alerts (incident, seq)`,
  `CREATE TABLE incidents (
    number text PRIMARY KEY, title text NOT NULL, status text NOT NULL CHECK (status IN ('open', 'closed')),
    mode text NOT NULL CHECK (mode IN ('drill', 'live')), phase text NOT NULL, severity integer NOT NULL,
    policy_version text NOT NULL, playbook text, started_by text NOT NULL, opened_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL, last_alert_at timestamptz NOT NULL, closed_at timestamptz, verdict text, attention text,
    reopens text, alert_seq integer NOT NULL, signalled_seq integer NOT NULL, signalled_at timestamptz,
    seen_seq integer NOT NULL DEFAULT 0, summary jsonb NOT NULL)`,
  `CREATE INDEX incidents_opened ON incidents (opened_at DESC, number DESC)`,
  `CREATE INDEX incidents_open ON incidents (number) WHERE status = 'open'`,
  `CREATE INDEX incidents_unseen ON incidents (signalled_at) WHERE status = 'open' AND alert_seq > seen_seq`,
  `CREATE TABLE incident_counters (year integer PRIMARY KEY, last integer NOT NULL)`,
  `CREATE TABLE incident_links (
    incident text NOT NULL, other text NOT NULL, why text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (incident, other))`,
  `CREATE TABLE detached_targets (
    incident text NOT NULL, target_key text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (incident, target_key))`,
  `CREATE TABLE entities (key text PRIMARY KEY)`,
  `CREATE TABLE incident_entities (
    incident text NOT NULL, key text NOT NULL, last_seen timestamptz NOT NULL, PRIMARY KEY (key, incident))`,
  `CREATE TABLE outbox (
    id bigserial PRIMARY KEY, kind text NOT NULL, key text NOT NULL, payload jsonb NOT NULL, created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0, next_at timestamptz NOT NULL, done_at timestamptz, error text)`,
  `CREATE INDEX outbox_due ON outbox (next_at, id) WHERE done_at IS NULL`,
  `CREATE INDEX outbox_key ON outbox (key, id) WHERE done_at IS NULL`,
  `CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL`,
  `CREATE TABLE approval_requests (
    id text PRIMARY KEY, incident text NOT NULL, group_id text NOT NULL, phase text NOT NULL, title text NOT NULL,
    reason text NOT NULL, plan_hash text NOT NULL, policy_version text NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'settled')), created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL)`,
  `CREATE INDEX approval_requests_open ON approval_requests (created_at) WHERE status = 'open'`,
  `CREATE TABLE approval_items (
    request_id text NOT NULL REFERENCES approval_requests, item_hash text NOT NULL, action_key text NOT NULL UNIQUE,
    action text NOT NULL, connection text NOT NULL, simulated boolean NOT NULL, target_kind text NOT NULL,
    target_key text NOT NULL, target_label text NOT NULL, input jsonb NOT NULL, lease_seconds integer,
    requirement jsonb NOT NULL, status text NOT NULL, PRIMARY KEY (request_id, item_hash))`,
  `CREATE TABLE decisions (
    decision_id text NOT NULL, request_id text NOT NULL, item_hash text NOT NULL, person text NOT NULL, roles jsonb NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('approve', 'deny', 'withdraw')), reason text, channel text NOT NULL,
    at timestamptz NOT NULL, n bigserial, voice text NOT NULL DEFAULT 'person', content text NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, item_hash, person, decision_id),
    FOREIGN KEY (request_id, item_hash) REFERENCES approval_items)`,
  `CREATE INDEX decisions_id ON decisions (decision_id)`,
  `CREATE TABLE claims (
    action_key text PRIMARY KEY, incident text NOT NULL, group_id text NOT NULL, item_id text NOT NULL, item_hash text NOT NULL,
    occurrence integer NOT NULL, action text NOT NULL, connection text NOT NULL, target_key text NOT NULL,
    state text NOT NULL CHECK (state IN ('claimed', 'pending', 'done')), outcome text, attempt integer NOT NULL,
    fence integer NOT NULL, owner text NOT NULL, heartbeat_at timestamptz NOT NULL, first_probe jsonb, input jsonb NOT NULL,
    output jsonb, failure jsonb, token text, again_at timestamptz, created_at timestamptz NOT NULL, settled_at timestamptz)`,
  `CREATE INDEX claims_incident ON claims (incident, created_at)`,
  `CREATE TABLE leases (
    id text PRIMARY KEY, connection text NOT NULL, integration text NOT NULL, simulated boolean NOT NULL, action text NOT NULL,
    inverse text NOT NULL,
    inverse_input jsonb NOT NULL, target_kind text NOT NULL, target_key text NOT NULL, target_label text NOT NULL,
    status text NOT NULL CHECK (status IN ('in_force', 'releasing', 'released')), we_did_it boolean NOT NULL,
    expires_at timestamptz, created_at timestamptz NOT NULL, released_at timestamptz,
    release_attempts integer NOT NULL DEFAULT 0, last_error text)`,
  `CREATE UNIQUE INDEX leases_one_in_force ON leases (connection, action, target_key) WHERE status <> 'released'`,
  `CREATE INDEX leases_due ON leases (expires_at) WHERE status <> 'released'`,
  `CREATE TABLE lease_holders (
    lease_id text NOT NULL REFERENCES leases, incident text NOT NULL, acquired_at timestamptz NOT NULL,
    released_at timestamptz, reason text NOT NULL, PRIMARY KEY (lease_id, incident))`,
  `CREATE INDEX lease_holders_incident ON lease_holders (incident) WHERE released_at IS NULL`,
  `CREATE TABLE lease_locks (key text PRIMARY KEY, owner text NOT NULL, fence integer NOT NULL, heartbeat_at timestamptz NOT NULL)`,
  `CREATE TABLE budget_uses (
    budget text NOT NULL, action_key text NOT NULL, at timestamptz NOT NULL, returned boolean NOT NULL DEFAULT false,
    PRIMARY KEY (budget, action_key))`,
  `CREATE INDEX budget_uses_window ON budget_uses (budget, at) WHERE NOT returned`,
  `CREATE TABLE journal (
    incident text NOT NULL, seq integer NOT NULL, at timestamptz NOT NULL, actor text NOT NULL, kind text NOT NULL,
    data jsonb NOT NULL, prev_hash text NOT NULL, hash text NOT NULL, PRIMARY KEY (incident, seq))`,
  `CREATE TABLE journal_heads (
    incident text PRIMARY KEY, seq integer NOT NULL, hash text NOT NULL, sealed_seq integer NOT NULL DEFAULT 0)`,
  `CREATE TABLE journal_seals (
    n integer PRIMARY KEY, at timestamptz NOT NULL, heads jsonb NOT NULL, prev_hash text NOT NULL, hash text NOT NULL,
    signature text NOT NULL)`,
  `CREATE TABLE people (id text PRIMARY KEY, name text NOT NULL, email text, roles jsonb NOT NULL, active boolean NOT NULL)`,
  `CREATE TABLE tokens (
    id text PRIMARY KEY, person text NOT NULL REFERENCES people, hash text NOT NULL UNIQUE, label text NOT NULL,
    created_at timestamptz NOT NULL, expires_at timestamptz, revoked_at timestamptz)`,
  `CREATE TABLE policies (version text PRIMARY KEY, body jsonb NOT NULL, loaded_at timestamptz NOT NULL)`,
  `CREATE TABLE settings (key text PRIMARY KEY, value jsonb NOT NULL)`,
  `CREATE TABLE evidence (
    incident text NOT NULL, sha256 text NOT NULL, name text NOT NULL, media_type text NOT NULL, bytes integer NOT NULL,
    stored_at timestamptz NOT NULL, by_action text NOT NULL, PRIMARY KEY (incident, sha256, name))`,
  `CREATE TABLE blocklist_entries (
    list text NOT NULL, ip text NOT NULL, reason text NOT NULL, expires_at timestamptz, PRIMARY KEY (list, ip))`,
  `CREATE TABLE poll_cursors (
    connection text PRIMARY KEY, cursor jsonb, polled_at timestamptz, failures integer NOT NULL, error text)`,
];

/** The tables that `schema.ts` types. Released migrations never change; a new one is a new file. @public */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
