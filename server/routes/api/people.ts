import { z } from 'zod';
import {
  DelegationInput,
  DelegationView,
  NewToken,
  PersonView,
  TokenInput,
  TokenView,
} from '../../../contracts/api';
import { delegate, delegationOf, listDelegations, revokeDelegation } from '../../../store/delegations';
import {
  activePerson,
  issueToken,
  listPeople,
  listTokens,
  revokeToken,
  type Person,
} from '../../../store/people';
import { PERMISSIONS, requirePermission } from '../../auth/authenticate';
import { Problem } from '../../problem';
import { route, type Route } from '../table';
import { notFound, type ApiDeps } from './deps';

const DAY_MS = 24 * 3_600_000;
const MAX_DELEGATION_DAYS = 90;

const refused = (detail: string): Problem => new Problem(422, 'Unprocessable content', detail);

/** Who lends a seat, to whom and until when; a problem that names the field where that cannot be. */
async function checkedDelegation(
  { store }: ApiDeps,
  caller: Person,
  { from = caller.id, to, until, reason }: z.output<typeof DelegationInput>,
): Promise<Parameters<typeof delegate>[1]> {
  if (from !== caller.id) {
    requirePermission(caller, 'administer');
    if (to === caller.id)
      throw new Problem(403, 'Forbidden', 'to: nobody lends the seat of another to themselves.');
  }
  if (from === to) throw refused('to: you decide in your own seat already; name another person.');
  for (const [field, id] of Object.entries({ from, to }))
    if ((await activePerson(store, id)) === undefined)
      throw refused(`${field}: there is no active person "${id}"; cordon people list shows who there is.`);
  const roles: readonly string[] = PERMISSIONS.decide;
  const delegateRoles = (await activePerson(store, to))?.roles ?? [];
  if (!delegateRoles.some((role) => roles.includes(role)))
    throw refused(`to: ${to} may not decide at all; that needs one of the roles ${roles.join(', ')}.`);
  const at = (await store.now()).getTime();
  const end = new Date(until);
  if (end.getTime() <= at) throw refused(`until: ${until} is past; name a time to come.`);
  if (end.getTime() > at + MAX_DELEGATION_DAYS * DAY_MS)
    throw refused(
      `until: a delegation lasts ${String(MAX_DELEGATION_DAYS)} days at most; ${until} is later.`,
    );
  return { from, to, until: end, reason, by: `person:${caller.id}` };
}

/** Who decides in whose seat, and until when. */
export const delegations = (deps: ApiDeps): Route[] => [
  route({
    method: 'get',
    path: '/delegations',
    id: 'listDelegations',
    tag: 'people',
    summary: 'Who may decide in whose seat, newest first: what is in force, or all',
    permission: 'read',
    query: z.object({ all: z.enum(['true', 'false']).default('false') }),
    answer: z.object({ items: z.array(DelegationView) }),
    handle: async ({ query }) => ({ items: await listDelegations(deps.store, query.all === 'true') }),
  }),
  route({
    method: 'post',
    path: '/delegations',
    id: 'delegate',
    tag: 'people',
    summary: 'Let another person decide in your seat until a time; an admin may for others',
    permission: 'delegate',
    body: DelegationInput,
    status: 201,
    answer: DelegationView,
    handle: async ({ person, body }) => delegate(deps.store, await checkedDelegation(deps, person, body)),
  }),
  route({
    method: 'delete',
    path: '/delegations/{id}',
    id: 'revokeDelegation',
    tag: 'people',
    summary: 'End a delegation, from now on; what was decided under it stays',
    permission: 'delegate',
    params: z.object({ id: z.string().min(1).max(100) }),
    answer: DelegationView,
    problems: { 404: 'There is no such delegation.' },
    handle: async ({ person, params }) => {
      const found = await delegationOf(deps.store, params.id);
      if (found === undefined) throw notFound('delegation');
      if (person.id !== found.from && person.id !== found.to) requirePermission(person, 'administer');
      const revoked = await revokeDelegation(deps.store, params.id, `person:${person.id}`);
      if (revoked === undefined) throw notFound('delegation');
      return revoked;
    },
  }),
];

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
