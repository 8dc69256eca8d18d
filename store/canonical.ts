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

// PostgreSQL's jsonb holds neither NUL nor lone surrogates; alerts carry text that an attacker chose.
// eslint-disable-next-line no-control-regex
const UNSTORABLE = /\u0000|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const cleanText = (text: string): string => text.replace(UNSTORABLE, '\ufffd');

/** The value as jsonb can hold it and give it back: JSON only, characters that it cannot store replaced by U+FFFD. */
export function storableJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_key, part: unknown) => {
    if (typeof part === 'string') return cleanText(part);
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [cleanText(key), inner as unknown]));
  }) as T;
}
