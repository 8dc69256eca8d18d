import { networkInterfaces } from 'node:os';
import { canonicalIp } from '../contracts/assets';
import type { Prepared } from './runner-types';

/** Loopback, unspecified, link-local, multicast and broadcast: to block these stops the network itself. */
const NOBODY =
  /^(0\.|127\.|169\.254\.|22[4-9]\.|23\d\.|255\.255\.255\.255$|::1?$|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:)/;

function isOurOwn(address: string): boolean {
  const ours = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return ours.some((one) => canonicalIp(one.address.replace(/%.*$/, '')) === address);
}

/**
 * Why nothing may be done to what an item names, whoever approves; undefined when it may. It goes by everything that the
 * product might take the input for, not by what the caller says that it is. What is in force already may be released.
 */
export function untouchable({ spec, input, item, mayBe }: Prepared): string | undefined {
  if (spec.readOnly || item.release) return undefined;
  const asset = mayBe.find((one) => one.protected);
  if (asset !== undefined) return `${asset.id} is protected: nothing is done to it, whoever approves.`;
  if (spec.id !== 'network.block_ip') return undefined;
  const address = canonicalIp((input as { ip: string }).ip);
  const ambient = mayBe.find((one) => one.ambient);
  if (ambient !== undefined)
    return `${address} is ${ambient.id}, which many depend on: it is not blocked, whoever approves.`;
  if (NOBODY.test(address) || isOurOwn(address))
    return `${address} is an address of Cordon itself or of no other machine: it is not blocked.`;
  return undefined;
}
