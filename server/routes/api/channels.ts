import { z } from 'zod';
import { ChannelTest, ChannelView } from '../../../contracts/api';
import { tellsPeople } from '../../../contracts/channel';
import { channelState } from '../../../store/notices';
import { route, type Route } from '../table';
import { notFound, type ApiDeps } from './deps';

/** How people are told, and whether it works. */
export const channels = ({ store, channels: configured, notifier }: ApiDeps): Route[] => [
  route({
    method: 'get',
    path: '/channels',
    id: 'listChannels',
    tag: 'channels',
    summary: 'Channels, with their last delivery and their last error',
    permission: 'read',
    answer: z.object({ items: z.array(ChannelView) }),
    handle: async () => ({
      items: await Promise.all(
        configured.map(async (channel) => {
          const { id, use, people, maxImpact } = channel;
          const { waiting, failed, lastSent, lastError } = await channelState(store, id);
          return {
            ...{ id, use, people, maxImpact, waiting, failed, tells: tellsPeople([channel]) },
            lastSent: lastSent === undefined ? null : { ...lastSent, at: lastSent.at.toISOString() },
            lastError: lastError === undefined ? null : { ...lastError, at: lastError.at.toISOString() },
          };
        }),
      ),
    }),
  }),
  route({
    method: 'post',
    path: '/channels/{id}/test',
    id: 'testChannel',
    tag: 'channels',
    summary: 'Send a message that is marked as a test, now; says what went wrong',
    permission: 'administer',
    params: z.object({ id: z.string().min(1).max(63) }),
    answer: ChannelTest,
    problems: { 404: 'There is no such channel, or it sends nothing.' },
    handle: async ({ person, params }) => {
      const answer = await notifier?.test(params.id, person.id);
      if (answer === undefined) throw notFound('channel that sends anything');
      return answer;
    },
  }),
];
