import { mayBeSameHost } from '../../contracts/assets';
import { CordonError } from '../../contracts/errors';
import type { HostRef } from '../../contracts/values';

/**
 * The entry of a `hosts` map that a reference means: by its full name, else by its short one. Two domains are two hosts.
 * Never by address: tomorrow the address is another machine's. Throws when there is none, or more than one.
 */
export function findHost<T>(hosts: Readonly<Record<string, T>>, ref: HostRef): { name: string; host: T } {
  const names = [ref.name, ref.fqdn].filter((name) => name !== undefined).map((name) => name.toLowerCase());
  const entries = Object.entries(hosts);
  const exact = entries.filter(([name]) => names.includes(name.toLowerCase()));
  const found =
    exact.length > 0 ? exact : entries.filter(([name]) => names.every((one) => mayBeSameHost(one, name)));
  const [first, second] = found;
  if (first === undefined) throw new CordonError('not_found', `host ${ref.name} is not configured here`);
  if (second !== undefined) {
    throw new CordonError('invalid_input', `host ${ref.name} is ambiguous: ${first[0]} or ${second[0]}`);
  }
  return { name: first[0], host: first[1] };
}
