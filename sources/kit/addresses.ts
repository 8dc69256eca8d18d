import { z } from 'zod';
import { IpAddress, type HostRef } from '../../contracts/values';

/** Canonical text of an address: IPv6 lower-case and compressed, IPv4-mapped as IPv4, no zone. */
export function addressOf(text: string | undefined): string | undefined {
  const bare = (text ?? '').trim().replace(/%.*$/, '');
  if (!IpAddress.safeParse(bare).success) return undefined;
  if (!bare.includes(':')) return bare;
  const address = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (mapped === null) return address;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** A network like `192.0.2.0/24`. */
export const Cidr = z.union([z.cidrv4(), z.cidrv6()]);

/** Private and shared networks (RFC 1918, 6598, 4193). */
export const PRIVATE_NETWORKS = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
];

/** Addresses that name nobody: unspecified, loopback, link-local, multicast, broadcast. */
const NOBODY = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/127',
  'fe80::/10',
  'ff00::/8',
];

/** The address as binary digits, 32 or 128 of them. */
function bitsOf(address: string): string {
  if (!address.includes(':'))
    return address
      .split('.')
      .map((byte) => Number(byte).toString(2).padStart(8, '0'))
      .join('');
  const [head = '', tail] = (addressOf(address) ?? '').split('::');
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('');
}

/** Whether a canonical address lies in one of the networks. */
function within(address: string, networks: readonly string[]): boolean {
  const bits = bitsOf(address);
  return networks.some((network) => {
    const [base = '', length = ''] = network.split('/');
    const baseBits = bitsOf(base);
    return (
      baseBits.length === bits.length && baseBits.slice(0, Number(length)) === bits.slice(0, Number(length))
    );
  });
}

/** An address that names somebody, canonical. */
export function namingAddress(text: string | undefined): string | undefined {
  const address = addressOf(text);
  return address === undefined || within(address, NOBODY) ? undefined : address;
}

/** Sorts addresses into those of our hosts, by the networks that are ours, and those outside. */
export function sortAddresses(
  addresses: readonly (string | undefined)[],
  ours: readonly string[],
): { hosts: HostRef[]; ips: string[] } {
  const all = [...new Set(addresses.map(namingAddress).filter((one) => one !== undefined))];
  return {
    hosts: all.filter((ip) => within(ip, ours)).map((ip) => ({ name: ip, ips: [ip] })),
    ips: all.filter((ip) => !within(ip, ours)),
  };
}
