import { actionSpec, type ActionId } from '../contracts/actions';
import type { IncidentDetail, IncidentSummary } from '../contracts/api';
import type { ApprovalItem, ApprovalRequest } from '../contracts/approval';
import { isDrillConnection } from '../contracts/drill';
import type { JournalEntry } from '../contracts/journal';
import type { Lease } from '../contracts/lease';
import { isFinal } from '../contracts/policy';
import type { Row } from './schema';
import type { Store } from './store';

const MAX_TIMELINE = 1000;
const MAX_LIST = 500;

type IncidentRow = Row<'incidents'> & { alert_count: string; unreviewed: string | null };

const summaryOf = (row: IncidentRow): IncidentSummary => ({
  number: row.number,
  title: row.title,
  status: row.status as IncidentSummary['status'],
  mode: row.mode as IncidentSummary['mode'],
  phase: row.phase as IncidentSummary['phase'],
  severity: row.severity,
  playbook: row.playbook,
  startedBy: row.started_by,
  attention:
    row.attention ??
    (row.unreviewed === null ? null : `${row.unreviewed} broke the glass: another lead must review it.`),
  verdict: row.verdict,
  reopens: row.reopens,
  openedAt: row.opened_at.toISOString(),
  closedAt: row.closed_at?.toISOString() ?? null,
  alertCount: Number(row.alert_count),
});

/** Incidents with the number of their alerts, and who broke the glass there and waits for a review. */
const incidentRows = (store: Store) =>
  store.db
    .selectFrom('incidents')
    .selectAll('incidents')
    .select((eb) =>
      eb
        .selectFrom('alerts')
        .select(eb.fn.countAll<string>().as('n'))
        .whereRef('alerts.incident', '=', 'incidents.number')
        .$asScalar()
        .$notNull()
        .as('alert_count'),
    )
    .select((eb) =>
      eb
        .selectFrom('reviews')
        .select('reviews.person')
        .whereRef('reviews.incident', '=', 'incidents.number')
        .where('reviews.closed_at', 'is', null)
        .orderBy('reviews.opened_at')
        .limit(1)
        .as('unreviewed'),
    );

/** Incidents, newest first; `next` is what to give as `after` for the rest. */
export async function incidentList(
  store: Store,
  page: { status?: string | undefined; limit: number; after?: string | undefined },
): Promise<{ items: IncidentSummary[]; next: string | null }> {
  const rows = await incidentRows(store)
    .$if(page.status !== undefined, (query) => query.where('status', '=', page.status ?? ''))
    .$if(page.after !== undefined, (query) => query.where('number', '<', page.after ?? ''))
    .orderBy('number', 'desc')
    .limit(page.limit + 1)
    .execute();
  const items = rows.slice(0, page.limit).map(summaryOf);
  return { items, next: rows.length > page.limit ? (items.at(-1)?.number ?? null) : null };
}

/** Whether there is such an incident, open or closed. */
export async function incidentExists({ db }: Store, number: string): Promise<boolean> {
  const row = await db
    .selectFrom('incidents')
    .select('number')
    .where('number', '=', number)
    .executeTakeFirst();
  return row !== undefined;
}

/** One incident with its alerts, links and what was done. */
export async function incidentOf(store: Store, number: string): Promise<IncidentDetail | undefined> {
  const row = await incidentRows(store).where('number', '=', number).executeTakeFirst();
  if (row === undefined) return undefined;
  const alerts = await store.db
    .selectFrom('alerts')
    .select(['id', 'seq', 'data'])
    .where('incident', '=', number)
    .orderBy('seq')
    .limit(MAX_LIST)
    .execute();
  const links = await store.db
    .selectFrom('incident_links')
    .select(['other', 'why'])
    .where('incident', '=', number)
    .execute();
  const actions = await store.db
    .selectFrom('claims')
    .select(['action', 'connection', 'target_key', 'state', 'outcome', 'group_id', 'item_id', 'occurrence'])
    .where('incident', '=', number)
    .orderBy('created_at')
    .limit(MAX_LIST)
    .execute();
  return {
    ...summaryOf(row),
    alerts: alerts.map(({ id, seq, data }) => ({
      id,
      seq,
      title: data.title,
      severity: data.severity,
      source: data.source,
      occurredAt: data.occurredAt,
    })),
    links,
    actions: actions.map((claim) => ({
      action: claim.action as ActionId,
      connection: claim.connection,
      target: claim.target_key,
      status: claim.state === 'done' ? outcomeOf(claim) : claim.state === 'pending' ? 'pending' : 'running',
      group: claim.group_id,
      item: claim.item_id,
      occurrence: claim.occurrence,
    })),
  };
}

/** What a drill did came about nowhere. */
const outcomeOf = ({ outcome, connection }: Pick<Row<'claims'>, 'outcome' | 'connection'>): string | null =>
  outcome === 'succeeded' && isDrillConnection(connection) ? 'simulated' : outcome;

