import type { Alert, AlertView, FileRef } from './alert';
import {
  accountKey,
  canonicalIp,
  hostKey,
  hostNames,
  shortName,
  type Asset,
  type AssetIndex,
} from './assets';
import type { AccountRef, HostRef } from './values';

/** An alert that names half the estate is correlated by this many of its entities, names before addresses. */
const MOST_KEYS = 500;
/** With these a batch of a hundred stays below the 65,535 values that one statement takes. */
const MOST_ALSO = 100;
const NAMED_IN = 'named_in_';
const EMPTY_FILE = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Addresses that say nothing about who: unspecified, loopback, link-local. */
function isMeaningless(address: string): boolean {
  return /^(0\.|127\.|169\.254\.)/.test(address) || /^(::1?|fe80:.*)$/i.test(address);
}

/** Under which keys an incident knows an alert. One host seen as name, FQDN and address has keys in common with itself. */
export function correlationKeys(alert: Pick<Alert, 'entities'>, assets: AssetIndex): string[] {
  const { hosts, accounts, ips, files } = alert.entities;
  const known = hosts.filter((host) => assets.host(host)?.ambient !== true);
  const names = [
    ...known.flatMap((host) => hostNameKeys(host, assets).known),
    ...accounts
      .filter((account) => assets.account(account)?.ambient !== true)
      .map((account) => accountKey(account, assets)),
    ...files.flatMap(({ sha256 }) =>
      sha256 === undefined || sha256 === EMPTY_FILE ? [] : [`file:${sha256}`],
    ),
  ];
  const addresses = [
    ...known.flatMap((host) => [...(host.ips ?? []), ...(assets.host(host)?.ips ?? [])]),
    ...ips,
  ].filter((address) => !isMeaningless(address) && assets.ip(address)?.ambient !== true);
  const addressKeys = addresses.map((address) => `ip:${canonicalIp(address)}`);
  const owners = ips.flatMap((address) => {
    const asset = assets.ip(address);
    return asset?.kind === 'host' && !asset.ambient ? [hostKey({ name: asset.id }, assets)] : [];
  });
  return [...new Set([...names, ...owners, ...addressKeys])].slice(0, MOST_KEYS).sort();
}

/**
 * By which keys an alert looks for incidents: its own, and for a host that the assets don't know, its short name where the
 * other was seen by its full one, or the other way round. Two full names of different domains never meet by this.
 */
export function soughtKeys(alert: Alert, assets: AssetIndex): string[] {
  const also = alert.entities.hosts
    .filter((host) => assets.host(host)?.ambient !== true)
    .flatMap((host) => hostNameKeys(host, assets).also);
  const own = correlationKeys(alert, assets).filter((key) => !key.startsWith(NAMED_IN));
  return [...new Set([...own, ...also.slice(0, MOST_ALSO)])].sort();
}

function hostNameKeys(host: HostRef, assets: AssetIndex): { known: string[]; also: string[] } {
  if (assets.host(host) !== undefined) return { known: [hostKey(host, assets)], also: [] };
  const names = hostNames(host);
  const isFull = (name: string): boolean => shortName(name) !== name;
  return {
    known: names.flatMap((name) => [
      `host:${name}`,
      isFull(name) ? `${NAMED_IN}full:${shortName(name)}` : `${NAMED_IN}short:${name}`,
    ]),
    also: names.map((name) =>
      isFull(name) ? `${NAMED_IN}short:${shortName(name)}` : `${NAMED_IN}full:${name}`,
    ),
  };
}

const of = (asset: Asset | undefined): { criticality: number; tags: string[] } => ({
  criticality: asset?.criticality ?? 3,
  tags: asset?.tags ?? [],
});

function uniqueByKey<T extends { key: string }>(things: readonly T[]): T[] {
  return [...new Map(things.map((thing) => [thing.key, thing])).values()];
}

/** What a run may act upon: the alert's entities, resolved against the assets, each once. */
export function resolveScope(alert: Pick<Alert, 'entities'>, assets: AssetIndex): AlertView['scope'] {
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
  const ips = [...new Set(alert.entities.ips.map(canonicalIp))].filter(
    (address) => assets.ip(address) === undefined && !isMeaningless(address),
  );
  const [onlyHost] = hosts;
  const files: (FileRef & { host?: string | undefined })[] = alert.entities.files.map((file) =>
    hosts.length === 1 && onlyHost !== undefined ? { ...file, host: onlyHost.key } : file,
  );
  return { hosts, accounts, datasets, ips, files };
}

/** An alert as a run reads it: small, resolved against the assets, free of raw data. */
export function viewOf(
  alert: Alert,
  { id, seq }: Pick<AlertView, 'id' | 'seq'>,
  assets: AssetIndex,
): AlertView {
  const { alertKey, source, title, severity, confidence, category, techniques, occurredAt, resolved } = alert;
  return {
    id,
    seq,
    alertKey,
    source,
    title,
    severity,
    ...(confidence === undefined ? {} : { confidence }),
    category,
    techniques,
    occurredAt,
    resolved,
    scope: resolveScope(alert, assets),
  };
}

/** The canonical keys of what a scope holds, as claims and leases have them. */
export function targetKeys({ hosts, accounts, datasets, ips, files }: AlertView['scope']): string[] {
  return [
    ...[...hosts, ...accounts, ...datasets].map(({ key }) => key),
    ...ips.map((ip) => `ip:${canonicalIp(ip)}`),
    ...files.flatMap(({ host, path }) =>
      host === undefined || path === undefined
        ? []
        : [`file:${host.slice('host:'.length)}${path.startsWith('/') ? '' : '/'}${path}`],
    ),
  ];
}
