import { z } from 'zod';
import { NewToken, PersonView, TokenInput, TokenView } from '../../../contracts/api';
import { activePerson, issueToken, listPeople, listTokens, revokeToken } from '../../../store/people';
import { Problem } from '../../problem';
import { route, type Route } from '../table';
import { notFound, type ApiDeps } from './deps';

const DAY_MS = 24 * 3_600_000;

/** People, and the tokens by which they come in. */
export const people = ({ store }: ApiDeps): Route[] => [
  route({
    method: 'get',
    path: '/people',
    id: 'listPeople',
    tag: 'people',
    summary: 'People of this installation and their roles',
    permission: 'read',
    answer: z.object({ items: z.array(PersonView) }),
    handle: async () => ({ items: await listPeople(store) }),
  }),
  route({
    method: 'get',
    path: '/tokens',
    id: 'listTokens',
    tag: 'people',
    summary: 'API tokens, newest first; never their text',
    permission: 'administer',
    answer: z.object({ items: z.array(TokenView) }),
    handle: async () => ({ items: await listTokens(store) }),
  }),
  route({
    method: 'post',
    path: '/tokens',
    id: 'createToken',
    tag: 'people',
    summary: 'Make a token for a person; its text is shown this once',
    permission: 'administer',
    body: TokenInput,
    status: 201,
    answer: NewToken,
    handle: async ({ person, body }) => {
      if ((await activePerson(store, body.person)) === undefined)
        throw new Problem(
          422,
          'Unprocessable content',
          `person: there is no active person "${body.person}"; add one to the people of cordon.config.ts.`,
        );
      const lastsMs = body.expiresInDays * DAY_MS;
      return issueToken(store, {
        person: body.person,
        label: body.label,
        by: `person:${person.id}`,
        lastsMs,
      });
    },
  }),
  route({
    method: 'delete',
    path: '/tokens/{id}',
    id: 'revokeToken',
    tag: 'people',
    summary: 'Revoke a token, from now on',
    permission: 'administer',
    params: z.object({ id: z.string().min(1).max(100) }),
    answer: TokenView,
    problems: { 404: 'There is no such token.' },
    handle: async ({ person, params }) => {
      const revoked = await revokeToken(store, params.id, `person:${person.id}`);
      if (revoked === undefined) throw notFound('token');
      return revoked;
    },
  }),
];
