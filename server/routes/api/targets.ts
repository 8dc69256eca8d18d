import { z } from 'zod';
import { AddedTarget, RemovedTarget, TargetChange } from '../../../contracts/steering';
import { addTarget, removeTarget, type AddAnswer, type RemoveAnswer } from '../../../store/targets';
import { Problem } from '../../problem';
import { route, type Route } from '../table';
import { Idempotency, keyOf, keyReused, notFound, type ApiDeps } from './deps';

const Number_ = z.object({ number: z.string().min(1).max(40) });
const PROBLEMS = {
  404: 'There is no such incident.',
  409: 'It is closed, was changed too often, or the Idempotency-Key stands for another request.',
  422: 'By the assets no run acts upon that, or what it is on was taken out.',
};

/** Why a change was not taken. */
function problemOf(
  number: string,
  answer: Exclude<AddAnswer | RemoveAnswer, { kind: 'added' | 'removed' }>,
): Problem {
  switch (answer.kind) {
    case 'no_incident':
      return notFound('incident');
    case 'closed':
      return new Problem(409, 'Conflict', `${number} is closed.`);
    case 'full':
      return new Problem(
        409,
        'Conflict',
        `The targets of ${number} were changed too often: start another incident.`,
      );
    case 'unfit':
      return new Problem(422, 'Unprocessable content', `target: ${answer.why}`);
    case 'reused':
      return keyReused();
  }
}

/** What an incident is about, by a person's word. */
export const targetRoutes = ({ store, correlation, wake }: ApiDeps): Route[] => [
  route({
    method: 'post',
    path: '/incidents/{number}/targets/add',
    id: 'addTarget',
    tag: 'incidents',
    summary: 'Add to what the incident is about; the standing orders of its run meet it',
    permission: 'start',
    params: Number_,
    headers: Idempotency,
    body: TargetChange,
    answer: AddedTarget,
    problems: PROBLEMS,
    handle: async ({ person, params, body, header }) => {
      const by = { person: person.id, reason: body.reason, key: keyOf(header) };
      const answer = await addTarget(store, params.number, body.target, by, correlation.assets);
      if (answer.kind !== 'added') throw problemOf(params.number, answer);
      wake();
      const { kind: _kind, ...added } = answer;
      return added;
    },
  }),
  route({
    method: 'post',
    path: '/incidents/{number}/targets/remove',
    id: 'removeTarget',
    tag: 'incidents',
    summary: 'Take a target out: nothing more is done to it; what is in force stays',
    permission: 'start',
    params: Number_,
    headers: Idempotency,
    body: TargetChange,
    answer: RemovedTarget,
    problems: PROBLEMS,
    handle: async ({ person, params, body, header }) => {
      const by = { person: person.id, reason: body.reason, key: keyOf(header) };
      const answer = await removeTarget(store, params.number, body.target, by, correlation.assets);
      if (answer.kind !== 'removed') throw problemOf(params.number, answer);
      wake();
      const { kind: _kind, ...removed } = answer;
      return removed;
    },
  }),
];
