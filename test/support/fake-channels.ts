import { createHmac, randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import axios, { type AxiosResponse } from 'axios';
import { SMTPServer } from 'smtp-server';
import { Secret } from '../../contracts/secret';
import { startFakeServer, type FakeReply, type FakeServer } from '../../integrations/kit/fake-server';

type Json = Record<string, unknown>;
const obj = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const str = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What Slack's API refuses in blocks, by docs.slack.dev/reference/block-kit; nothing when they are well. */
export function blockFaults(blocks: unknown): string[] {
  const faults: string[] = [];
  const check = (fine: boolean, what: string): void => {
    if (!fine) faults.push(what);
  };
  const text = (value: unknown, limit: number, where: string, types = ['plain_text']): void => {
    const { type, text: content } = obj(value);
    check(types.includes(str(type)), `${where}: the type ${str(type)}`);
    check(
      str(content).length >= 1 && str(content).length <= limit,
      `${where}: ${String(str(content).length)} long`,
    );
  };
  check(list(blocks).length >= 1 && list(blocks).length <= 50, 'the number of blocks');
  check(Buffer.byteLength(JSON.stringify(blocks)) <= 13_100, 'msg_blocks_too_long');
  for (const block of list(blocks).map(obj))
    switch (block['type']) {
      case 'header':
        text(block['text'], 150, 'header');
        break;
      case 'section':
        text(block['text'], 3000, 'section', ['plain_text', 'mrkdwn']);
        break;
      case 'context':
        check(
          list(block['elements']).length >= 1 && list(block['elements']).length <= 10,
          'context: elements',
        );
        for (const one of list(block['elements'])) text(one, 3000, 'context', ['plain_text', 'mrkdwn']);
        break;
      case 'actions': {
        const elements = list(block['elements']).map(obj);
        check(elements.length >= 1 && elements.length <= 25, 'actions: elements');
        check(
          new Set(elements.map((one) => one['action_id'])).size === elements.length,
          'actions: action_id',
        );
        for (const one of elements) {
          check(one['type'] === 'button', 'actions: a button');
          text(one['text'], 75, 'button');
          check(str(one['value']).length <= 2000, 'button: value');
          if (one['confirm'] === undefined) continue;
          const confirm = obj(one['confirm']);
          text(confirm['title'], 100, 'confirm title');
          text(confirm['text'], 300, 'confirm text');
          text(confirm['confirm'], 30, 'confirm');
          text(confirm['deny'], 30, 'deny');
        }
        break;
      }
      default:
        faults.push(`a block of the type ${str(block['type'])}`);
    }
  return faults;
}

/** Every text that Slack would look for mentions and links in. */
export function textsOf(value: unknown): { type: string; text: string }[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  const one = obj(value);
  const own = typeof one['text'] === 'string' ? [{ type: str(one['type']), text: one['text'] }] : [];
  return [
    ...own,
    ...Object.values(one).flatMap((inner) => (typeof inner === 'object' ? textsOf(inner) : [])),
  ];
}

export interface SlackMessage {
  ts: string;
  text: string;
  blocks: Json[];
  thread?: string;
  updates: number;
}

interface SlackState {
  messages: SlackMessage[];
  whispers: { user: string; text: string }[];
}

export interface FakeSlack {
  server: FakeServer<SlackState>;
  token: Secret;
  signing: string;
  /** Buttons of a message, in order. */
  buttons(message: SlackMessage): { verdict: string; label: string; value: string; confirm: boolean }[];
  /** Presses a button, as Slack tells it: a form with a JSON payload, signed v0. */
  click(
    url: string,
    press: { user: string; verdict: string; value: string; ts?: string },
    over?: { secret?: string; at?: number; channel?: string; team?: string; body?: (body: string) => string },
  ): Promise<AxiosResponse<unknown>>;
  /** The request of a click, to be sent again or changed. */
  signed(body: string, secret?: string, at?: number): { body: string; headers: Record<string, string> };
}

export const SLACK_CHANNEL = 'C0SOC00001';
export const SLACK_TEAM = 'T0SOC00001';

/** A Slack: posts, changes and whispers in one conversation for one bot. */
export async function startFakeSlack(): Promise<FakeSlack> {
  const token = new Secret(`xoxb-${randomUUID()}`);
  const signing: string = randomUUID();
  let clock = 1_700_000_000;
  const refused = (error: string): FakeReply => ({ status: 200, body: { ok: false, error } });
  const server = await startFakeServer<SlackState>({
    seed: { messages: [], whispers: [] },
    guard: ({ headers }) =>
      headers.authorization === `Bearer ${token.reveal()}` ? undefined : refused('invalid_auth'),
    routes: [
      [
        'POST',
        '/api/chat.postMessage',
        ({ body }, state, tools) => {
          if (body['channel'] !== SLACK_CHANNEL) return refused('channel_not_found');
          const blocks = list(body['blocks']).map(obj);
          if (blocks.length === 0 && str(body['text']) === '') return refused('no_text');
          const faults = blocks.length === 0 ? [] : blockFaults(blocks);
          if (faults.length > 0) return refused('invalid_blocks');
          const ts = `${String(++clock)}.000100`;
          const thread = typeof body['thread_ts'] === 'string' ? { thread: body['thread_ts'] } : {};
          state.messages.push({ ts, text: str(body['text']), blocks, updates: 0, ...thread });
          tools.applied('post', ts);
          return { status: 200, body: { ok: true, ts, channel: SLACK_CHANNEL } };
        },
      ],
      [
        'POST',
        '/api/chat.update',
        ({ body }, state) => {
          const found = state.messages.find(({ ts }) => ts === body['ts']);
          if (body['channel'] !== SLACK_CHANNEL || found === undefined) return refused('message_not_found');
          const blocks = list(body['blocks']).map(obj);
          if (blockFaults(blocks).length > 0) return refused('invalid_blocks');
          Object.assign(found, { text: str(body['text']), blocks, updates: found.updates + 1 });
          return { status: 200, body: { ok: true, ts: found.ts, channel: SLACK_CHANNEL } };
        },
      ],
      [
        'POST',
        '/api/chat.postEphemeral',
        ({ body }, state) => {
          if (body['channel'] !== SLACK_CHANNEL) return refused('channel_not_found');
          state.whispers.push({ user: str(body['user']), text: str(body['text']) });
          return { status: 200, body: { ok: true, message_ts: String(++clock) } };
        },
      ],
    ],
  });
  const signed = (body: string, secret = signing, at = Math.floor(Date.now() / 1000)) => ({
    body,
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      'X-Slack-Request-Timestamp': String(at),
      'X-Slack-Signature': `v0=${createHmac('sha256', secret)
        .update(`v0:${String(at)}:${body}`)
        .digest('hex')}`,
    },
  });
  return {
    server,
    token,
    signing,
    signed,
    buttons: ({ blocks }) =>
      blocks
        .filter(({ type }) => type === 'actions')
        .flatMap(({ elements }) => list(elements).map(obj))
        .map((one) => ({
          verdict: str(one['action_id']),
          label: str(obj(one['text'])['text']),
          value: str(one['value']),
          confirm: one['confirm'] !== undefined,
        })),
    click: (url, { user, verdict, value, ts = '1700000001.000100' }, over = {}) => {
      const payload = {
        type: 'block_actions',
        user: { id: user, username: user.toLowerCase(), team_id: SLACK_TEAM },
        team: { id: over.team ?? SLACK_TEAM, domain: 'soc' },
        channel: { id: over.channel ?? SLACK_CHANNEL, name: 'soc' },
        container: { type: 'message', message_ts: ts, channel_id: over.channel ?? SLACK_CHANNEL },
        response_url: 'https://hooks.slack.com/actions/T0/1/x',
        trigger_id: '1.2.3',
        api_app_id: 'A0',
        token: 'deprecated',
        actions: [
          {
            type: 'button',
            block_id: 'b',
            action_id: verdict,
            value,
            action_ts: `${String(++clock)}.000200`,
          },
        ],
      };
      const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
      const request = signed(body, over.secret ?? signing, over.at);
      return axios.post(url, over.body?.(body) ?? body, {
        headers: request.headers,
        validateStatus: () => true,
      });
    },
  };
}

