import { targetOf, type ActionCall } from './actions';
import { accountName, bare, canonicalIp, hostNames, type Asset, type AssetIndex } from './assets';
import type { AccountRef, DatasetRef, HostRef, Target } from './values';

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
interface Named {
  host?: HostRef;
  account?: AccountRef;
  set?: DatasetRef;
  ip?: string;
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

/** Resolves an action's input against the assets. Throws a ZodError when the input does not fit the action. */
export function identify(call: ActionCall, assets: AssetIndex): Identity {
  const target = targetOf(call);
  const { host, account, set, ip } = call.input as Named;
  const mayBe = [
    ...(host === undefined ? [] : assets.hostsLike(host)),
    ...(account === undefined ? [] : assets.accountsLike(account)),
    ...(set === undefined ? [] : assets.datasetsLike(set)),
    ...(ip === undefined ? [] : assets.ipsLike(ip)),
  ];
  if (host !== undefined) {
    const { name, asset } = hostIdentity(host, assets);
    const rest = target.kind === 'file' ? target.key.slice(target.key.indexOf('/')) : '';
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
  return { target, asset: undefined, mayBe };
}
