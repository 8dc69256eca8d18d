import type { Command } from 'commander';
import type { ChannelTest, ChannelView } from '../../contracts/api';
import { api } from '../api';
import { show, tell, verb, type Common } from '../output';

/** `cordon channels …` */
export function channelCommands(program: Command): void {
  const channels = program.command('channels').description('how people are told of approval requests');
  verb(channels, 'list', 'channels, their last delivery and their last error').action(
    async (options: Common) => {
      const found = await api<{ items: ChannelView[] }>('GET', '/channels');
      show(
        options,
        found,
        ['channel', 'kind', 'people', 'up to', 'last sent', 'waiting', 'given up', 'last error'],
        (one) => [
          one.id,
          one.use,
          one.people.join(', '),
          one.people.length === 0 ? 'decides nothing' : one.maxImpact,
          one.lastSent === null
            ? one.tells
              ? 'never'
              : 'only answers'
            : `${one.lastSent.at} ${one.lastSent.event}`,
          String(one.waiting),
          String(one.failed),
          one.lastError === null ? '' : `${one.lastError.at} ${one.lastError.error}`,
        ],
      );
    },
  );
  verb(channels, 'test <channel>', 'send a message that is marked as a test (for admins)').action(
    async (channel: string, options: Common) => {
      const answer = await api<ChannelTest>('POST', `/channels/${encodeURIComponent(channel)}/test`, {});
      tell(
        options,
        answer,
        answer.ok ? `The test went out by ${channel}.` : `It did not: ${answer.error ?? 'no reason given'}`,
      );
      if (!answer.ok) process.exitCode = 1;
    },
  );
}