interface PagerState {
  open: Record<string, { summary: string; severity: string; details: unknown }>;
  events: string[];
}

/** PagerDuty's Events API v2: refuses what its reference says is wrong, and groups by `dedup_key`. */
export async function startFakePagerDuty(): Promise<{ server: FakeServer<PagerState>; key: Secret }> {
  const key = new Secret('R0123456789abcdefghijklmnopqrstu');
  const server = await startFakeServer<PagerState>({
    seed: { open: {}, events: [] },
    routes: [
      [
        'POST',
        '/v2/enqueue',
        ({ body }, state) => {
          const { event_action: action, dedup_key: dedup, payload } = body;
          const { summary, source, severity, custom_details: details } = obj(payload);
          const errors = [
            ...(body['routing_key'] === key.reveal() ? [] : ["'routing_key' is invalid"]),
            ...(['trigger', 'acknowledge', 'resolve'].includes(str(action))
              ? []
              : ["'event_action' is invalid"]),
            ...(str(dedup).length >= 1 && str(dedup).length <= 255 ? [] : ["'dedup_key' is invalid"]),
            ...(action !== 'trigger' || (str(summary).length >= 1 && str(summary).length <= 1024)
              ? []
              : ["'payload.summary' is invalid"]),
            ...(action !== 'trigger' || str(source) !== '' ? [] : ["'payload.source' is missing"]),
            ...(action !== 'trigger' || ['critical', 'error', 'warning', 'info'].includes(str(severity))
              ? []
              : ["'payload.severity' is invalid"]),
            ...(Buffer.byteLength(JSON.stringify(body)) <= 512 * 1024 ? [] : ['the event is too large']),
          ];
          if (errors.length > 0)
            return {
              status: 400,
              body: { status: 'invalid event', message: 'Event object is invalid', errors },
            };
          state.events.push(`${str(action)} ${str(dedup)}`);
          if (action === 'trigger')
            state.open[str(dedup)] = { summary: str(summary), severity: str(severity), details };
          else state.open = Object.fromEntries(Object.entries(state.open).filter(([key]) => key !== dedup));
          return { status: 202, body: { status: 'success', message: 'Event processed', dedup_key: dedup } };
        },
      ],
    ],
  });
  return { server, key };
}

