import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  Accepted,
  Detached,
  IncidentDetail,
  IncidentPage,
  ManualStart,
  Reason,
  Resolution,
  Started,
  Timeline,
  Verdict,
  WatchExtension,
} from '../../../contracts/api';
import type { JsonObject } from '../../../contracts/values';
import { detachAlert } from '../../../store/detach';
import { startByHand } from '../../../store/manual-start';
import { once } from '../../../store/once';
import { enqueue } from '../../../store/outbox';
import { incidentExists, incidentList, incidentOf, timelineOf } from '../../../store/read-models';
import type { Store } from '../../../store/store';
import { Problem } from '../../problem';
import { route, type Route } from '../table';
import { Idempotency, keyOf, keyReused, notFound, type ApiDeps } from './deps';

const Number_ = z.object({ number: z.string().min(1).max(40) });
const AlertPath = Number_.extend({ id: z.string().min(1).max(100) });
const Page = z.object({
  status: z.enum(['open', 'closed']).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().max(40).optional(),
});
const After = z.object({ after: z.coerce.number().int().min(0).default(0) });
const ACCEPTED = { accepted: true } as const;
const CLOSED = {
  404: 'There is no such incident.',
  409: 'It is closed, or the Idempotency-Key stands for another request.',
};

const TOLD = { kind: 'told' };
const isTold = ({ kind }: { kind: string }): boolean => kind === TOLD.kind;

/** A command for the incident's run, beside its state in SQL; it goes out when Temporal takes it. */
async function tell(
  store: Store,
  number: string,
  by: { person: string; key: string | undefined },
  command: JsonObject,
): Promise<void> {
  const request = { ...by, content: { number, command } };
  const answer = await once(store, request, isTold, async (tx, at) => {
    const incident = await tx
      .selectFrom('incidents')
      .select('status')
      .where('number', '=', number)
      .executeTakeFirst();
    if (incident === undefined) throw notFound('incident');
    if (incident.status === 'closed') throw new Problem(409, 'Conflict', `${number} is closed.`);
    const payload = { ...command, id: randomUUID(), by: `person:${by.person}` };
    await enqueue(tx, 'command', number, payload, at);
    return TOLD;
  });
  if (answer.kind === 'reused') throw keyReused();
}

/** Reading incidents. */
export const readingIncidents = ({ store }: ApiDeps): Route[] => [
  route({
    method: 'get',
    path: '/incidents',
    id: 'listIncidents',
    tag: 'incidents',
    summary: 'Incidents, newest first',
    permission: 'read',
    query: Page,
    answer: IncidentPage,
    handle: ({ query }) => incidentList(store, query),
  }),
  route({
    method: 'get',
    path: '/incidents/{number}',
    id: 'getIncident',
    tag: 'incidents',
    summary: 'One incident with its alerts, links and actions',
    permission: 'read',
    params: Number_,
    answer: IncidentDetail,
    problems: { 404: 'There is no such incident.' },
    handle: async ({ params }) => {
      const found = await incidentOf(store, params.number);
      if (found === undefined) throw notFound('incident');
      return found;
    },
  }),
  route({
    method: 'get',
    path: '/incidents/{number}/timeline',
    id: 'getTimeline',
    tag: 'incidents',
    summary: 'The journal of an incident after a seq',
    permission: 'read',
    params: Number_,
    query: After,
    answer: Timeline,
    problems: { 404: 'There is no such incident.' },
    handle: async ({ params, query }) => {
      if (!(await incidentExists(store, params.number))) throw notFound('incident');
      return { items: await timelineOf(store, params.number, query.after) };
    },
  }),
];

/** A route that stores a person's command for the run of an incident, which answers in the timeline. */
const command = <B extends z.ZodType>(
  { store, wake }: ApiDeps,
  one: {
    path: string;
    id: string;
    summary: string;
    body: B;
    tells: (body: z.output<B>) => Parameters<typeof tell>[3];
  },
): Route =>
  route({
    method: 'post',
    path: one.path,
    id: one.id,
    tag: 'incidents',
    summary: one.summary,
    permission: 'verdict',
    params: Number_,
    headers: Idempotency,
    body: one.body,
    status: 202,
    answer: Accepted,
    problems: CLOSED,
    handle: async ({ person, params, body, header }) => {
      await tell(store, params.number, { person: person.id, key: keyOf(header) }, one.tells(body));
      wake();
      return ACCEPTED;
    },
  });

