import type { Request } from 'express';
import type { Role } from '../../contracts/values';
import { personOfToken, type Person } from '../../store/people';
import type { Store } from '../../store/store';
import { Problem } from '../problem';

/** What each permission needs: one of these roles. One table for the whole API. */
export const PERMISSIONS = {
  read: ['viewer', 'analyst', 'lead', 'engineer', 'admin', 'hr', 'legal', 'owner'],
  decide: ['analyst', 'lead', 'hr', 'legal', 'owner'],
  /** Answer questions of runs; each question says which roles it asks. */
  answer: ['analyst', 'lead', 'engineer', 'admin', 'hr', 'legal', 'owner'],
  /** Have something done at once; the policy says which of them may. */
  break_glass: ['analyst', 'lead', 'engineer', 'admin', 'hr', 'legal', 'owner'],
  review: ['lead'],
  release: ['lead'],
  verdict: ['analyst', 'lead'],
  /** Start an incident by hand, detach an alert, audit what is contained. */
  start: ['analyst', 'lead'],
  /** Start a drill: people are asked for what is not real. */
  drill: ['lead', 'admin'],
  kill_switch: ['lead', 'admin'],
  /** Lend one's seat; another's only with `administer`. */
  delegate: ['analyst', 'lead', 'hr', 'legal', 'owner', 'admin'],
  /** Tokens: who may act at all. */
  administer: ['admin'],
} as const satisfies Record<string, readonly Role[]>;
export type Permission = keyof typeof PERMISSIONS;

/** The person of a token; 401 when it is unknown, expired, revoked, or the person inactive. */
async function personBehind(store: Store, token: string | undefined): Promise<Person> {
  const person = token === undefined ? undefined : await personOfToken(store, token);
  if (person === undefined)
    throw new Problem(401, 'Unauthorized', 'Send an API token: Authorization: Bearer <token>.');
  return person;
}

/** Refuses, with 403, who holds none of the roles. */
export function requirePermission(person: Person, permission: Permission): void {
  const roles: readonly Role[] = PERMISSIONS[permission];
  if (!person.roles.some((role) => roles.includes(role)))
    throw new Problem(
      403,
      'Forbidden',
      `This needs one of the roles ${roles.join(', ')}; ${person.id} has ${person.roles.join(', ')}.`,
    );
}

/** The person behind the bearer token, if they may. 401 without a good token, 403 without the role. Cookies do not count. */
export async function authorize(store: Store, request: Request, permission: Permission): Promise<Person> {
  const token = /^Bearer (\S{1,200})$/.exec(request.headers.authorization ?? '')?.[1];
  const person = await personBehind(store, token);
  requirePermission(person, permission);
  return person;
}
