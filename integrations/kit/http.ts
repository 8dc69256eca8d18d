import http from 'node:http';
import https from 'node:https';
import axios, { type AxiosInstance, type AxiosResponse } from 'axios';
import { z } from 'zod';
import { CordonError } from '../../contracts/errors';
import { abortError, throwIfAborted } from './abort';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Base URL of a product's API: https, or plain http to this machine only, since credentials travel with each call. */
export const VendorUrl = z
  .url({ protocol: /^https?$/ })
  .refine((text) => {
    const url = new URL(text);
    return url.protocol === 'https:' || LOOPBACK.test(url.hostname);
  }, 'plain http is allowed to a loopback address only; use https')
  .refine((text) => {
    const url = new URL(text);
    return url.username === '' && url.password === '';
  }, 'credentials do not belong in the URL');

export interface HttpOptions {
  baseUrl: string;
  /** For one call from its start to the last byte of the reply. */
  timeoutMs: number;
  /** Names the product in messages. */
  product: string;
  /** PEM of the only authority to trust, when it is not a public one. */
  ca?: string | undefined;
  /** Asked before each call; where the credentials come from. */
  headers?: (signal: AbortSignal) => Promise<Record<string, string>> | Record<string, string>;
}

export interface HttpCall<S extends z.ZodType> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base URL, already encoded; see `segment`. */
  path: string;
  query?: Record<string, string | number | boolean>;
  body?: unknown;
  /** What the reply must look like; an empty body is parsed as null. */
  reply: S;
  signal: AbortSignal;
  /** Names the call in messages: verb and subject, never a secret. */
  what: string;
  /** A call other than GET that changes nothing, such as a login or a search by POST. */
  changesNothing?: boolean;
}

/** One part of a path, so that nothing an alert says can leave its place in the URL. */
export function segment(text: string): string {
  // Dots survive encodeURIComponent, and URL parsers resolve them even when they are percent-encoded.
  if (text === '' || text === '.' || text === '..')
    throw new CordonError('invalid_input', 'not a usable path segment');
  return encodeURIComponent(text);
}

/** Milliseconds until the time that a Retry-After header names, as seconds or as a date. At most one day. */
export function retryAfterMs(header: unknown, now = Date.now()): number | undefined {
  if (typeof header !== 'string' || header.trim() === '') return undefined;
  const at = /^\d+$/.test(header.trim()) ? now + Number(header) * 1000 : Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - now), 86_400_000);
}

/** The connection failed before a byte of the request could be sent. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EACCES',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

function codeOf(error: unknown): string {
  const code: unknown = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown';
}

/** The error of a status outside 200-299. `writes` says whether the call was to change something. */
function statusError(response: AxiosResponse, what: string, writes: boolean): CordonError {
  const { status } = response;
  const message = `${what}: answered ${status}`;
  const wait = retryAfterMs(response.headers['retry-after']);
  const after = wait === undefined ? {} : { retryAfterMs: wait };
  if (status === 401 || status === 403) return new CordonError('auth', message);
  if (status === 404 || status === 410) return new CordonError('not_found', message);
  if (status === 429) return new CordonError('rate_limited', message, after);
  if (status === 408) return new CordonError('timeout', message, { maybeApplied: writes });
  if (status === 501) return new CordonError('unsupported', message);
  // 503 says "not taken on". Any other, a gateway's 502 and 504 above all, may come after it was done.
  if (status >= 500)
    return new CordonError('unavailable', message, { ...after, maybeApplied: writes && status !== 503 });
  if (status >= 400) return new CordonError('rejected', message);
  return new CordonError('unexpected_reply', message, { maybeApplied: false });
}

/**
 * An HTTP client for one product. Every failure is a CordonError that says whether the call may have taken
 * effect; messages and causes carry neither headers nor bodies. It follows no redirect, which would take
 * the credentials elsewhere, and never repeats a call: whether to is the runner's decision.
 */
export class HttpClient {
  readonly #axios: AxiosInstance;
  readonly #agents: (http.Agent | https.Agent)[];

