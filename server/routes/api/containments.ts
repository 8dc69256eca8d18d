import { z } from 'zod';
import { Accepted, Reason } from '../../../contracts/api';
import { Lease, LeaseAudit } from '../../../contracts/lease';
import { readAudit, requestAudit } from '../../../store/lease-audits';
import { requestRelease } from '../../../store/lease-requests';
import { containments as read } from '../../../store/read-models';
import { Problem } from '../../problem';
import { route, type Route } from '../table';
import { notFound, type ApiDeps } from './deps';

/** What is in force, and its release. */
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
    params: z.object({ id: z.string().min(1).max(100) }),
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
    params: z.object({ id: z.string().min(1).max(100) }),
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
];
