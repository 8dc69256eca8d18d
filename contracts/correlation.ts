import type { Alert, AlertView, FileRef, ScopeHost } from './alert';
import {
  accountKey,
  canonicalIp,
  hostKey,
  hostNames,
  shortName,
  type Asset,
  type AssetIndex,
} from './assets';
import {
  bucketKey,
  cloudKeyKey,
  domainKey,
  domainOf,
  hashKey,
  messageId,
  messageKey,
  principalKey,
  processName,
  senderKey,
  urlKey,
  urlOf,
} from './names';
import type { AccountRef, CloudKeyRef, HostRef, PrincipalRef } from './values';

/** An alert that names half the estate is correlated by this many of its entities, names before addresses. */
const MOST_KEYS = 500;
/** With these a batch of a hundred stays below the 65,535 values that one statement takes. */
const MOST_ALSO = 100;
const NAMED_IN = 'named_in_';
/** sha256 of no bytes: every empty file has it. */
export const EMPTY_FILE = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Addresses that say nothing about who: unspecified, loopback, link-local. */
function isMeaningless(address: string): boolean {
  return /^(0\.|127\.|169\.254\.)/.test(address) || /^(::1?|fe80:.*)$/i.test(address);
}

const isAmbient = (assets: readonly Asset[]): boolean => assets.some(({ ambient }) => ambient);

/** Every principal that an alert names: by itself, or as the owner of a key. */
const principalsOf = ({ principals = [], keys = [] }: Alert['entities']): PrincipalRef[] => [
  ...principals,
  ...keys.flatMap(({ principal, account }) =>
    principal === undefined ? [] : [{ name: principal, ...(account === undefined ? {} : { account }) }],
  ),
];

/** Without keys of principals that many use. */
const ownKeys = (keys: readonly CloudKeyRef[], assets: AssetIndex): CloudKeyRef[] =>
  keys.filter(({ id, principal = id }) => !isAmbient(assets.principalsLike([id, principal])));

/**
 * Keys of mail and cloud. A sender, a web address and a process are in many unrelated alerts: by these nothing is correlated. Nor by
 * a domain, unless the alert says that it is where the attacker commands from: content networks are in everything.
 */
function otherKeys({ category, entities }: Named, assets: AssetIndex): string[] {
  const { messages = [], keys = [], buckets = [] } = entities;
  const domains = category === 'command_and_control' ? entities.domains : [];
  return [
    ...messages.map(messageKey),
    ...ownKeys(keys, assets).map(cloudKeyKey),
    ...principalsOf(entities)
      .filter(({ name }) => !isAmbient(assets.principalsLike([name])))
      .map(({ name }) => principalKey(name)),
    ...buckets.filter((one) => assets.dataset(one)?.ambient !== true).map(({ name }) => bucketKey(name)),
    ...foreignDomains(domains, assets).map(domainKey),
  ];
}

/** Domains that are somebody else's, each in its one spelling. */
function foreignDomains(domains: readonly string[], assets: AssetIndex): string[] {
  const ascii = domains.flatMap((domain) => domainOf(domain) ?? []);
  return [...new Set(ascii)].filter((domain) => assets.domainsLike(domain).length === 0);
}

/** An alert, or what a run has found, which has no category. */
type Named = Pick<Alert, 'entities'> & Partial<Pick<Alert, 'category'>>;

/** Under which keys an incident knows an alert. One host seen as name, FQDN and address has keys in common with itself. */
export function correlationKeys(alert: Named, assets: AssetIndex): string[] {
  const { hosts, accounts, ips, files } = alert.entities;
  const known = hosts.filter((host) => assets.host(host)?.ambient !== true);
  const names = [
    ...known.flatMap((host) => hostNameKeys(host, assets).known),
    ...accounts
      .filter((account) => assets.account(account)?.ambient !== true)
      .map((account) => accountKey(account, assets)),
    ...files.flatMap(({ sha256 }) =>
      sha256 === undefined || sha256 === EMPTY_FILE || isAmbient(assets.filesLike(sha256))
        ? []
        : [`file:${sha256}`],
    ),
    ...otherKeys(alert, assets),
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
  const onlyHost = hosts.length === 1 ? hosts[0] : undefined;
  const files: (FileRef & { host?: string | undefined })[] = alert.entities.files.map((file) =>
    onlyHost === undefined ? file : { ...file, host: onlyHost.key },
  );
  return { hosts, accounts, datasets, ips, files, ...resolveOthers(alert, assets, onlyHost) };
}

type Others = Omit<AlertView['scope'], 'hosts' | 'accounts' | 'datasets' | 'ips' | 'files'>;

/** What is not a machine or an account of ours. What the assets know to be ours is no indicator, and is left out. */
function resolveOthers(
  { entities }: Pick<Alert, 'entities'>,
  assets: AssetIndex,
  host: ScopeHost | undefined,
): Others {
  const { files, urls, messages = [], keys = [], buckets = [], processes = [] } = entities;
  const senders = messages.flatMap(({ sender }) => (sender === undefined ? [] : [sender.toLowerCase()]));
  const hashes = files.flatMap(({ sha256 }) => sha256 ?? []);
  const others: { [K in keyof Others]-?: NonNullable<Others[K]> } = {
    domains: foreignDomains(entities.domains, assets),
    urls: [...new Set(urls.flatMap((url) => urlOf(url) ?? []))].filter(
      (url) => assets.urlsLike(url).length === 0,
    ),
    messages: messages.map((message) => ({ ...message, id: messageId(message.id) })),
    senders: [...new Set(senders)].filter((sender) => assets.sendersLike(sender).length === 0),
    keys: ownKeys(keys, assets),
    principals: principalsOf(entities).filter(({ name }) => !isAmbient(assets.principalsLike([name]))),
    buckets: buckets.filter((one) => assets.dataset(one)?.ambient !== true),
    processes:
      host === undefined
        ? []
        : processes.map((one) => ({ ...one, host, key: keyOnHost('process', host.key, processName(one)) })),
    hashes: [...new Set(hashes)].filter(
      (sha256) => sha256 !== EMPTY_FILE && assets.filesLike(sha256).length === 0,
    ),
  };
  return Object.fromEntries(Object.entries(others).filter(([, list]) => list.length > 0));
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

/** Where a thing of a host is, as the keys of actions on it say. */
export const keyOnHost = (kind: 'file' | 'process', host: string, name: string): string =>
  `${kind}:${host.slice('host:'.length)}${name.startsWith('/') ? '' : '/'}${name}`;

/** The canonical keys of what a scope holds, as claims and leases have them. */
export function targetKeys(scope: AlertView['scope']): string[] {
  const { hosts, accounts, datasets, ips, files } = scope;
  return [
    ...[...hosts, ...accounts, ...datasets].map(({ key }) => key),
    ...ips.map((ip) => `ip:${canonicalIp(ip)}`),
    ...files.flatMap(({ host, path }) =>
      host === undefined || path === undefined ? [] : [keyOnHost('file', host, path)],
    ),
    ...(scope.domains ?? []).map(domainKey),
    ...(scope.urls ?? []).map(urlKey),
    ...(scope.messages ?? []).map(messageKey),
    ...(scope.senders ?? []).map(senderKey),
    ...(scope.keys ?? []).map(cloudKeyKey),
    ...(scope.principals ?? []).map(({ name }) => principalKey(name)),
    ...(scope.buckets ?? []).map(({ name }) => bucketKey(name)),
    ...(scope.processes ?? []).map(({ key }) => key),
    ...(scope.hashes ?? []).map(hashKey),
  ];
}
