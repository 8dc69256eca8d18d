import type { ChannelKind, OutgoingChannel } from '../contracts/channel';
import type { ChannelConfig, Config } from '../contracts/config';
import type { Secret } from '../contracts/secret';
import email from './email';
import pagerduty from './pagerduty';
import slack from './slack';
import teams from './teams';

/** Every kind of channel that tells people something. `webhook` only answers: the server knows it itself. */
export const CHANNELS: ReadonlyMap<string, ChannelKind> = new Map<string, ChannelKind>(
  [slack, email, teams, pagerduty].map((kind) => [kind.id, kind]),
);

/** A channel of the configuration, connected. */
export interface ConnectedChannel extends Omit<ChannelConfig, 'secrets' | 'authenticatesPeople'> {
  kind: ChannelKind;
  secrets: readonly Secret[];
  authenticatesPeople: boolean;
  outgoing: OutgoingChannel;
}

/** The outgoing channels of a configuration that was checked, by id. No call is made. */
export function connectChannels({
  channels,
}: Pick<Config, 'channels'>): ReadonlyMap<string, ConnectedChannel> {
  return new Map(
    channels.flatMap((channel) => {
      const kind = CHANNELS.get(channel.use);
      if (kind === undefined) return [];
      const { id, people, maxImpact } = channel;
      const config: unknown = kind.config.parse(channel.config);
      return [
        [
          id,
          {
            ...channel,
            kind,
            config: config as Record<string, unknown>,
            secrets: channel.secrets as Secret[],
            authenticatesPeople: channel.authenticatesPeople ?? kind.authenticatesPeople,
            outgoing: kind.connect(config, { id, people, maxImpact }),
          },
        ] as const,
      ];
    }),
  );
}
