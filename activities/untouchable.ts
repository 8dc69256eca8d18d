import { networkInterfaces } from 'node:os';
import type { ActionId } from '../contracts/actions';
import { canonicalIp } from '../contracts/assets';
import { EMPTY_FILE } from '../contracts/correlation';
import { hostOfUrl } from '../contracts/names';
import type { Prepared } from './runner-types';

/** Loopback, unspecified, link-local, multicast and broadcast: to block these stops the network itself. */
const NOBODY =
  /^(0\.|127\.|169\.254\.|22[4-9]\.|23\d\.|255\.255\.255\.255$|::1?$|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:)/;

function isOurOwn(address: string): boolean {
  const ours = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return ours.some((one) => canonicalIp(one.address.replace(/%.*$/, '')) === address);
}

/** What these block is blocked for everybody. */
const BLOCKS_FOR_ALL = new Set<ActionId>([
  'network.block_ip',
  'network.block_domain',
  'network.block_url',
  'email.block_sender',
  'endpoint.block_hash',
]);
const INSTEAD: { readonly [A in ActionId]?: string } = {
  'email.block_sender': ' An account of your own is stopped by disabling it.',
};

/** The address that an input blocks: itself, or the host of a web address. */
function addressIn(input: object): string | undefined {
  const { ip, url } = input as { ip?: string; url?: string };
  const address = ip ?? (url === undefined ? undefined : hostOfUrl(url));
  return address === undefined ? undefined : canonicalIp(address);
}

/**
 * Why nothing may be done to what an item names, whoever approves; undefined when it may. It goes by everything that the
 * product might take the input for, not by what the caller says that it is. What is in force already may be released.
 */
export function untouchable({ spec, input, item, target, mayBe }: Prepared): string | undefined {
  if (spec.readOnly || item.release) return undefined;
  const asset = mayBe.find((one) => one.protected);
  if (asset !== undefined) return `${asset.id} is protected: nothing is done to it, whoever approves.`;
  if (!BLOCKS_FOR_ALL.has(spec.id)) return undefined;
  const ambient = mayBe.find((one) => one.ambient);
  if (ambient !== undefined)
    return `${target.label} is ${ambient.id}, which many depend on: it is not blocked, whoever approves.${INSTEAD[spec.id] ?? ''}`;
  if (spec.id === 'endpoint.block_hash' && (input as { sha256: string }).sha256 === EMPTY_FILE)
    return 'That is the hash of every empty file: it is not blocked.';
  const address = addressIn(input);
  if (address !== undefined && (NOBODY.test(address) || isOurOwn(address)))
    return `${address} is an address of Cordon itself or of no other machine: it is not blocked.`;
  return undefined;
}