interface TeamsState {
  cards: { texts: string[]; actions: { title: string; url: string }[] }[];
}

/** A Teams workflow "When a Teams webhook request is received": the address holds the signature. */
export async function startFakeTeams(): Promise<{ server: FakeServer<TeamsState>; url: Secret }> {
  const path = `/workflows/${randomUUID()}/triggers/manual/paths/invoke`;
  const server = await startFakeServer<TeamsState>({
    seed: { cards: [] },
    guard: ({ query }) => (query.get('sig') === 'sesame' ? undefined : { status: 401 }),
    routes: [
      [
        'POST',
        path,
        ({ body }, state) => {
          const [attachment] = list(body['attachments']).map(obj);
          const card = obj(attachment?.['content']);
          const actions = list(card['actions']).map(obj);
          if (
            body['type'] !== 'message' ||
            attachment?.['contentType'] !== 'application/vnd.microsoft.card.adaptive' ||
            card['type'] !== 'AdaptiveCard' ||
            actions.some((one) => one['type'] !== 'Action.OpenUrl' || !URL.canParse(str(one['url'])))
          )
            return { status: 400, body: { error: { code: 'InvalidCard' } } };
          if (Buffer.byteLength(JSON.stringify(body)) > 28 * 1024) return { status: 413 };
          state.cards.push({
            texts: list(card['body'])
              .map(obj)
              .flatMap((block) => list(block['inlines']).map((inline) => str(obj(inline)['text']))),
            actions: actions.map((one) => ({ title: str(one['title']), url: str(one['url']) })),
          });
          return { status: 202 };
        },
      ],
    ],
  });
  return { server, url: new Secret(`${server.url}${path}?api-version=1&sig=sesame`) };
}

export interface FakeMail {
  to: string;
  /** As it went over the wire. */
  raw: string;
  /** With the transfer encoding taken off. */
  text: string;
}

/** A mail relay. `refuse` holds response codes by address. */
export async function startFakeRelay(): Promise<{
  mails: FakeMail[];
  refuse: Map<string, number>;
  config: { host: string; port: number; tls: 'none'; from: string; timeoutMs: number };
  stop(): Promise<void>;
}> {
  const mails: FakeMail[] = [];
  const refuse = new Map<string, number>();
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    onRcptTo({ address }, _session, done) {
      const code = refuse.get(address);
      done(code === undefined ? null : Object.assign(new Error('refused'), { responseCode: code }));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString('utf8');
        const text = unquoted(raw);
        for (const { address } of session.envelope.rcptTo) mails.push({ to: address, raw, text });
        done();
      });
    },
  });
  server.on('error', () => undefined);
  const listening = server.listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  const { port } = listening.address() as AddressInfo;
  return {
    mails,
    refuse,
    config: { host: '127.0.0.1', port, tls: 'none', from: 'cordon@example.com', timeoutMs: 5_000 },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Takes quoted-printable off. */
function unquoted(raw: string): string {
  const joined = raw.replace(/=\r\n/g, '');
  const bytes = joined.replace(/=([0-9A-F]{2})/g, (_match, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
