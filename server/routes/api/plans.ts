import { z } from 'zod';
import { CordonError } from '../../../contracts/errors';
import { PlaybookGraph } from '../../../contracts/graph';
import { Plan, PlanInput } from '../../../contracts/plan';
import { Problem } from '../../problem';
import { route, type Route } from '../table';
import type { ApiDeps } from './deps';

const BUSY_SECONDS = 2;

/** What a plan could not be made for, to whoever asked for it. Bugs stay what they are. */
function problemOf(error: unknown): unknown {
  if (!(error instanceof CordonError)) return error;
  switch (error.type) {
    case 'rate_limited':
      return new Problem(429, 'Too many requests', error.message, { retryAfterSeconds: BUSY_SECONDS });
    case 'invalid_input':
    case 'not_found':
    case 'rejected':
    case 'timeout':
      return new Problem(422, 'Unprocessable content', error.message);
    default:
      return error;
  }
}

/** Foretelling what a playbook would do. */
export const plans = ({ plan, graph }: ApiDeps): Route[] => [
  route({
    method: 'post',
    path: '/plans',
    id: 'makePlan',
    tag: 'plans',
    summary: 'What a playbook would do about an alert, to whom, and whom it would ask; nothing is done',
    permission: 'read',
    body: PlanInput,
    answer: Plan,
    problems: {
      422: 'The alert does not fit, there is no such playbook or source, or the playbook fails or does not end on it.',
      429: 'As many plans as may be are being made. Retry-After says when to ask again.',
    },
    handle: async ({ body }) => {
      try {
        return await plan(body);
      } catch (error) {
        throw problemOf(error);
      }
    },
  }),
  route({
    method: 'get',
    path: '/playbooks/{playbook}/graph',
    id: 'getPlaybookGraph',
    tag: 'plans',
    summary: 'All ways through a playbook: what is done, decided and asked, in which order',
    permission: 'read',
    params: z.object({ playbook: z.string().min(1).max(200) }),
    answer: PlaybookGraph,
    problems: { 422: 'There is no such playbook, or it fails or does not end on an example.' },
    handle: async ({ params }) => {
      try {
        return await graph(params.playbook);
      } catch (error) {
        throw problemOf(error);
      }
    },
  }),
];
