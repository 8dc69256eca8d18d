import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../contracts/secret';
import type { Authentication, HookRequest } from '../../contracts/source';

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();

/** Compares in a time that tells neither content nor length. An empty secret is like no secret: it never matches. */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected)) && expected !== '';
}

/** One header, by its lower-case name. A header sent twice is as good as none: nobody can say which one counts. */
export function header(request: HookRequest, name: string): string | undefined {
  const value = request.headers[name];
  if (Array.isArray(value)) return value.length === 1 ? value[0] : undefined;
  return value;
}

/** Every secret is compared, so that the time doesn't tell which one of a rotation matched. */
function matchesAny(secrets: readonly Secret[], matches: (secret: string) => boolean): boolean {
  return secrets.map((secret) => matches(secret.reveal())).includes(true);
}

/** `Authorization: Bearer <secret>`. */
export function verifyBearer(request: HookRequest, secrets: readonly Secret[]): Authentication {
  const token = /^Bearer +(\S+)$/i.exec(header(request, 'authorization') ?? '')?.[1];
  if (token === undefined)
    return { ok: false, why: 'missing', detail: 'expected the header Authorization: Bearer <secret>' };
  return matchesAny(secrets, (secret) => sameSecret(token, secret))
    ? { ok: true }
    : { ok: false, why: 'bad_signature', detail: 'the bearer secret is not the one configured' };
}

/** `Authorization: Basic base64(username:secret)`, or the same secret as bearer. */
export function verifyBearerOrBasic(
  request: HookRequest,
  secrets: readonly Secret[],
  username: string,
): Authentication {
  const credentials = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header(request, 'authorization') ?? '')?.[1];
  if (credentials === undefined) return verifyBearer(request, secrets);
  const given = Buffer.from(credentials, 'base64').toString('utf8');
  return matchesAny(secrets, (secret) => secret !== '' && sameSecret(given, `${username}:${secret}`))
    ? { ok: true }
    : { ok: false, why: 'bad_signature', detail: 'the user name or the password is not the one configured' };
}
