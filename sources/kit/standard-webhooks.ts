import { createHmac } from 'node:crypto';
import type { Secret } from '../../contracts/secret';
import type { Authentication, HookRequest } from '../../contracts/source';
import { header, sameSecret } from './authentication';

const TOLERANCE_SECONDS = 5 * 60;

function sign(secret: string, id: string, timestamp: string, body: Uint8Array): string | undefined {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length === 0) return undefined;
  return createHmac('sha256', key).update(`${id}.${timestamp}.`, 'utf8').update(body).digest('base64');
}

/**
 * Verifies a request as https://www.standardwebhooks.com says: HMAC-SHA256 over `id.timestamp.body`, the
 * timestamp within five minutes, and any signature by any secret suffices, so that both may be rotated.
 */
export function verifyStandardWebhook(request: HookRequest, secrets: readonly Secret[]): Authentication {
  const id = header(request, 'webhook-id');
  const timestamp = header(request, 'webhook-timestamp');
  const signatures = header(request, 'webhook-signature');
  if (!id || !timestamp || !signatures)
    return {
      ok: false,
      why: 'missing',
      detail: 'expected the headers webhook-id, webhook-timestamp and webhook-signature, each once',
    };
  // The dot separates what is signed: with dots in the id, one signature would fit two different messages.
  if (id.includes('.')) return { ok: false, why: 'bad_signature', detail: 'webhook-id contains a dot' };
  if (!/^\d{1,12}$/.test(timestamp))
    return { ok: false, why: 'bad_signature', detail: 'webhook-timestamp is not in whole seconds' };

  const expected = secrets
    .map((secret) => sign(secret.reveal(), id, timestamp, request.body))
    .filter((signature) => signature !== undefined);
  // As text, not decoded: several base64 texts decode to the same bytes, and only one of them was sent by us.
  const given = signatures
    .split(' ')
    .flatMap((one) => (one.startsWith('v1,') ? [one.slice('v1,'.length)] : []));
  const matches = given.flatMap((one) => expected.map((other) => sameSecret(one, other)));
  if (!matches.includes(true))
    return {
      ok: false,
      why: 'bad_signature',
      detail: 'no v1 signature fits the body and a configured secret',
    };

  const age = request.now / 1000 - Number(timestamp);
  if (Math.abs(age) > TOLERANCE_SECONDS)
    return {
      ok: false,
      why: 'stale',
      detail: 'webhook-timestamp is more than five minutes away from the time here',
    };
  return { ok: true };
}
