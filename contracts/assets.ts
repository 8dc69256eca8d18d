import { z } from 'zod';
import { bare, domainOfMail, hostOfUrl, isWithinDomain, principalName } from './names';
import type { AccountRef, HostRef } from './values';
import { IpAddress, type DatasetRef, type Target } from './values';

/** A thing the organisation owns or knows. Aliases are all the names and addresses under which alerts may speak of it. */
export const Asset = z.object({
  id: z.string().min(1).max(255),
  /**
   * A `domain` is named `corp.example.com`, with all below it also `*.corp.example.com`. A `file` has sha256 hashes as aliases. Cloud
   * principals and keys are accounts, buckets are datasets.
   */
  kind: z.enum(['host', 'account', 'dataset', 'network', 'domain', 'file']),
  aliases: z.array(z.string().min(1).max(255)).max(256).default([]),
  ips: z.array(IpAddress).max(256).default([]),
  tags: z.array(z.string().min(1).max(64)).max(64).default([]),
  /** 1 unimportant … 5 the business stops. */
  criticality: z.number().int().min(1).max(5).default(3),
  /** Id of the person who decides where the policy asks the asset's `owner`. */
  owner: z.string().max(255).optional(),
  /** Where it is: a plant, a branch, a data centre. Budgets may hold for each site by itself. */
  site: z.string().trim().min(1).max(64).optional(),
  /** Never acted upon, whatever anybody approves, until this flag is taken away. */
  protected: z.boolean().default(false),
  /** Seen in many unrelated alerts (proxy, scanner, NAT address, service account): never correlates. */
  ambient: z.boolean().default(false),
  /** For a dataset: the host it lives on and the folder there. */
  host: z.string().max(255).optional(),
  path: z.string().max(4096).optional(),
});
export type Asset = z.infer<typeof Asset>;

