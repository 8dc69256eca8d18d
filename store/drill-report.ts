import { mayFillSeat } from '../contracts/channel';
import type { DrillReport } from '../contracts/drill';
import type { Requirement } from '../contracts/policy';
import type { Role } from '../contracts/values';
import { askersOf } from './askers';
import type { Row } from './schema';
import type { Store } from './store';

type Asked = DrillReport['requests'][number];

const secondsFrom = (from: Date, to: Date | null | undefined): number | null =>
  to === null || to === undefined ? null : Math.max(0, (to.getTime() - from.getTime()) / 1000);

/** How a drill went so far. `not_found`: there is no such incident; `live`: it is none. */
export async function drillReport(store: Store, number: string): Promise<DrillReport | 'not_found' | 'live'> {
  const { db } = store;
  const incident = await db
    .selectFrom('incidents')
    .selectAll()
    .where('number', '=', number)
    .executeTakeFirst();
  if (incident === undefined) return 'not_found';
  if (incident.mode !== 'drill') return 'live';
  const { contained } = await db
    .selectFrom('lease_holders')
    .select((eb) => eb.fn.min('acquired_at').as('contained'))
    .where('incident', '=', number)
    .executeTakeFirstOrThrow();
  const requests = await db
    .selectFrom('approval_requests')
    .selectAll()
    .where('incident', '=', number)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  const ids = ['', ...requests.map(({ id }) => id)];
  const items = await db.selectFrom('approval_items').selectAll().where('request_id', 'in', ids).execute();
  const decisions = await db
    .selectFrom('decisions')
    .selectAll()
    .where('request_id', 'in', ids)
    .orderBy('n')
    .execute();
  const settled = await db
    .selectFrom('journal')
    .select(['at', 'data'])
    .where('incident', '=', number)
    .where('kind', '=', 'approval_settled')
    .orderBy('seq')
    .execute();
  const people = await db.selectFrom('people').selectAll().where('active', '=', true).orderBy('id').execute();
  const askers = await askersOf(db, number);
  const asked = requests.map((request) => {
    const of = items.filter(({ request_id }) => request_id === request.id);
    const answers = decisions.filter(({ request_id }) => request_id === request.id);
    const approved = settled.filter(
      ({ data }) => data['request'] === request.id && data['status'] === 'approved',
    );
    return requestOf(request, of, answers, approved.at(-1)?.at, { people, askers });
  });
  return {
    incident: number,
    title: incident.title,
    playbook: incident.playbook,
    status: incident.status as DrillReport['status'],
    startedBy: incident.started_by,
    openedAt: incident.opened_at.toISOString(),
    closedAt: incident.closed_at?.toISOString() ?? null,
    firstDecisionSeconds: secondsFrom(incident.opened_at, earliest(decisions)),
    firstContainmentSeconds: secondsFrom(incident.opened_at, contained),
    requests: asked,
    unanswered: asked.flatMap(({ id, answeredBy }) => (answeredBy.length === 0 ? [id] : [])),
  };
}

function requestOf(
  request: Row<'approval_requests'>,
  items: readonly Row<'approval_items'>[],
  decisions: readonly Row<'decisions'>[],
  approvedAt: Date | undefined,
  { people, askers }: { people: readonly Row<'people'>[]; askers: readonly string[] },
): Asked {
  const answeredBy = [...new Set(decisions.map(({ person }) => person))];
  const outcome = outcomeOf(items);
  const mayAnswer = (id: string, roles: Role[]): boolean =>
    items.some(({ requirement }) =>
      mayFillSeat(requirement as unknown as Requirement, { id, roles }, askers),
    );
  return {
    id: request.id,
    title: request.title,
    phase: request.phase as Asked['phase'],
    askedAt: request.created_at.toISOString(),
    expiresAt: request.expires_at.toISOString(),
    outcome,
    firstDecisionSeconds: secondsFrom(request.created_at, earliest(decisions)),
    approvedSeconds: outcome === 'approved' ? secondsFrom(request.created_at, approvedAt) : null,
    answeredBy,
    silent: people
      .filter(({ id, roles }) => !answeredBy.includes(id) && mayAnswer(id, roles as Role[]))
      .map(({ id, name }) => ({ id, name })),
  };
}

const earliest = (decisions: readonly Row<'decisions'>[]): Date | undefined => decisions[0]?.at;

function outcomeOf(items: readonly Row<'approval_items'>[]): Asked['outcome'] {
  const ends = new Set(items.map(({ status }) => status));
  if (ends.has('pending')) return 'open';
  const [one = 'cancelled', ...others] = ends;
  return others.length > 0 ? 'mixed' : (one as Asked['outcome']);
}
