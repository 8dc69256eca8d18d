import type { Request } from 'express';
import type { Role } from '../../contracts/values';
import { personOfToken, type Person } from '../../store/people';
import type { Store } from '../../store/store';
import { Problem } from '../problem';
import { apiSessionOf } from './session';

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

/** Who calls, and by what: a program with a token, or the console with the cookie of a log-in. */
export interface Caller {
  person: Person;
  channel: 'api' | 'console';
}

/** The caller behind the bearer token or, only where no `Authorization` is sent, behind the cookie of a log-in. */
async function callerOf(store: Store, request: Request): Promise<Caller | undefined> {
  const { authorization } = request.headers;
  if (authorization === undefined) {
    const session = await apiSessionOf(store, request);
    return session === undefined ? undefined : { person: session.person, channel: 'console' };
  }
  const token = /^Bearer (\S{1,200})$/.exec(authorization)?.[1];
  const person = token === undefined ? undefined : await personOfToken(store, token);
  return person === undefined ? undefined : { person, channel: 'api' };
}

/**
 * The caller, if they may. 401 when the token is unknown, expired or revoked, the person inactive, or nobody is logged in; 403
 * without the role, and for a call with a cookie that another site may have sent.
 */
export async function authorize(store: Store, request: Request, permission: Permission): Promise<Caller> {
  const caller = await callerOf(store, request);
  if (caller === undefined)
    throw new Problem(401, 'Unauthorized', 'Send an API token: Authorization: Bearer <token>.');
  requirePermission(caller.person, permission);
  return caller;
}

/** What a person may do, by name. */
export const permissionsOf = (person: Person): Permission[] =>
  (Object.keys(PERMISSIONS) as Permission[]).filter((permission) => {
    const roles: readonly Role[] = PERMISSIONS[permission];
    return person.roles.some((role) => roles.includes(role));
  });
