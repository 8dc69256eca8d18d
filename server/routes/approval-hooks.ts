import express, { Router, type Response } from 'express';
import type { Counter } from 'prom-client';
import type { ConnectedChannel } from '../../channels';
import { ChannelDecision, type Interaction } from '../../contracts/channel';
import type { ChannelConfig } from '../../contracts/config';
import type { CallContext } from '../../contracts/integration';
import { channelMayDecide } from '../../contracts/policy';
import type { Secret } from '../../contracts/secret';
import type { HookRequest } from '../../contracts/source';
import { verifyStandardWebhook } from '../../sources/kit/standard-webhooks';
import { channelVoice } from '../../store/approvals';
import { approvalRequests } from '../../store/read-models';
import type { Store } from '../../store/store';
import { Problem } from '../problem';
import { decideThrough } from './channel-decision';
import { withoutWeight, type Decided } from './decide';
import { hookRequest, parseJson } from './hook-request';

const WHISPER_TIMEOUT_MS = 10_000;

export interface ApprovalHookDeps {
  store: Store;
  channels: readonly ChannelConfig[];
  /** Those of them that tell people something too. */
  connected: ReadonlyMap<string, ConnectedChannel>;
  rejected: Counter;
  /** A decision is in SQL. */
  wake: () => void;
  log: CallContext['log'];
}

/**
 * `POST /hooks/approvals/:channel`: a chat or ticket system answers for a person. A `webhook` signs as Standard Webhooks wants it,
 * Slack in its own way; within what the configuration lets the channel decide; the same rows as the API.
 */
export function approvalHooks(deps: ApprovalHookDeps): Router {
  const router = Router();
  router.post(
    '/hooks/approvals/:channel',
    express.raw({ type: () => true, limit: '2mb' }),
    async (request, response) => {
      const id = request.params.channel;
      const channel = deps.channels.find((one) => one.id === id);
      const connected = deps.connected.get(id);
      const hook = hookRequest(request);
      if (channel?.use === 'webhook') await takeWebhook(deps, channel, hook, response);
      else if (connected?.kind.inbound !== undefined) await takeClick(deps, connected, hook, response);
      else {
        deps.rejected.inc({ source: 'unknown', why: 'unknown_channel' });
        throw new Problem(404, 'Not found', 'There is no such channel.');
      }
    },
  );
  return router;
}

/** Counts a refusal, and makes it. */
function refuse({ rejected }: ApprovalHookDeps, channel: string, why: string, problem: Problem): never {
  rejected.inc({ source: channelVoice(channel), why });
  throw problem;
}

async function takeWebhook(
  deps: ApprovalHookDeps,
  channel: ChannelConfig,
  hook: HookRequest,
  response: Response,
): Promise<void> {
  const authenticated = verifyStandardWebhook(hook, channel.secrets as Secret[]);
  if (!authenticated.ok)
    refuse(deps, channel.id, authenticated.why, new Problem(401, 'Unauthorized', authenticated.detail));
  const json = parseJson(hook.body);
  if (json === undefined)
    return refuse(deps, channel.id, 'broken_json', new Problem(400, 'Bad request', 'The body is not JSON.'));
  try {
    const { request, person, ...input } = ChannelDecision.parse(json.value);
    const speaker = { ...channel, authenticatesPeople: channel.authenticatesPeople ?? false };
    const decided = await decideThrough(deps.store, speaker, { request, person, input });
    deps.wake();
    response.status(202).json(decided);
  } catch (error) {
    if (error instanceof Problem) deps.rejected.inc({ source: channelVoice(channel.id), why: 'refused' });
    throw error;
  }
}

/** A click in the product. It is answered 200 once it is settled what became of it; the person learns it in the product. */
async function takeClick(
  deps: ApprovalHookDeps,
  channel: ConnectedChannel,
  hook: HookRequest,
  response: Response,
): Promise<void> {
  const { inbound } = channel.kind;
  if (inbound === undefined) return;
  const authenticated = inbound.authenticate(hook, channel.secrets);
  if (!authenticated.ok)
    refuse(deps, channel.id, authenticated.why, new Problem(401, 'Unauthorized', authenticated.detail));
  const said = inbound.read(hook.body, channel.config);
  if (said.kind === 'unreadable')
    refuse(deps, channel.id, 'unreadable', new Problem(400, 'Bad request', said.detail));
  if (said.kind === 'decision') await takeDecision(deps, channel, said);
  response.status(200).end();
}

async function takeDecision(
  deps: ApprovalHookDeps,
  channel: ConnectedChannel,
  said: Interaction & { kind: 'decision' },
): Promise<void> {
  const whisper = (text: string): void => {
    channel.outgoing
      .whisper?.(said.user, text, AbortSignal.timeout(WHISPER_TIMEOUT_MS))
      .catch((error: unknown) => {
        deps.log.warn({ error: String(error), channel: channel.id }, 'somebody could not be answered');
      });
  };
  let decided: Decided;
  try {
    decided = await decideAsMeant(deps.store, channel, said);
  } catch (error) {
    // Without the database nothing was stored: the product shows that the click failed.
    if (!(error instanceof Problem)) throw error;
    deps.rejected.inc({ source: channelVoice(channel.id), why: 'refused' });
    whisper(`Not recorded: ${error.detail}`);
    return;
  }
  const statusOf = (status: string): number => decided.items.filter((item) => item.status === status).length;
  if (statusOf('recorded') === 0) {
    deps.rejected.inc({ source: channelVoice(channel.id), why: 'replayed' });
    return;
  }
  deps.wake();
  const late = statusOf('too_late');
  const mute = withoutWeight(decided);
  if (late > 0 || mute !== undefined) {
    const said = `${String(statusOf('recorded'))} recorded${late > 0 ? `; ${String(late)} came too late` : ''}.`;
    whisper(mute === undefined ? said : `${said} ${mute}`);
  }
}

async function decideAsMeant(
  store: Store,
  channel: ConnectedChannel,
  { person, request, input }: Interaction & { kind: 'decision' },
): Promise<Decided> {
  if (person === undefined)
    throw new Problem(403, 'Forbidden', 'Cordon does not know whose account this is here.');
  if (input.items !== undefined) return decideThrough(store, channel, { person, request, input });
  const [found] = await approvalRequests(store, { id: request });
  if (found === undefined) throw new Problem(404, 'Not found', 'There is no such approval request.');
  // "All" is all that the message offered, whatever has been settled since: the same click means the same.
  const items = found.items
    .filter(({ impact }) => channelMayDecide(impact, channel.maxImpact))
    .map(({ itemHash }) => itemHash);
  if (items.length === 0)
    throw new Problem(403, 'Forbidden', `${channel.id} may decide nothing of this request.`);
  return decideThrough(store, channel, { person, request, input: { ...input, items } });
}
