import { createHmac } from 'node:crypto';
import type { CookieOptions, Request } from 'express';
import { sameSecret } from '../../sources/kit/authentication';
import { personOfToken, type Person } from '../../store/people';
import type { Store } from '../../store/store';
import { Problem } from '../problem';

const COOKIE = 'cordon_token';
const LASTS_MS = 8 * 3_600_000;

/** A person in a browser: the API token lies in a cookie that no script reads and no other site sends. */
export interface Session {
  person: Person;
  /** Goes into each form. Only who has the cookie can know it. */
  csrf: string;
}

export const SESSION_COOKIE = COOKIE;

/** How the cookie is set; `Secure` as soon as the browser came by TLS, also when a proxy ended it. */
export function cookieOptions(request: Request): CookieOptions {
  const secure = request.secure || request.get('x-forwarded-proto') === 'https';
  return { httpOnly: true, sameSite: 'strict', secure, path: '/', maxAge: LASTS_MS };
}

const csrfOf = (token: string): string => createHmac('sha256', token).update('cordon form').digest('hex');

function cookieOf(request: Request): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === COOKIE && value !== undefined && /^[\w-]{1,200}$/.test(value)) return value;
  }
  return undefined;
}

/** Who is logged in; undefined when nobody is. */
export async function sessionOf(store: Store, request: Request): Promise<Session | undefined> {
  const token = cookieOf(request);
  const person = token === undefined ? undefined : await personOfToken(store, token);
  return token === undefined || person === undefined ? undefined : { person, csrf: csrfOf(token) };
}

/** Refuses a form that another site sent. */
export function requireOwnSite(request: Request): void {
  const site = request.get('sec-fetch-site');
  const origin = request.get('origin');
  const foreign =
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== request.get('host')));
  if (foreign) throw new Problem(403, 'Forbidden', 'This form was sent from another site.');
}

/** The session of a form, its CSRF token checked. */
export async function requireSession(store: Store, request: Request, csrf: unknown): Promise<Session> {
  requireOwnSite(request);
  const session = await sessionOf(store, request);
  if (session === undefined) throw new Problem(401, 'Unauthorized', 'Log in first.');
  if (typeof csrf !== 'string' || !sameSecret(csrf, session.csrf))
    throw new Problem(403, 'Forbidden', 'The form is not from this log-in: load the page again.');
  return session;
}
