import type { AnyActionSpec } from '../contracts/actions';
import type { Asset, AssetIndex } from '../contracts/assets';
import type { Config } from '../contracts/config';
import type { CallContext } from '../contracts/integration';
import type { WaveInput, WaveItem } from '../contracts/messages';
import type { JsonObject, Target } from '../contracts/values';
import type { Row } from '../store/schema';
import type { Store } from '../store/store';
import type { ConnectionRegistry } from './connections';
import type { Route } from './route';

/** What the runner works with; passed in, so that tests bring their own. */
export interface RunnerDeps {
  readonly store: Store;
  readonly config: Config;
  readonly assets: AssetIndex;
  readonly connections: ConnectionRegistry;
  /** This process; claims carry it. A new one at every start. */
  readonly owner: string;
  readonly dataDir: string;
  /** Authors of a playbook's version, by its `id@version`; undefined when this build has no such. */
  readonly authorsOf?: (ref: string) => readonly string[] | undefined;
  readonly log: CallContext['log'];
  /** Named points at which chaos tests crash. */
  readonly at?: (point: CrashPoint, actionKey: string) => Promise<void>;
}

/** Between any two of these a process may die. */
export type CrashPoint = 'claimed' | 'probed' | 'acted' | 'verified' | 'settled';

/** An item whose input fits its action and whose connection is known. */
export interface Prepared {
  readonly item: WaveItem;
  /** Incident, group, phase and reason of its wave. */
  readonly wave: Pick<WaveInput, 'incident' | 'group'>;
  /** The action that will be called: the item's own, or its inverse for a release. */
  readonly spec: AnyActionSpec;
  readonly input: JsonObject;
  readonly target: Target;
  /** The asset that the input surely means; see `identify`. */
  readonly asset: Asset | undefined;
  /** Every asset that the product might take the input for. */
  readonly mayBe: readonly Asset[];
  readonly route: Route;
  readonly actionKey: string;
  /** For a release: the lease that it ends. */
  readonly lease?: Row<'leases'>;
  /** A release that a person asked for: the kill switch lets it through. */
  readonly evenHeld?: true;
  /** Key of the lock over acquire and release of one effect; null where nothing can be taken back. */
  readonly lockKey: string | null;
}

/** An item that this process holds the claim of. */
export interface Claimed {
  readonly prepared: Prepared;
  readonly itemHash: string;
  readonly attempt: number;
  readonly fence: number;
  readonly firstProbe: JsonObject | null;
  readonly token: string | null;
}
