import type { Request } from 'express';
import type { HookRequest } from '../../contracts/source';

/** A request with a raw body, as sources and channels see it. */
export function hookRequest(request: Request): HookRequest {
  return {
    headers: request.headers,
    query: Object.fromEntries(new URL(request.originalUrl, 'http://local').searchParams),
    body: Buffer.isBuffer(request.body) ? new Uint8Array(request.body) : new Uint8Array(),
    now: Date.now(),
  };
}

/** The body as JSON; undefined when it is none. */
export function parseJson(body: Uint8Array): { value: unknown } | undefined {
  const text = new TextDecoder().decode(body);
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    // Log shippers send one JSON object a line.
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    if (lines.length < 2) return undefined;
    try {
      return { value: lines.map((line) => JSON.parse(line) as unknown) };
    } catch {
      return undefined;
    }
  }
}
