import { actionSpec, ACTIONS, type ActionCall, type ActionId } from '../contracts/actions';
import type { AssetIndex } from '../contracts/assets';
import { identify } from '../contracts/identity';
import type { WaveInput, WaveItem } from '../contracts/messages';
import type { JsonObject, Mode } from '../contracts/values';
import type { Row } from '../store/schema';
import type { ConnectionRegistry } from './connections';
import type { Prepared } from './runner-types';

type Wave = Pick<WaveInput, 'incident' | 'group'>;
interface Known {
  readonly assets: AssetIndex;
  readonly connections: ConnectionRegistry;
}

const INVERSES = new Set<string>(Object.values(ACTIONS).flatMap(({ inverse }) => inverse ?? []));

/** Whether it takes something back without being the release of a lease. The guard refuses that, a plan foretells it. */
export function takesBackDirectly({ spec, item }: Prepared): boolean {
  return INVERSES.has(spec.id) && !item.release;
}

/**
 * An item as it would be done: on what, by which connection; in a drill by what stands in for it. `mode` is the incident's in SQL. Connects to nothing. Throws a CordonError when no connection serves
 * it, a ZodError when its input does not fit the action.
 */
export function prepareAction(
  { assets, connections }: Known,
  wave: Wave,
  item: WaveItem,
  actionKey: string,
  mode: Mode,
): Prepared {
  const { target, asset, mayBe } = identify({ action: item.action, input: item.input } as ActionCall, assets);
  const spec = actionSpec(item.action);
  const route =
    mode === 'drill'
      ? connections.drillRoute(item.action, target, assets)
      : connections.route(item.action, target, assets);
  return {
    item,
    wave,
    spec,
    input: spec.input.parse(item.input) as JsonObject,
    target,
    asset,
    mayBe,
    route,
    actionKey,
    lockKey: spec.inverse === null ? null : `${route.id}|${spec.id}|${target.key}`,
  };
}

/** The inverse of a lease as something that can be done, by the connection that did it. */
export function releaseOf(
  { assets, connections }: Known,
  wave: Wave,
  item: WaveItem,
  lease: Row<'leases'>,
  actionKey: string,
): Prepared {
  const spec = actionSpec(lease.inverse as ActionId);
  const target: Prepared['target'] = {
    kind: lease.target_kind as Prepared['target']['kind'],
    key: lease.target_key,
    label: lease.target_label,
  };
  return {
    item,
    wave,
    spec,
    input: lease.inverse_input,
    target,
    asset: assets.ofTarget(target),
    mayBe: [],
    route: connections.byId(lease.connection, spec.id, lease.integration),
    actionKey,
    lease,
    lockKey: `${lease.connection}|${lease.action}|${lease.target_key}`,
  };
}
