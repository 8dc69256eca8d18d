import { accountName, canonicalIp, mayBeSameHost, type Asset, type AssetIndex } from './assets';
import type { Named } from './identity';
import { hostOfUrl, isWithinDomain, principalKey } from './names';
import type { JsonObject, Target } from './values';

/** What an action is done to, with all that a product might take it for; see `identify`. */
export interface Meant {
  readonly target: Pick<Target, 'kind' | 'key'>;
  readonly input: JsonObject;
  readonly mayBe: readonly Asset[];
}

/** The host of a file's or a process's key; undefined for anything else. */
function hostInKey({ kind, key }: Pick<Target, 'kind' | 'key'>): string | undefined {
  return kind === 'file' || kind === 'process' ? key.slice(kind.length + 1).split('/')[0] : undefined;
}

/** Whether a target is among these keys, itself or, for a file or process, with its host. */
export function isUnder(keys: ReadonlySet<string>, target: Pick<Target, 'kind' | 'key'>): boolean {
  if (keys.has(target.key)) return true;
  const host = hostInKey(target);
  return host !== undefined && keys.has(`host:${host}`);
}

/** What a key names, in the parts that an input would have. */
function readKey(key: string): { kind: Target['kind']; names: string[] } {
  const kind = key.slice(0, key.indexOf(':')) as Target['kind'];
  const name = key.slice(kind.length + 1);
  // Names that the assets don't know to be one are in one key.
  return { kind, names: kind === 'host' || kind === 'account' ? name.split('+') : [name] };
}

const hostsOf = ({ target, input }: Meant): string[] => {
  const { host, set } = input as Named;
  const own = target.kind === 'host' ? readKey(target.key).names : (hostInKey(target) ?? '').split('+');
  return [host?.name, host?.fqdn, set?.host, ...own].filter(
    (name) => name !== undefined && name !== '',
  ) as string[];
};

const accountsOf = ({ target, input }: Meant): string[] => {
  const { account } = input as Named;
  const own = target.kind === 'account' ? readKey(target.key).names : [];
  return [account?.name, account?.upn, ...own].filter((name) => name !== undefined);
};

/** The domain or address that an input reaches by its web address or domain. */
function placesOf({ input }: Meant): string[] {
  const { url, domain, ip } = input as Named;
  return [url === undefined ? undefined : hostOfUrl(url), domain, ip].filter((place) => place !== undefined);
}

/** Whether an asset that the product might act upon is one that the removed name might be. */
function sharesAsset(
  { mayBe }: Meant,
  kind: Target['kind'],
  names: readonly string[],
  assets: AssetIndex,
): boolean {
  const meant = names.flatMap((name) => {
    if (kind === 'host') return assets.hostsLike({ name });
    if (kind === 'account') return assets.accountsLike({ name });
    return kind === 'dataset' ? [assets.dataset({ name })] : [];
  });
  return meant.some((asset) => asset !== undefined && mayBe.includes(asset));
}

const within = (a: string, b: string): boolean => isWithinDomain(a, b) || isWithinDomain(b, a);

/**
 * Whether what is meant is, or might be, something that a person took out: by its key, by any other name of it, by an asset that it
 * shares, or because it lies on a host or in a domain that was taken out. In doubt it is. Pure.
 */
export function isRemoved(removed: readonly string[], meant: Meant, assets: AssetIndex): boolean {
  return removed.some((key) => {
    if (meant.target.key === key) return true;
    const { kind, names } = readKey(key);
    if (sharesAsset(meant, kind, names, assets)) return true;
    const [name = ''] = names;
    switch (kind) {
      case 'host':
        return hostsOf(meant).some((host) => names.some((one) => mayBeSameHost(one, host)));
      case 'account':
        return accountsOf(meant).some((account) =>
          names.some((one) => accountName(one) === accountName(account)),
        );
      case 'ip':
        return placesOf(meant).some((place) => canonicalIp(place) === name);
      case 'domain':
        return placesOf(meant).some((place) => within(place, name));
      case 'url':
        return (
          meant.target.kind === 'domain' &&
          placesOf(meant).some((place) => within(hostOfUrl(name) ?? '', place))
        );
      case 'principal':
        return principalKey((meant.input as Named).key?.principal ?? '') === key;
      case 'file':
      case 'process':
        return isOnSameHost(meant, { kind, key });
      default:
        return false;
    }
  });
}

/** The same file or process, on a host under another name. */
function isOnSameHost({ target }: Meant, { kind, key }: Pick<Target, 'kind' | 'key'>): boolean {
  if (target.kind !== kind) return false;
  const [a, b] = [target, { kind, key }].map((one) => ({ host: hostInKey(one) ?? '', key: one.key }));
  const rest = (one: { host: string; key: string } | undefined): string =>
    (one?.key ?? '').slice(kind.length + 1 + (one?.host.length ?? 0));
  return rest(a) === rest(b) && mayBeSameHost(a?.host ?? '', b?.host ?? '');
}
