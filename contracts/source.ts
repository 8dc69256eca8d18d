import type { z } from 'zod';
import type { ParsedDelivery } from './alert';
import type { Secret } from './secret';

/** One HTTP request as a source sees it. `body` is raw: signatures are over bytes. */
export interface HookRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** Milliseconds since the epoch; for timestamp checks. */
  readonly now: number;
}

export type Authentication =
  { ok: true } | { ok: false; why: 'missing' | 'bad_signature' | 'stale'; detail: string };

/** One product that sends alerts. Pure: no clock, no network, no store. */
export interface Source<C extends z.ZodType = z.ZodType> {
  readonly id: string;
  readonly title: string;
  readonly docs: string;
  readonly config: C;
  /** The source's own mechanism; never none. */
  authenticate(request: HookRequest, secrets: readonly Secret[], config: z.output<C>): Authentication;
  /** Body (already JSON) to alerts; a ZodError says what does not fit. `sourceId` is the configured source. */
  parse(body: unknown, request: HookRequest, sourceId: string, config: z.output<C>): ParsedDelivery;
}

/** Declares a source. */
export function defineSource<C extends z.ZodType>(source: Source<C>): Source<C> {
  return source;
}
