import { z } from 'zod';
import { actionSpec, targetOf, type ActionCall, type ActionId } from './actions';
import { accountName, canonicalIp, hostNames, type Asset, type AssetIndex } from './assets';
import { bare, domainOf } from './names';
import type { PolicyTarget } from './policy-target';
import type {
  AccountRef,
  BucketRef,
  CloudKeyRef,
  DatasetRef,
  HostRef,
  MessageRef,
  PrincipalRef,
  ProcessRef,
  Target,
} from './values';

/** Whom an action's input means, and whom a product might take it for. */
export interface Identity {
  /** Its key names one thing only: the asset, or every name of the input where the assets don't know them to be one. */
  readonly target: Target;
  /** The asset, when all of the input's names are its. */
  readonly asset: Asset | undefined;
  /** Every asset that some name, address or place of the input might lead to. What is protected among them is left alone. */
  readonly mayBe: readonly Asset[];
}

/** The parts of an input by which products find what to act on. `test/contracts` holds that no action has others. */
export interface Named {
  host?: HostRef;
  account?: AccountRef;
  set?: DatasetRef;
  ip?: string;
  domain?: string;
  url?: string;
  sender?: string;
  message?: MessageRef;
  key?: CloudKeyRef;
  principal?: PrincipalRef;
  bucket?: BucketRef;
  process?: ProcessRef;
  sha256?: string;
}

/** Which kind of target an action has, by the parts of its input, the most telling first. */
const KIND_OF_PART: readonly (readonly [part: string, kind: Target['kind']])[] = [
  ['process', 'process'],
  ['path', 'file'],
  ['host', 'host'],
  ['account', 'account'],
  ['set', 'dataset'],
  ['ip', 'ip'],
  ['domain', 'domain'],
  ['url', 'url'],
  ['sender', 'sender'],
  ['message', 'message'],
  ['key', 'key'],
  ['principal', 'principal'],
  ['bucket', 'bucket'],
  ['sha256', 'hash'],
  ['to', 'channel'],
];

/** The kind of what an action is done to. */
export function targetKindOf(action: ActionId): Target['kind'] {
  const { input } = actionSpec(action);
  const parts = input instanceof z.ZodObject ? Object.keys(input.shape) : [];
  return KIND_OF_PART.find(([part]) => parts.includes(part))?.[1] ?? 'ticket';
}

function hostIdentity(ref: HostRef, assets: AssetIndex): { name: string; asset: Asset | undefined } {
  const names = hostNames(ref, assets);
  const [only] = names;
  return {
    name: names.join('+'),
    asset: names.length === 1 && only !== undefined ? assets.hostNamed(only) : undefined,
  };
}

/** A `+` between two names of an account that only the caller says are one person's. */
function accountIdentity(ref: AccountRef, assets: AssetIndex): { name: string; asset: Asset | undefined } {
  const asset = assets.account(ref);
  const own = new Set(asset === undefined ? [] : [asset.id, ...asset.aliases].map(accountName));
  const names = [...new Set([ref.name, ...(ref.upn === undefined ? [] : [ref.upn])].map(accountName))];
  const [name = ''] = names;
  if (asset !== undefined && names.every((one) => own.has(one))) return { name: bare(asset.id), asset };
  return { name: names.length === 1 ? name : `${name}+${bare(ref.upn ?? '')}`, asset: undefined };
}

/** Every asset that one of an input's names might lead to. */
function assetsNamed(named: Named, assets: AssetIndex): Asset[] {
  const { host, account, set, ip, domain, url, sender, key, principal, bucket, sha256, process } = named;
  const principals = [key?.id, key?.principal, principal?.name].filter((name) => name !== undefined);
  const hashes = [sha256, process?.sha256].filter((hash) => hash !== undefined);
  return [
    ...(host === undefined ? [] : assets.hostsLike(host)),
    ...(account === undefined ? [] : assets.accountsLike(account)),
    ...(set === undefined ? [] : assets.datasetsLike(set)),
    ...(ip === undefined ? [] : assets.ipsLike(ip)),
    ...(domain === undefined ? [] : assets.domainsLike(domainOf(domain) ?? bare(domain))),
    ...(url === undefined ? [] : assets.urlsLike(url)),
    ...(sender === undefined ? [] : assets.sendersLike(sender)),
    ...(principals.length === 0 ? [] : assets.principalsLike(principals)),
    ...(bucket === undefined ? [] : assets.datasetsLike({ name: bucket.name })),
    ...hashes.flatMap((hash) => assets.filesLike(hash)),
  ];
}

/** Resolves an action's input against the assets. Throws a ZodError when the input does not fit the action. */
export function identify(call: ActionCall, assets: AssetIndex): Identity {
  const target = targetOf(call);
  const named = call.input as Named;
  const { host, account, set, ip } = named;
  const mayBe = assetsNamed(named, assets);
  if (host !== undefined) {
    const { name, asset } = hostIdentity(host, assets);
    const rest = target.kind === 'host' ? '' : target.key.slice(target.key.indexOf('/'));
    return { target: { ...target, key: `${target.kind}:${name}${rest}` }, asset, mayBe };
  }
  if (account !== undefined) {
    const { name, asset } = accountIdentity(account, assets);
    return { target: { ...target, key: `account:${name}` }, asset, mayBe };
  }
  if (set !== undefined) {
    const asset = assets.dataset(set);
    return { target: { ...target, key: `dataset:${bare(asset?.id ?? set.name)}` }, asset, mayBe };
  }
  // An address is its own name: two addresses of one host are two things to block.
  if (ip !== undefined)
    return { target: { ...target, key: `ip:${canonicalIp(ip)}` }, asset: assets.ip(ip), mayBe };
  // So are the others. Who may be two things is nobody's: the strictest of what it may be counts.
  const sure = assets.ofTarget(target);
  return { target, asset: mayBe.some((one) => one !== sure) ? undefined : sure, mayBe };
}

/** What is known of a target that only its name tells: its asset, and every asset that a product might take the name for. */
export function assetsOfTarget(target: Target, assets: AssetIndex): PolicyTarget {
  return { asset: assets.ofTarget(target), mayBe: assetsNamed(namedBy(target), assets) };
}

/** The parts of an input that a target's name alone would fill. */
export function namedBy({ kind, label: name }: Pick<Target, 'kind' | 'label'>): Named {
  const [host = name] = name.split('/');
  const named: Partial<Record<Target['kind'], Named>> = {
    host: { host: { name } },
    file: { host: { name: host } },
    process: { host: { name: host } },
    account: { account: { name } },
    ip: { ip: name },
    dataset: { set: { name } },
    domain: { domain: name },
    url: { url: name },
    sender: { sender: name },
    key: { key: { id: name } },
    principal: { principal: { name } },
    bucket: { bucket: { name } },
    hash: { sha256: name },
  };
  return named[kind] ?? {};
}
