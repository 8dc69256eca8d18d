import { z } from 'zod';
import { Decided } from '../../../contracts/api';
import { ApprovalRequest, DecisionInput } from '../../../contracts/approval';
import { approvalRequests } from '../../../store/read-models';
import { decide } from '../decide';
import { route, type Route } from '../table';
import { notFound, type ApiDeps } from './deps';

const Id = z.object({ id: z.string().min(1).max(100) });

/** What waits for people, and their decisions. */
export const approvals = ({ store, wake }: ApiDeps): Route[] => [
  route({
    method: 'get',
    path: '/approvals',
    id: 'listApprovals',
    tag: 'approvals',
    summary: 'Approval requests, oldest first',
    permission: 'read',
    query: z.object({ status: z.enum(['open', 'settled']).default('open') }),
    answer: z.object({ items: z.array(ApprovalRequest) }),
    handle: async ({ query }) => ({ items: await approvalRequests(store, query) }),
  }),
  route({
    method: 'get',
    path: '/approvals/{id}',
    id: 'getApproval',
    tag: 'approvals',
    summary: 'One approval request with its items and decisions',
    permission: 'read',
    params: Id,
    answer: ApprovalRequest,
    problems: { 404: 'There is no such approval request.' },
    handle: async ({ params }) => {
      const [found] = await approvalRequests(store, { id: params.id });
      if (found === undefined) throw notFound('approval request');
      return found;
    },
  }),
  route({
    method: 'post',
    path: '/approvals/{id}/decisions',
    id: 'decide',
    tag: 'approvals',
    summary: 'Decide about items; the same decisionId counts once',
    permission: 'decide',
    params: Id,
    body: DecisionInput,
    status: 202,
    answer: Decided,
    problems: {
      404: 'There is no such approval request.',
      409: 'Settled, another plan, or a decisionId that stands for another decision.',
    },
    handle: async ({ person, params, body }) => {
      const voice = { person: person.id, roles: person.roles, channel: 'api' };
      const decided = await decide(store, params.id, body, voice);
      wake();
      return decided;
    },
  }),
];
