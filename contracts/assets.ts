import { z } from 'zod';
import type { AccountRef, HostRef } from './values';
import { IpAddress, type DatasetRef, type Target } from './values';

/** A thing the organisation owns or knows. Aliases are all the names and addresses under which alerts may speak of it. */
export const Asset = z.object({
  id: z.string().min(1).max(255),
  kind: z.enum(['host', 'account', 'dataset', 'network']),
  aliases: z.array(z.string().min(1).max(255)).max(256).default([]),
  ips: z.array(IpAddress).max(256).default([]),
  tags: z.array(z.string().min(1).max(64)).max(64).default([]),
  /** 1 unimportant … 5 the business stops. */
  criticality: z.number().int().min(1).max(5).default(3),
  owner: z.string().max(255).optional(),
  /** Never acted upon, whatever anybody approves, until this flag is taken away. */
  protected: z.boolean().default(false),
  /** Seen in many unrelated alerts (proxy, scanner, NAT address, service account): never correlates. */
  ambient: z.boolean().default(false),
  /** For a dataset: the host it lives on and the folder there. */
  host: z.string().max(255).optional(),
  path: z.string().max(4096).optional(),
});
export type Asset = z.infer<typeof Asset>;

const bare = (text: string): string => text.trim().toLowerCase().replace(/\.$/, '');

function shortName(text: string): string {
  const lower = bare(text);
  return /^[\d.]+$/.test(lower) || lower.includes(':') ? lower : (lower.split('.')[0] ?? lower);
}

/** Looks assets up by any alias. Build it once per configuration; it is pure. */
export class AssetIndex {
  readonly #byAlias = new Map<string, Asset>();
  constructor(readonly assets: readonly Asset[]) {
    for (const asset of assets)
      for (const alias of [asset.id, ...asset.aliases, ...asset.ips])
        this.#byAlias.set(`${asset.kind}:${bare(alias)}`, asset);
  }

  host(ref: HostRef): Asset | undefined {
    return this.#first('host', [ref.name, ref.fqdn, shortName(ref.name), ...(ref.ips ?? [])]);
  }
  account(ref: AccountRef): Asset | undefined {
    return this.#first('account', [
      ref.upn,
      ref.domain === undefined ? undefined : `${ref.domain}\\${ref.name}`,
      ref.name,
    ]);
  }
  ip(address: string): Asset | undefined {
    return this.#first('network', [address]) ?? this.#first('host', [address]);
  }
  dataset(ref: DatasetRef): Asset | undefined {
    return this.#first('dataset', [ref.name]);
  }
  /** The asset behind a target that an action names. */
  ofTarget(target: Target): Asset | undefined {
    const id = target.key.slice(target.key.indexOf(':') + 1);
    switch (target.kind) {
      case 'host':
        return this.host({ name: id });
      case 'file':
        return this.host({ name: id.split('/')[0] ?? id });
      case 'account':
        return this.#first('account', [id]);
      case 'dataset':
        return this.dataset({ name: id });
      case 'ip':
        return this.ip(id);
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

  #first(kind: Asset['kind'], names: readonly (string | undefined)[]): Asset | undefined {
    for (const name of names) {
      const found = name === undefined ? undefined : this.#byAlias.get(`${kind}:${bare(name)}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Canonical key of a host: the asset's id where it is known, else the short name in lower case. */
export function hostKey(ref: HostRef, assets?: AssetIndex): string {
  return `host:${bare(assets?.host(ref)?.id ?? shortName(ref.name))}`;
}

/** Canonical key of an account: the asset's id where it is known, else the name in lower case without its domain. */
export function accountKey(ref: AccountRef, assets?: AssetIndex): string {
  return `account:${bare(assets?.account(ref)?.id ?? ref.name)}`;
}
