import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../contracts/values';

/** JSON in the one form of RFC 8785 (https://www.rfc-editor.org/rfc/rfc8785), so that equal values have equal hashes. */
export function canonicalJson(value: Json): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('only JSON values can be hashed');
  return text;
}

/** sha256 of the canonical JSON, lower-case hex. */
export function canonicalHash(value: Json): string {
  return sha256(canonicalJson(value));
}

/** sha256 of text or bytes, lower-case hex. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
