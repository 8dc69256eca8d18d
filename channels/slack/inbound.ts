import { createHash, createHmac } from 'node:crypto';
import type { Interaction } from '../../contracts/channel';
import type { Secret } from '../../contracts/secret';
import type { Authentication, HookRequest } from '../../contracts/source';
import { header, sameSecret } from '../../sources/kit/authentication';
import { uuidOf } from '../kit/ids';
import { BlockActions, ButtonValue, type SlackConfig } from './schemas';

const TOLERANCE_SECONDS = 5 * 60;

/**
 * Slack signs `v0:timestamp:body` with the app's signing secret, HMAC-SHA256 in hex; older than five minutes is a replay.
 * https://docs.slack.dev/authentication/verifying-requests-from-slack
 */
export function verifySlack(request: HookRequest, secrets: readonly Secret[]): Authentication {
  const timestamp = header(request, 'x-slack-request-timestamp');
  const signature = header(request, 'x-slack-signature');
  if (!timestamp || !signature)
    return {
      ok: false,
      why: 'missing',
      detail: 'expected the headers x-slack-request-timestamp and x-slack-signature, each once',
    };
  if (!/^\d{1,12}$/.test(timestamp))
    return { ok: false, why: 'bad_signature', detail: 'x-slack-request-timestamp is not in whole seconds' };
  const fits = secrets.map((secret) => {
    const key = secret.reveal();
    const mac = createHmac('sha256', key)
      .update(`v0:${timestamp}:`, 'utf8')
      .update(request.body)
      .digest('hex');
    return key !== '' && sameSecret(signature, `v0=${mac}`);
  });
  if (!fits.includes(true))
    return { ok: false, why: 'bad_signature', detail: 'the v0 signature fits no configured secret' };
  if (Math.abs(request.now / 1000 - Number(timestamp)) > TOLERANCE_SECONDS)
    return {
      ok: false,
      why: 'stale',
      detail: 'x-slack-request-timestamp is more than five minutes away from the time here',
    };
  return { ok: true };
}

/** One click is one decision, however often it is delivered. */
const decisionId = (parts: readonly string[]): string =>
  uuidOf(createHash('sha256').update(JSON.stringify(parts)).digest());

const unreadable = (detail: string): Interaction => ({ kind: 'unreadable', detail });

function payloadOf(body: Uint8Array): unknown {
  const payload = new URLSearchParams(new TextDecoder().decode(body)).get('payload');
  try {
    return payload === null ? undefined : (JSON.parse(payload) as unknown);
  } catch {
    return undefined;
  }
}

/** What a click means. Whether that person may decide it is not looked at here. */
export function readSlack(body: Uint8Array, config: SlackConfig): Interaction {
  const parsed = BlockActions.safeParse(payloadOf(body));
  if (!parsed.success) return unreadable('expected payload=<JSON of block_actions>');
  const { user, team, channel, container, actions } = parsed.data;
  if (config.team !== undefined && team?.id !== config.team)
    return unreadable('the click is from another workspace');
  if ((channel?.id ?? container?.channel_id) !== config.channel)
    return unreadable('the click is from another conversation');
  const [action] = actions;
  if (action === undefined || (action.action_id !== 'approve' && action.action_id !== 'deny'))
    return { kind: 'nothing' };
  let json: unknown;
  try {
    json = JSON.parse(action.value ?? '');
  } catch {
    return unreadable('the button is none of ours');
  }
  const value = ButtonValue.safeParse(json);
  if (!value.success) return unreadable('the button is none of ours');
  const { r: request, p: plan, i: item } = value.data;
  const { action_id: verdict, action_ts: at } = action;
  return {
    kind: 'decision',
    user: user.id,
    person: config.users[user.id],
    request,
    input: {
      decisionId: decisionId([config.channel, user.id, at, verdict, request, plan ?? '', item ?? '']),
      verdict,
      ...(item === undefined ? {} : { items: [item] }),
      ...(plan === undefined ? {} : { planHash: plan }),
    },
  };
}
