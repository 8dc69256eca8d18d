import type { DecisionInput } from '../../contracts/approval';
import type { ChannelConfig } from '../../contracts/config';
import type { Role } from '../../contracts/values';
import { channelVoice } from '../../store/approvals';
import { activePerson } from '../../store/people';
import type { Store } from '../../store/store';
import { Problem } from '../problem';
import { decide, type Decided } from './decide';

/** A channel as far as deciding goes. */
export type Speaker = Pick<ChannelConfig, 'id' | 'people' | 'roles' | 'maxImpact'> & {
  authenticatesPeople: boolean;
};

/** For whom the channel may speak, with the roles that it may use; a problem for anybody else. */
export async function spokenFor(
  store: Store,
  channel: Speaker,
  id: string,
): Promise<{ id: string; name: string; roles: Role[] }> {
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
  return { id, name: person.name, roles };
}

/** Records what a channel says for a person, within what the configuration lets it. One path for all channels. */
export async function decideThrough(
  store: Store,
  channel: Speaker,
  { request, person, input }: { request: string; person: string; input: DecisionInput },
): Promise<Decided> {
  const { id, roles } = await spokenFor(store, channel, person);
  const { authenticatesPeople, maxImpact } = channel;
  return decide(store, request, input, {
    person: id,
    roles,
    channel: channelVoice(channel.id),
    onBehalf: { authenticated: authenticatesPeople, maxImpact },
  });
}