/** The incident's journal after a seq. */
export async function timelineOf(store: Store, incident: string, after: number): Promise<JournalEntry[]> {
  const rows = await store.db
    .selectFrom('journal')
    .selectAll()
    .where('incident', '=', incident)
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(MAX_TIMELINE)
    .execute();
  return rows.map((row) => ({
    incident: row.incident,
    seq: row.seq,
    at: row.at.toISOString(),
    actor: row.actor,
    kind: row.kind as JournalEntry['kind'],
    data: row.data,
    prevHash: row.prev_hash,
    hash: row.hash,
  }));
}

/** Approval requests with their items and decisions, oldest first. */
export async function approvalRequests(
  store: Store,
  filter: { status?: string; id?: string },
): Promise<ApprovalRequest[]> {
  const requests = await store.db
    .selectFrom('approval_requests')
    .innerJoin('incidents', 'incidents.number', 'approval_requests.incident')
    .selectAll('approval_requests')
    .select(['incidents.title as incident_title', 'incidents.mode'])
    .$if(filter.status !== undefined, (query) =>
      query.where('approval_requests.status', '=', filter.status ?? ''),
    )
    .$if(filter.id !== undefined, (query) => query.where('approval_requests.id', '=', filter.id ?? ''))
    .orderBy('created_at')
    .limit(MAX_LIST)
    .execute();
  if (requests.length === 0) return [];
  const ids = requests.map(({ id }) => id);
  const items = await store.db
    .selectFrom('approval_items')
    .selectAll()
    .where('request_id', 'in', ids)
    .execute();
  const decisions = await store.db
    .selectFrom('decisions')
    .selectAll()
    .where('request_id', 'in', ids)
    .orderBy('n')
    .execute();
  return requests.map((request) => ({
    id: request.id,
    incident: request.incident,
    incidentTitle: request.incident_title,
    mode: request.mode as 'live' | 'drill',
    group: request.group_id,
    phase: request.phase as ApprovalRequest['phase'],
    title: request.title,
    reason: request.reason,
    planHash: request.plan_hash,
    policyVersion: request.policy_version,
    status: request.status as ApprovalRequest['status'],
    createdAt: request.created_at.toISOString(),
    expiresAt: request.expires_at.toISOString(),
    items: items
      .filter((item) => item.request_id === request.id)
      .map((item) =>
        itemOf(
          item,
          decisions.filter(
            (decision) => decision.request_id === request.id && decision.item_hash === item.item_hash,
          ),
        ),
      ),
  }));
}

function itemOf(item: Row<'approval_items'>, decisions: Row<'decisions'>[]): ApprovalItem {
  const spec = actionSpec(item.action as ActionId);
  return {
    itemHash: item.item_hash,
    action: spec.id,
    title: spec.title,
    connection: item.connection,
    simulated: item.simulated,
    target: {
      kind: item.target_kind as ApprovalItem['target']['kind'],
      key: item.target_key,
      label: item.target_label,
    },
    input: item.input,
    leaseSeconds: item.lease_seconds,
    impact: spec.impact,
    reversible: !isFinal(spec.id),
    requirement: item.requirement as unknown as ApprovalItem['requirement'],
    status: item.status as ApprovalItem['status'],
    decisions: decisions.map((decision) => ({
      id: decision.decision_id,
      person: decision.person,
      ...(decision.seat_of === null ? {} : { for: decision.seat_of }),
      roles: decision.roles as ApprovalItem['decisions'][number]['roles'],
      verdict: decision.verdict as ApprovalItem['decisions'][number]['verdict'],
      ...(decision.reason === null ? {} : { reason: decision.reason }),
      channel: decision.channel,
      at: decision.at.toISOString(),
    })),
  };
}

/** Leases in force, or all, newest first. */
export async function containments(store: Store, all: boolean): Promise<Lease[]> {
  const rows = await store.db
    .selectFrom('leases')
    .selectAll()
    .$if(!all, (query) => query.where('status', '<>', 'released'))
    .orderBy('created_at', 'desc')
    .limit(MAX_LIST)
    .execute();
  if (rows.length === 0) return [];
  const holders = await store.db
    .selectFrom('lease_holders')
    .selectAll()
    .where(
      'lease_id',
      'in',
      rows.map(({ id }) => id),
    )
    .orderBy('acquired_at')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    connection: row.connection,
    simulated: row.simulated,
    action: row.action as ActionId,
    inverse: row.inverse as ActionId,
    inverseInput: row.inverse_input,
    target: {
      kind: row.target_kind as Lease['target']['kind'],
      key: row.target_key,
      label: row.target_label,
    },
    status: row.status as Lease['status'],
    weDidIt: row.we_did_it,
    expiresAt: row.expires_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
    releasedAt: row.released_at?.toISOString() ?? null,
    lastError: row.last_error,
    holders: holders
      .filter(({ lease_id }) => lease_id === row.id)
      .map(({ incident, acquired_at, released_at, reason }) => ({
        incident,
        acquiredAt: acquired_at.toISOString(),
        releasedAt: released_at?.toISOString() ?? null,
        reason,
      })),
  }));
}
