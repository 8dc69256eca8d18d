import { z } from 'zod';
import { CordonError, type ErrorType } from '../../contracts/errors';
import { HttpClient } from '../../integrations/kit/http';
import type { SlackConfig } from './schemas';

/** Slack answers 200 to nearly everything; `ok` says whether it was done. */
const Reply = z.object({
  ok: z.boolean(),
  error: z.string().optional(),
  ts: z.string().optional(),
  channel: z.string().optional(),
});

const TYPES: Readonly<Record<string, ErrorType>> = {
  ratelimited: 'rate_limited',
  rate_limited: 'rate_limited',
  internal_error: 'unavailable',
  fatal_error: 'unavailable',
  service_unavailable: 'unavailable',
  request_timeout: 'unavailable',
  invalid_auth: 'auth',
  not_authed: 'auth',
  account_inactive: 'auth',
  token_revoked: 'auth',
  token_expired: 'auth',
  missing_scope: 'auth',
  channel_not_found: 'not_found',
  not_in_channel: 'not_found',
  is_archived: 'not_found',
};

/** Calls of Slack's Web API. https://docs.slack.dev/apis/web-api */
export class SlackClient {
  readonly #http: HttpClient;
  readonly #channel: string;

  constructor({ baseUrl, timeoutMs, token, channel }: SlackConfig) {
    this.#channel = channel;
    this.#http = new HttpClient({
      baseUrl,
      timeoutMs,
      product: 'slack',
      headers: () => ({
        Authorization: `Bearer ${token.reveal()}`,
        'Content-Type': 'application/json; charset=utf-8',
      }),
    });
  }

  /** Posts to the channel; answers where the message is, for `update`. */
  async post(message: object, signal: AbortSignal): Promise<string> {
    const { ts, channel } = await this.#call(
      'chat.postMessage',
      { channel: this.#channel, ...message },
      signal,
    );
    if (ts === undefined)
      throw new CordonError('unexpected_reply', 'slack: chat.postMessage: the reply names no message');
    return `${channel ?? this.#channel} ${ts}`;
  }

  /** Replaces a message that `post` made. */
  async update(posted: string, message: object, signal: AbortSignal): Promise<void> {
    const [channel = '', ts = ''] = posted.split(' ');
    await this.#call('chat.update', { channel, ts, ...message }, signal);
  }

  /** Shows something to one person only. */
  async ephemeral(user: string, text: string, signal: AbortSignal): Promise<void> {
    await this.#call('chat.postEphemeral', { channel: this.#channel, user, text, parse: 'none' }, signal);
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  async #call(method: string, body: object, signal: AbortSignal): Promise<z.infer<typeof Reply>> {
    const reply = await this.#http.call({
      method: 'POST',
      path: method,
      body,
      reply: Reply,
      signal,
      what: method,
    });
    if (reply.ok) return reply;
    const code = /^[a-z_]{1,60}$/.exec(reply.error ?? '')?.[0] ?? 'unknown';
    throw new CordonError(TYPES[code] ?? 'rejected', `slack: ${method}: ${code}`, { maybeApplied: false });
  }
}
