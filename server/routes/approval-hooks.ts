import express, { Router } from 'express';
import type { Counter } from 'prom-client';
import { ChannelDecision } from '../../contracts/channel';
import type { Config } from '../../contracts/config';
import type { Secret } from '../../contracts/secret';
import { verifyStandardWebhook } from '../../sources/kit/standard-webhooks';
import { channelVoice } from '../../store/approvals';
import { activePerson } from '../../store/people';
import type { Store } from '../../store/store';
import { Problem } from '../problem';
import { decide } from './decide';
import { hookRequest, parseJson } from './hook-request';

type Channel = Config['channels'][number];

export interface ApprovalHookDeps {
  store: Store;
  channels: Config['channels'];
  rejected: Counter;
  /** A decision is in SQL. */
  wake: () => void;
}

/** For whom the channel may speak, with the roles that it may use; a problem for anybody else. */
async function spokenFor(
  store: Store,
  channel: Channel,
  id: string,
): Promise<{ id: string; roles: Channel['roles'] }> {
  if (!channel.people.includes(id))
    throw new Problem(403, 'Forbidden', `${channel.id} may not speak for ${id}.`);
  const person = await activePerson(store, id);
  if (person === undefined)
    throw new Problem(403, 'Forbidden', `${id} is not an active person of this installation.`);
  const roles = channel.roles.filter((role) => person.roles.includes(role));
  if (roles.length === 0)
    throw new Problem(
      403,
      'Forbidden',
      `${channel.id} speaks for ${channel.roles.join(', ')}; ${id} has ${person.roles.join(', ')}.`,
    );
  return { id, roles };
}

/**
 * `POST /hooks/approvals/:channel`: a chat or ticket system answers for a person. Signed as Standard Webhooks wants it; within
 * what the configuration lets the channel decide; the same rows as the API.
 */
export function approvalHooks({ store, channels, rejected, wake }: ApprovalHookDeps): Router {
  const router = Router();
  router.post(
    '/hooks/approvals/:channel',
    express.raw({ type: () => true, limit: '2mb' }),
    async (request, response) => {
      const id = request.params.channel;
      const channel = channels.find((one) => one.id === id);
      const refuse = (why: string, problem: Problem): never => {
        rejected.inc({ source: channel === undefined ? 'unknown' : channelVoice(channel.id), why });
        throw problem;
      };
      if (channel === undefined)
        return refuse('unknown_channel', new Problem(404, 'Not found', 'There is no such channel.'));
      const hook = hookRequest(request);
      const authenticated = verifyStandardWebhook(hook, channel.secrets as Secret[]);
      if (!authenticated.ok)
        return refuse(authenticated.why, new Problem(401, 'Unauthorized', authenticated.detail));
      const json = parseJson(hook.body);
      if (json === undefined)
        return refuse('broken_json', new Problem(400, 'Bad request', 'The body is not JSON.'));
      try {
        const { request: requestId, person: named, ...input } = ChannelDecision.parse(json.value);
        const person = await spokenFor(store, channel, named);
        const { authenticatesPeople, maxImpact } = channel;
        const decided = await decide(store, requestId, input, {
          person: person.id,
          roles: person.roles,
          channel: channelVoice(channel.id),
          onBehalf: { authenticated: authenticatesPeople ?? false, maxImpact },
        });
        wake();
        response.status(202).json(decided);
      } catch (error) {
        if (error instanceof Problem) rejected.inc({ source: channelVoice(channel.id), why: 'refused' });
        throw error;
      }
    },
  );
  return router;
}
