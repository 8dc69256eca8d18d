import type { Alert, AlertView, FileRef } from './alert';
import { accountKey, hostKey, type Asset, type AssetIndex } from './assets';
import type { AccountRef, HostRef } from './values';

const bare = (text: string): string => text.trim().toLowerCase().replace(/\.$/, '');

/** Addresses that say nothing about who: unspecified, loopback, link-local. */
function isMeaningless(address: string): boolean {
  return /^(0\.|127\.|169\.254\.)/.test(address) || /^(::1?|fe80:.*)$/i.test(address);
}

/** Under which keys an alert joins others. One host seen as name, FQDN and address has keys in common with itself. */
export function correlationKeys(alert: Alert, assets: AssetIndex): string[] {
  const keys = new Set<string>();
  for (const host of alert.entities.hosts) for (const key of keysOfHost(host, assets)) keys.add(key);
  for (const account of alert.entities.accounts) {
    if (assets.account(account)?.ambient !== true) keys.add(accountKey(account, assets));
  }
  for (const address of alert.entities.ips) {
    const asset = assets.ip(address);
    if (asset?.ambient === true || isMeaningless(address)) continue;
    keys.add(asset?.kind === 'host' ? hostKey({ name: asset.id }, assets) : `ip:${bare(address)}`);
  }
  for (const { sha256 } of alert.entities.files) if (sha256 !== undefined) keys.add(`file:${sha256}`);
  return [...keys].sort();
}

function keysOfHost(host: HostRef, assets: AssetIndex): string[] {
  const asset = assets.host(host);
  if (asset?.ambient === true) return [];
  const addresses = [...(host.ips ?? []), ...(asset?.ips ?? [])].filter(
    (address) => !isMeaningless(address) && assets.ip(address)?.ambient !== true,
  );
  return [hostKey(host, assets), ...addresses.map((address) => `ip:${bare(address)}`)];
}

const of = (asset: Asset | undefined): { criticality: number; tags: string[] } => ({
  criticality: asset?.criticality ?? 3,
  tags: asset?.tags ?? [],
});

function uniqueByKey<T extends { key: string }>(things: readonly T[]): T[] {
  return [...new Map(things.map((thing) => [thing.key, thing])).values()];
}

/** What a run may act upon: the alert's entities, resolved against the assets, each once. */
export function resolveScope(alert: Alert, assets: AssetIndex): AlertView['scope'] {
  const known = alert.entities.ips
    .map((address) => assets.ip(address))
    .filter((asset) => asset?.kind === 'host' && !asset.ambient) as Asset[];
  const hostRefs: HostRef[] = [...alert.entities.hosts, ...known.map((asset) => ({ name: asset.id }))];
  const hosts = uniqueByKey(
    hostRefs
      .filter((host) => assets.host(host)?.ambient !== true)
      .map((host) => {
        const asset = assets.host(host);
        return { ...host, name: asset?.id ?? host.name, key: hostKey(host, assets), ...of(asset) };
      }),
  );
  const accounts = uniqueByKey(
    alert.entities.accounts
      .filter((account: AccountRef) => assets.account(account)?.ambient !== true)
      .map((account) => ({ ...account, key: accountKey(account, assets), ...of(assets.account(account)) })),
  );
  const hostAssets = hosts.flatMap((host) => assets.host(host) ?? []);
  const datasets = uniqueByKey(
    hostAssets
      .flatMap((asset) => assets.datasetsOn(asset))
      .map((asset) => ({
        name: asset.id,
        key: `dataset:${asset.id.toLowerCase()}`,
        ...(asset.host === undefined ? {} : { host: asset.host }),
        ...(asset.path === undefined ? {} : { path: asset.path }),
        ...of(asset),
      })),
  );
  const ips = [...new Set(alert.entities.ips.map(bare))].filter(
    (address) => assets.ip(address) === undefined && !isMeaningless(address),
  );
  const [onlyHost] = hosts;
  const files: (FileRef & { host?: string | undefined })[] = alert.entities.files.map((file) =>
    hosts.length === 1 && onlyHost !== undefined ? { ...file, host: onlyHost.key } : file,
  );
  return { hosts, accounts, datasets, ips, files };
}

/** The canonical keys of what a scope holds, as claims and leases have them. */
export function targetKeys({ hosts, accounts, datasets, ips, files }: AlertView['scope']): string[] {
  return [
    ...[...hosts, ...accounts, ...datasets].map(({ key }) => key),
    ...ips.map((ip) => `ip:${bare(ip)}`),
    ...files.flatMap(({ host, path }) =>
      host === undefined || path === undefined
        ? []
        : [`file:${host.slice('host:'.length)}${path.startsWith('/') ? '' : '/'}${path}`],
    ),
  ];
}
