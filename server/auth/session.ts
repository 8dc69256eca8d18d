import { createHmac } from 'node:crypto';
import type { CookieOptions, Request, Response } from 'express';
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

/** How the cookie is set; `Secure` as soon as the browser came by TLS, also when a proxy ended it. */
function cookieOptions(request: Request): CookieOptions {
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

/** Logs a browser in with an API token; undefined, and no cookie, when it does not hold. The caller has refused other sites. */
export async function beginSession(
  store: Store,
  request: Request,
  response: Response,
  token: string,
): Promise<Session | undefined> {
  const person = await personOfToken(store, token);
  if (person === undefined) return undefined;
  response.cookie(COOKIE, token, cookieOptions(request));
  return { person, csrf: csrfOf(token) };
}

/** Logs the browser out. */
export function endSession(request: Request, response: Response): void {
  response.clearCookie(COOKIE, cookieOptions(request));
}

/** Refuses what another site sent. */
export function requireOwnSite(request: Request): void {
  const site = request.get('sec-fetch-site');
  const origin = request.get('origin');
  const foreign =
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== request.get('host')));
  if (foreign) throw new Problem(403, 'Forbidden', 'This was sent from another site.');
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

/** Where scripts of our own pages put the CSRF token. Another site cannot set it without a preflight, which nobody answers. */
const CSRF_HEADER = 'x-cordon-csrf';
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * The session behind a call of the API by a script of our own pages; undefined when nobody is logged in. Whatever may have come
 * from elsewhere is 403: another site or subdomain, and what is not safe (RFC 9110, 9.2.1) without the token of this log-in.
 */
export async function apiSessionOf(store: Store, request: Request): Promise<Session | undefined> {
  const session = await sessionOf(store, request);
  if (session === undefined) return undefined;
  requireOwnSite(request);
  if (SAFE_METHODS.has(request.method)) return session;
  if (!sameSecret(request.get(CSRF_HEADER) ?? '', session.csrf))
    throw new Problem(403, 'Forbidden', 'The call is not from this log-in: load the page again.');
  return session;
}