/** Telling an incident's run what people know or want. */
export const steeringIncidents = (deps: ApiDeps): Route[] => [
  command(deps, {
    path: '/incidents/{number}/verdict',
    id: 'giveVerdict',
    summary: 'Say what it was; false_positive takes everything back',
    body: Verdict,
    tells: (body) => ({ kind: 'verdict', ...body }),
  }),
  command(deps, {
    path: '/incidents/{number}/items',
    id: 'resolveItem',
    summary: 'Decide about a failed item: do it again, or go on without',
    body: Resolution,
    tells: (body) => ({ kind: 'resolve_item', ...body }),
  }),
  command(deps, {
    path: '/incidents/{number}/close',
    id: 'closeIncident',
    summary: 'Close; what is in force stays in force',
    body: Reason,
    tells: (body) => ({ kind: 'close', ...body }),
  }),
  command(deps, {
    path: '/incidents/{number}/pause',
    id: 'pauseIncident',
    summary: 'Ask for nothing new until it is resumed; what is under way ends',
    body: Reason,
    tells: (body) => ({ kind: 'pause', ...body }),
  }),
  command(deps, {
    path: '/incidents/{number}/resume',
    id: 'resumeIncident',
    summary: 'Let a paused run go on',
    body: Reason,
    tells: (body) => ({ kind: 'resume', ...body }),
  }),
  command(deps, {
    path: '/incidents/{number}/extend-watch',
    id: 'extendWatch',
    summary: 'Let the watch that is under way end later',
    body: WatchExtension,
    tells: (body) => ({ kind: 'extend_watch', ...body }),
  }),
  route({
    method: 'post',
    path: '/incidents/{number}/rollback',
    id: 'rollBack',
    tag: 'incidents',
    summary: 'Release every containment that the incident holds, also when it is closed',
    permission: 'release',
    params: Number_,
    headers: Idempotency,
    body: Reason,
    status: 202,
    answer: Accepted,
    problems: {
      404: 'There is no such incident.',
      409: 'The Idempotency-Key stands for another request.',
    },
    handle: async ({ person, params, body, header }) => {
      if (!(await incidentExists(deps.store, params.number))) throw notFound('incident');
      const payload = { incident: params.number, by: `person:${person.id}`, reason: body.reason };
      const request = { person: person.id, key: keyOf(header), content: { rollBack: payload } };
      const answer = await once(deps.store, request, isTold, async (tx, at) => {
        await enqueue(tx, 'roll_back', params.number, payload, at);
        return TOLD;
      });
      if (answer.kind === 'reused') throw keyReused();
      deps.wake();
      return ACCEPTED;
    },
  }),
];

/** Incidents that people make: started by hand, or from an alert that does not belong. */
export const makingIncidents = ({ store, playbooks, correlation, wake }: ApiDeps): Route[] => [
  route({
    method: 'post',
    path: '/incidents',
    id: 'startIncident',
    tag: 'incidents',
    summary: 'Start an incident by hand; it correlates like any alert',
    permission: 'start',
    headers: Idempotency,
    body: ManualStart,
    status: 202,
    answer: Started,
    problems: { 409: 'The Idempotency-Key stands for another request.' },
    handle: async ({ person, body, header }) => {
      const key = keyOf(header);
      const known = playbooks.map(({ id, version }) => `${id}@${String(version)}`);
      if (body.playbook !== undefined && !known.includes(body.playbook))
        throw new Problem(
          422,
          'Unprocessable content',
          `playbook: there is no ${body.playbook}; there are ${known.join(', ')}.`,
        );
      const answer = await startByHand(store, body, person.id, key, correlation);
      if (answer.kind === 'reused') throw keyReused();
      wake();
      const { kind: _kind, ...started } = answer;
      return started;
    },
  }),
  route({
    method: 'post',
    path: '/incidents/{number}/alerts/{id}/detach',
    id: 'detachAlert',
    tag: 'incidents',
    summary: 'Take a wrongly joined alert out, into an incident of its own',
    permission: 'start',
    params: AlertPath,
    headers: Idempotency,
    body: Reason,
    answer: Detached,
    problems: {
      404: 'There is no such incident, or it has no such alert.',
      409: 'It is closed, a drill, this is its only alert, or the Idempotency-Key stands for another request.',
    },
    handle: async ({ person, params, body, header }) => {
      const by = { person: person.id, reason: body.reason, key: keyOf(header) };
      const answer = await detachAlert(store, params.number, params.id, by, correlation);
      switch (answer.kind) {
        case 'no_incident':
          throw notFound('incident');
        case 'no_alert':
          throw notFound('alert in this incident');
        case 'closed':
          throw new Problem(409, 'Conflict', `${params.number} is closed.`);
        case 'drill':
          throw new Problem(409, 'Conflict', `${params.number} is a drill: its alerts stay in it.`);
        case 'reused':
          throw keyReused();
        case 'only_alert':
          throw new Problem(
            409,
            'Conflict',
            'It is the only alert of this incident: give the verdict false_positive or benign instead.',
          );
        case 'detached': {
          wake();
          const { kind: _kind, ...detached } = answer;
          return detached;
        }
      }
    },
  }),
];
