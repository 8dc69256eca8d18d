import { z } from 'zod';
import { Decided, ReviewNote, ReviewView } from '../../../contracts/api';
import { ApprovalRequest, BreakGlassInput, DecisionInput } from '../../../contracts/approval';
import { approvalRequests } from '../../../store/read-models';
import { closeReview, listReviews } from '../../../store/reviews';
import { Problem } from '../../problem';
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
    summary: 'Decide about items, for oneself or in a seat that was lent; the same decisionId counts once',
    permission: 'decide',
    params: Id,
    body: DecisionInput,
    status: 202,
    answer: Decided,
    problems: {
      404: 'There is no such approval request.',
      409: 'Settled, another plan, or a decisionId that stands for another decision.',
    },
    handle: async ({ person, channel, params, body }) => {
      const voice = { person: person.id, roles: person.roles, channel };
      const decided = await decide(store, params.id, body, voice);
      wake();
      return decided;
    },
  }),
  route({
    method: 'post',
    path: '/approvals/{id}/break-glass',
    id: 'breakGlass',
    tag: 'approvals',
    summary: 'Have items done at once, alone, where the policy lets your role; opens a review',
    permission: 'break_glass',
    params: Id,
    body: BreakGlassInput,
    status: 202,
    answer: Decided,
    problems: {
      404: 'There is no such approval request.',
      409: 'Settled, or a decisionId that stands for another decision.',
    },
    handle: async ({ person, channel, params, body }) => {
      const voice = { person: person.id, roles: person.roles, channel };
      const decided = await decide(store, params.id, { ...body, verdict: 'break_glass' }, voice);
      wake();
      return decided;
    },
  }),
  route({
    method: 'get',
    path: '/reviews',
    id: 'listReviews',
    tag: 'approvals',
    summary: 'What was done alone in an emergency and waits for a review, or all, oldest first',
    permission: 'read',
    query: z.object({ all: z.enum(['true', 'false']).default('false') }),
    answer: z.object({ items: z.array(ReviewView) }),
    handle: async ({ query }) => ({ items: await listReviews(store, query.all === 'true') }),
  }),
  route({
    method: 'post',
    path: '/reviews/{id}/close',
    id: 'closeReview',
    tag: 'approvals',
    summary: 'Close a review with a note; not your own',
    permission: 'review',
    params: Id,
    body: ReviewNote,
    answer: ReviewView,
    problems: { 404: 'There is no such review.', 409: 'It is closed already.' },
    handle: async ({ person, params, body }) => {
      const answer = await closeReview(store, params.id, { person: person.id, note: body.note });
      if (answer === 'not_found') throw notFound('review');
      if (answer === 'own')
        throw new Problem(403, 'Forbidden', 'You broke the glass yourself: another lead closes the review.');
      if (answer === 'closed') throw new Problem(409, 'Conflict', 'It is closed already.');
      return answer;
    },
  }),
];
