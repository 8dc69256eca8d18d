import { z } from 'zod';
import { Accepted, Extension, Reason, ReleaseMany, Transfer } from '../../../contracts/api';
import { Lease, LeaseAudit } from '../../../contracts/lease';
import { readAudit, requestAudit } from '../../../store/lease-audits';
import { extendLease, requestReleases, transferLease, type Changed } from '../../../store/lease-changes';
import { requestRelease } from '../../../store/lease-requests';
import { containments as read } from '../../../store/read-models';
import { Problem } from '../../problem';
import { route, type Route } from '../table';
import { notFound, type ApiDeps } from './deps';

const Id = z.object({ id: z.string().min(1).max(100) });

/** The answer to a change of a lease, or the problem that it met. */
function answerOf<T>(change: Changed<T>): T & { changed: boolean } {
  if (change.kind === 'not_found') throw notFound(change.what);
  if (change.kind === 'refused') throw new Problem(409, 'Conflict', change.why);
  const { kind, ...rest } = change;
  return { ...(rest as unknown as T), changed: kind === 'changed' };
}

/** What is in force, how long, for whom, and its release. */
export const containments = ({ store, wake }: ApiDeps): Route[] => [
  route({
    method: 'get',
    path: '/containments',
    id: 'listContainments',
    tag: 'containments',
    summary: 'Containments in force, or all, newest first',
    permission: 'read',
    query: z.object({ all: z.enum(['true', 'false']).default('false') }),
    answer: z.object({ items: z.array(Lease) }),
    handle: async ({ query }) => ({ items: await read(store, query.all === 'true') }),
  }),
  route({
    method: 'post',
    path: '/containments/audits',
    id: 'auditContainments',
    tag: 'containments',
    summary: 'Compare what is in force here with what the products say; changes nothing there',
    permission: 'start',
    status: 202,
    answer: z.object({ id: z.string() }),
    handle: async ({ person }) => {
      const id = await requestAudit(store, `person:${person.id}`);
      wake();
      return { id };
    },
  }),
  route({
    method: 'get',
    path: '/containments/audits/{id}',
    id: 'getContainmentAudit',
    tag: 'containments',
    summary: 'What an audit found; `latest` is the newest that has ended',
    permission: 'read',
    params: Id,
    answer: LeaseAudit,
    problems: { 404: 'There is no such audit.' },
    handle: async ({ params }) => {
      const audit = await readAudit(store, params.id === 'latest' ? undefined : params.id);
      if (audit === undefined) throw notFound('audit');
      return audit;
    },
  }),
  route({
    method: 'post',
    path: '/containments/{id}/release',
    id: 'releaseContainment',
    tag: 'containments',
    summary: 'Take a containment back; repeated until the product confirms it',
    permission: 'release',
    params: Id,
    body: Reason,
    status: 202,
    answer: Accepted,
    problems: { 404: 'There is no such containment.', 409: 'It is released already.' },
    handle: async ({ person, params, body }) => {
      const answer = await requestRelease(store, params.id, `person:${person.id}`, body.reason);
      if (answer === 'not_found') throw notFound('containment');
      if (answer === 'released') throw new Problem(409, 'Conflict', 'It is released already.');
      wake();
      return { accepted: true } as const;
    },
  }),
  route({
    method: 'post',
    path: '/containments/{id}/extend',
    id: 'extendContainment',
    tag: 'containments',
    summary: 'Let a containment stand until then; never shortens it',
    permission: 'release',
    params: Id,
    body: Extension,
    answer: z.object({ changed: z.boolean(), expiresAt: z.string().nullable() }),
    problems: { 404: 'There is no such containment.', 409: 'It is released, or that time has passed.' },
    handle: async ({ person, params, body }) => {
      const asked = { by: `person:${person.id}`, reason: body.reason };
      return answerOf(await extendLease(store, params.id, new Date(body.until), asked));
    },
  }),
  route({
    method: 'post',
    path: '/containments/{id}/transfer',
    id: 'transferContainment',
    tag: 'containments',
    summary: 'Hand the hold of one incident over to another',
    permission: 'release',
    params: Id,
    body: Transfer,
    answer: z.object({ changed: z.boolean(), holders: z.array(z.string()) }),
    problems: {
      404: 'There is no such containment, or no such incident.',
      409: 'It is released or being worked on, the incident is closed, or it is not said whose hold is meant.',
    },
    handle: async ({ person, params, body: { reason, ...who } }) => {
      const asked = { by: `person:${person.id}`, reason };
      return answerOf(await transferLease(store, params.id, who, asked));
    },
  }),
  route({
    method: 'post',
    path: '/containments/release',
    id: 'releaseContainments',
    tag: 'containments',
    summary: 'Take back all containments of a target, or all there are, whoever holds them',
    permission: 'release',
    body: ReleaseMany,
    status: 202,
    answer: Accepted.extend({ containments: z.number().int() }),
    handle: async ({ person, body }) => {
      const which = body.target === undefined ? { all: true as const } : { target: body.target };
      const asked = { by: `person:${person.id}`, reason: body.reason };
      const containments = await requestReleases(store, which, asked);
      wake();
      return { accepted: true, containments } as const;
    },
  }),
];