/** The one spelling of an address: IPv6 lower-case and compressed, IPv4-mapped as IPv4. Other text stays as it is. */
export function canonicalIp(text: string): string {
  const lower = bare(text);
  if (!lower.includes(':') || !IpAddress.safeParse(lower).success) return lower;
  const address = new URL(`http://[${lower}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (mapped === null) return address;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

const isAddress = (name: string): boolean => /^[\d.]+$/.test(name) || name.includes(':');

/** The first label of a host's name, in lower case; an address stays whole. */
export function shortName(text: string): string {
  const lower = canonicalIp(text);
  return isAddress(lower) ? lower : (lower.split('.')[0] ?? lower);
}

const isFull = (name: string): boolean => !isAddress(bare(name)) && bare(name).includes('.');

/** Whether two names may be one host's: equal, or one is short and begins the other. Two domains are two hosts. */
export function mayBeSameHost(a: string, b: string): boolean {
  if (canonicalIp(a) === canonicalIp(b)) return true;
  return shortName(a) === shortName(b) && !(isFull(a) && isFull(b));
}

/** The name of an account without its domain: of `CORP\\kim` and `kim@corp.example.com` it is `kim`. */
export const accountName = (text: string): string => bare(text).replace(/^.*\\/, '').replace(/@.*$/, '');

/** Looks assets up by any alias. Build it once per configuration; it is pure. */
export class AssetIndex {
  readonly #byAlias = new Map<string, Asset>();
  /** By the short form of every name of a host, and by every account's name without its domain. */
  readonly #loosely = new Map<string, Set<Asset>>();
  constructor(readonly assets: readonly Asset[]) {
    for (const asset of assets)
      for (const alias of [asset.id, ...asset.aliases, ...asset.ips]) {
        this.#byAlias.set(`${asset.kind}:${canonicalIp(alias)}`, asset);
        const loose = `${asset.kind}:${asset.kind === 'account' ? accountName(alias) : shortName(alias)}`;
        this.#loosely.set(loose, (this.#loosely.get(loose) ?? new Set()).add(asset));
      }
  }

  /** The host, by its names, else by one of its addresses. */
  host(ref: HostRef): Asset | undefined {
    return this.hostNamed(ref.name) ?? this.hostNamed(ref.fqdn) ?? this.#first('host', ref.ips ?? []);
  }
  /**
   * The host of this name. A short name may stand for the one full name that an asset has, and a full name for an asset
   * that is known by the short one only: `web01.b.example.com` is not the asset that is `web01.a.example.com`.
   */
  hostNamed(name: string | undefined): Asset | undefined {
    if (name === undefined) return undefined;
    const exact = this.#first('host', [name]);
    if (exact !== undefined || isAddress(bare(name))) return exact;
    const [only, another] = [...(this.#loosely.get(`host:${shortName(name)}`) ?? [])].filter((asset) =>
      [asset.id, ...asset.aliases]
        .filter((alias) => shortName(alias) === shortName(name))
        .every((alias) => mayBeSameHost(alias, name)),
    );
    return another === undefined ? only : undefined;
  }
  account(ref: AccountRef): Asset | undefined {
    return this.#first('account', [
      ref.upn,
      ref.domain === undefined ? undefined : `${ref.domain}\\${ref.name}`,
      ref.name,
      accountName(ref.name),
    ]);
  }
  ip(address: string): Asset | undefined {
    return this.#first('network', [address]) ?? this.#first('host', [address]);
  }
  dataset(ref: Pick<DatasetRef, 'name'>): Asset | undefined {
    return this.#first('dataset', [ref.name]);
  }
  /** The asset behind a target that an action names. */
  ofTarget(target: Target): Asset | undefined {
    const id = target.key.slice(target.key.indexOf(':') + 1);
    switch (target.kind) {
      case 'host':
        return this.host({ name: id });
      case 'file':
      case 'process':
        return this.host({ name: id.split('/')[0] ?? id });
      case 'account':
      case 'key':
      case 'principal':
      case 'sender':
        return this.#first('account', [id]);
      case 'dataset':
      case 'bucket':
        return this.dataset({ name: id });
      case 'ip':
        return this.ip(id);
      case 'domain':
      case 'hash':
        return this.#first(target.kind === 'hash' ? 'file' : 'domain', [id]);
      default:
        return undefined;
    }
  }
  /** Datasets that live on a host. */
  datasetsOn(host: Asset): Asset[] {
    return this.assets.filter(
      (asset) =>
        asset.kind === 'dataset' && asset.host !== undefined && this.host({ name: asset.host }) === host,
    );
  }

  /**
   * Every asset that some product might take the reference for: by each of its names, also when only the first label
   * agrees, and by each of its addresses. A full name that an asset has of its own means that asset only.
   */
  hostsLike(ref: HostRef): Asset[] {
    const byName = [ref.name, ...(ref.fqdn === undefined ? [] : [ref.fqdn])].flatMap((name) => {
      const exact = isFull(name) || isAddress(bare(name)) ? this.#first('host', [name]) : undefined;
      return exact === undefined ? [...(this.#loosely.get(`host:${shortName(name)}`) ?? [])] : [exact];
    });
    return [...new Set([...byName, ...(ref.ips ?? []).flatMap((ip) => this.ipsLike(ip))])];
  }
  /** Every account asset that has one of the reference's names, whatever the domain: some directories ignore it. */
  accountsLike(ref: AccountRef): Asset[] {
    const names = [ref.name, ref.upn].filter((name) => name !== undefined);
    return [
      ...new Set(names.flatMap((name) => [...(this.#loosely.get(`account:${accountName(name)}`) ?? [])])),
    ];
  }
  /** Hosts and networks that have the address. */
  ipsLike(address: string): Asset[] {
    return (['network', 'host'] as const).flatMap((kind) => this.#first(kind, [address]) ?? []);
  }
  /** Datasets of that name or that place, and the hosts that they are on. */
  datasetsLike(ref: DatasetRef): Asset[] {
    const hosts = ref.host === undefined ? [] : this.hostsLike({ name: ref.host });
    const named = this.dataset(ref);
    const placed = hosts.flatMap((host) =>
      this.datasetsOn(host).filter(({ path }) => overlaps(path, ref.path)),
    );
    const sets = [...(named === undefined ? [] : [named]), ...placed];
    const homes = sets.flatMap(({ host }) => (host === undefined ? [] : this.hostsLike({ name: host })));
    return [...new Set([...sets, ...homes, ...hosts])];
  }

  /** What a block of the domain would cut off: domains and hosts of that name or below it, and a domain that is `*.` something above it. */
  domainsLike(domain: string): Asset[] {
    return this.assets.filter(({ kind, id, aliases }) =>
      [id, ...aliases]
        .map(bare)
        .some((name) =>
          kind === 'domain'
            ? isNamedDomain(domain, name) || isWithinDomain(name.replace(/^\*\./, ''), domain)
            : kind === 'host' && isFull(name) && isWithinDomain(name, domain),
        ),
    );
  }
  /** Whose site a web address is: the domain or host of exactly that name, or who has the address that it names. */
  urlsLike(url: string): Asset[] {
    const host = hostOfUrl(url) ?? '';
    if (isAddress(host)) return this.ipsLike(host);
    return this.assets.filter(({ kind, id, aliases }) =>
      [id, ...aliases]
        .map(bare)
        .some(
          (name) => (kind === 'domain' && isNamedDomain(host, name)) || (kind === 'host' && name === host),
        ),
    );
  }
  /** The account that has the mail address, and the domain in which it is. An address elsewhere with the same name is another's. */
  sendersLike(address: string): Asset[] {
    const domain = domainOfMail(address);
    return this.assets.filter(({ kind, id, aliases }) =>
      [id, ...aliases]
        .map(bare)
        .some(
          (name) =>
            (kind === 'account' && name === bare(address)) ||
            (kind === 'domain' && isNamedDomain(domain, name)),
        ),
    );
  }
  /** Every account that a cloud could mean by one of these names, whole or by its last part. */
  principalsLike(names: readonly string[]): Asset[] {
    const wanted = new Set(names.flatMap((name) => [bare(name), principalName(name)]));
    return this.assets.filter(
      ({ kind, id, aliases }) =>
        kind === 'account' &&
        [id, ...aliases].some((name) => wanted.has(bare(name)) || wanted.has(principalName(name))),
    );
  }
  /** The file of the hash. */
  filesLike(sha256: string): Asset[] {
    const file = this.#first('file', [sha256]);
    return file === undefined ? [] : [file];
  }

  #first(kind: Asset['kind'], names: readonly (string | undefined)[]): Asset | undefined {
    for (const name of names) {
      const found = name === undefined ? undefined : this.#byAlias.get(`${kind}:${canonicalIp(name)}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Whether an asset's name means the domain: the same, or `*.` something that it lies in. */
const isNamedDomain = (domain: string, name: string): boolean =>
  name.startsWith('*.') ? isWithinDomain(domain, name.slice(2)) : name === domain;

/** Whether one of two folders lies in the other. Without a path it is the whole host. */
function overlaps(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  const [x, y] = [a, b].map((path) => `${path.replace(/\/+$/, '')}/`) as [string, string];
  return x.startsWith(y) || y.startsWith(x);
}

/** What a reference's names amount to: one where they agree, each of them where the assets don't know them to be one host. */
export function hostNames(ref: HostRef, assets?: AssetIndex): string[] {
  const named = assets?.hostNamed(ref.name);
  const name = canonicalIp(named?.id ?? ref.name);
  if (ref.fqdn === undefined) return [name];
  const full = canonicalIp(assets?.hostNamed(ref.fqdn)?.id ?? ref.fqdn);
  if (name === full) return [name];
  if (named === undefined && mayBeSameHost(ref.name, ref.fqdn)) return [isFull(ref.name) ? name : full];
  return [name, full];
}

/** Canonical key of a host: the asset's id where it is known, else its full name, else its short one, in lower case. */
export function hostKey(ref: HostRef, assets?: AssetIndex): string {
  const asset = assets?.host(ref);
  return `host:${asset === undefined ? hostNames(ref).join('+') : bare(asset.id)}`;
}

/** Canonical key of an account: the asset's id where it is known, else the name in lower case without its domain. */
export function accountKey(ref: AccountRef, assets?: AssetIndex): string {
  return `account:${bare(assets?.account(ref)?.id ?? accountName(ref.name))}`;
}
