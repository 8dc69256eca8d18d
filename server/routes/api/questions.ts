import { z } from 'zod';
import { Answered, AnswerInput, QuestionView } from '../../../contracts/question';
import { listQuestions } from '../../../store/questions';
import { answer } from '../answer';
import { route, type Route } from '../table';
import { notFound, type ApiDeps } from './deps';

const Id = z.object({ id: z.string().min(1).max(100) });

/** What runs ask people, and the answers. An answer approves nothing. */
export const questions = ({ store, wake }: ApiDeps): Route[] => [
  route({
    method: 'get',
    path: '/questions',
    id: 'listQuestions',
    tag: 'questions',
    summary: 'Questions of runs to people, oldest first',
    permission: 'read',
    query: z.object({
      status: z.enum(['open', 'settled']).default('open'),
      incident: z.string().min(1).max(40).optional(),
    }),
    answer: z.object({ items: z.array(QuestionView) }),
    handle: async ({ query: { status, incident } }) => ({
      items: await listQuestions(store, { status, ...(incident === undefined ? {} : { incident }) }),
    }),
  }),
  route({
    method: 'get',
    path: '/questions/{id}',
    id: 'getQuestion',
    tag: 'questions',
    summary: 'One question with its form and, once there is one, its answer',
    permission: 'read',
    params: Id,
    answer: QuestionView,
    problems: { 404: 'There is no such question.' },
    handle: async ({ params }) => {
      const [found] = await listQuestions(store, { id: params.id });
      if (found === undefined) throw notFound('question');
      return found;
    },
  }),
  route({
    method: 'post',
    path: '/questions/{id}/answers',
    id: 'answerQuestion',
    tag: 'questions',
    summary: 'Answer a question; the first answer counts, the same answerId counts once',
    permission: 'answer',
    params: Id,
    body: AnswerInput,
    status: 202,
    answer: Answered,
    problems: {
      404: 'There is no such question.',
      409: 'Answered already, lapsed, its incident closed, or an answerId that stands for another answer.',
    },
    handle: async ({ person, params, body }) => {
      const voice = { person: person.id, roles: person.roles, channel: 'api' };
      const answered = await answer(store, params.id, body, voice);
      wake();
      return answered;
    },
  }),
];
