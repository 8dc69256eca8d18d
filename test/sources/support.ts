import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ParsedDelivery } from '../../contracts/alert';
import type { Authentication, HookRequest } from '../../contracts/source';
import { Secret } from '../../contracts/secret';
import { SOURCES } from '../../sources';

/** 2026-03-02T09:00:00Z, in milliseconds. */
export const NOW = Date.UTC(2026, 2, 2, 9);

export const request = (
  headers: HookRequest['headers'] = {},
  body: string | Uint8Array = '',
): HookRequest => ({
  headers,
  query: {},
  body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
  now: NOW,
});

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the test says what its fixture is
export function fixture<T = unknown>(name: string): T {
  return JSON.parse(readFileSync(join(__dirname, 'fixtures', `${name}.json`), 'utf8')) as T;
}

/** What the source `use` makes of a body, configured under the id `s`. */
export function parse(
  use: string,
  body: unknown,
  config: object = {},
  headers: HookRequest['headers'] = {},
): ParsedDelivery {
  const source = SOURCES.get(use)!;
  return source.parse(body, request(headers), 's', source.config.parse(config));
}

export function authenticate(
  use: string,
  headers: HookRequest['headers'],
  ...secrets: string[]
): Authentication {
  const source = SOURCES.get(use)!;
  const all = secrets.map((secret) => new Secret(secret));
  return source.authenticate(request(headers), all, source.config.parse({}));
}