  constructor(readonly options: HttpOptions) {
    const tls = options.ca === undefined ? {} : { ca: options.ca };
    // A kept connection may be closed by the product just as we send: harmless for reads, but a write would
    // end as "reply lost". So writes get a connection of their own.
    const agents = (keepAlive: boolean) => ({
      httpAgent: new http.Agent({ keepAlive }),
      httpsAgent: new https.Agent({ keepAlive, ...tls }),
    });
    this.#reads = agents(true);
    this.#writes = agents(false);
    this.#agents = [...Object.values(this.#reads), ...Object.values(this.#writes)];
    this.#axios = axios.create({
      baseURL: options.baseUrl,
      maxRedirects: 0,
      proxy: false,
      maxContentLength: 16 * 1024 * 1024,
      responseType: 'text',
      transformResponse: (data: unknown) => data,
      validateStatus: () => true,
      headers: { Accept: 'application/json', 'User-Agent': 'cordon' },
    });
  }
  readonly #reads: { httpAgent: http.Agent; httpsAgent: https.Agent };
  readonly #writes: { httpAgent: http.Agent; httpsAgent: https.Agent };

  /** Makes one call and parses its reply. */
  async call<S extends z.ZodType>(call: HttpCall<S>): Promise<z.output<S>> {
    const what = `${this.options.product}: ${call.what}`;
    const writes = call.method !== 'GET' && call.changesNothing !== true;
    throwIfAborted(call.signal, what);
    const headers = (await this.options.headers?.(call.signal)) ?? {};
    throwIfAborted(call.signal, what);
    const response = await this.#send(call, { what, writes, headers });
    if (response.status < 200 || response.status > 299) throw statusError(response, what, writes);
    return parseReply(response, call.reply, what, writes);
  }

  /** Closes idle connections. */
  close(): Promise<void> {
    for (const agent of this.#agents) agent.destroy();
    return Promise.resolve();
  }

  async #send<S extends z.ZodType>(
    call: HttpCall<S>,
    { what, writes, headers }: { what: string; writes: boolean; headers: Record<string, string> },
  ): Promise<AxiosResponse<string>> {
    const timer = new AbortController();
    const timeout = setTimeout(() => timer.abort(), this.options.timeoutMs);
    try {
      return await this.#axios.request<string>({
        ...(writes ? this.#writes : this.#reads),
        method: call.method,
        url: call.path,
        ...(call.query === undefined ? {} : { params: call.query }),
        ...(call.body === undefined ? {} : { data: call.body }),
        headers,
        signal: AbortSignal.any([call.signal, timer.signal]),
      });
    } catch (error) {
      if (call.signal.aborted) throw abortError(call.signal, what, writes);
      if (timer.signal.aborted) {
        const message = `${what}: no reply within ${this.options.timeoutMs} ms`;
        throw new CordonError('timeout', message, { maybeApplied: writes });
      }
      const code = codeOf(error);
      if (code === 'ERR_BAD_RESPONSE')
        throw new CordonError('unexpected_reply', `${what}: the reply is unreadable`, {
          maybeApplied: writes,
        });
      // Axios' own error holds the request with its headers, so it must not become the cause.
      if (NOT_SENT.has(code))
        throw new CordonError('unavailable', `${what}: no connection (${code})`, { maybeApplied: false });
      throw new CordonError('unavailable', `${what}: connection lost (${code})`, { maybeApplied: writes });
    } finally {
      clearTimeout(timeout);
    }
  }
}

function parseReply<S extends z.ZodType>(
  response: AxiosResponse<string>,
  schema: S,
  what: string,
  writes: boolean,
): z.output<S> {
  const text: unknown = response.data;
  let body: unknown = null;
  try {
    if (typeof text === 'string' && text.trim() !== '') body = JSON.parse(text);
  } catch {
    // The parser quotes the text that it can't read; that must not travel on.
    throw new CordonError('unexpected_reply', `${what}: the reply is not JSON`, { maybeApplied: writes });
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'reply'} (${issue.code})`);
  const message = `${what}: the reply does not fit: ${where.slice(0, 5).join(', ')}`;
  throw new CordonError('unexpected_reply', message, { maybeApplied: writes });
}
