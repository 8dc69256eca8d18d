import type { Asset } from '../contracts/assets';
import type { Failure } from '../contracts/errors';
import { changesAt, isWithin, type MaintenanceWindow } from '../contracts/maintenance';
import type { Prepared } from './runner-types';

/** A window that stands against an effect now, and why. */
export interface Closed {
  readonly mode: MaintenanceWindow['mode'];
  readonly failure: Failure;
}

/** What is to be done, and every asset that it may be done to. */
export interface Doing {
  readonly action: string;
  readonly assets: readonly Asset[];
}

/**
 * The window that stands against an effect now: one that denies before one that holds, then the one that lasts longest.
 * Undefined when it may be done.
 */
export function closedFor(windows: readonly MaintenanceWindow[], what: Doing, at: Date): Closed | undefined {
  const closing = windows
    .filter((window) => concerns(window, what) && isWithin(window, at) !== window.onlyWithin)
    .map((window) => ({ window, until: changesAt(window, at) }))
    .sort((a, b) => rank(b) - rank(a));
  const [first] = closing;
  if (first === undefined) return undefined;
  const { window, until } = first;
  const verb = window.mode === 'hold' ? 'holds' : 'denies';
  const when = until === null ? 'and does not open again' : `until ${until.toISOString()}`;
  const message = window.onlyWithin
    ? `The change window ${window.id} is closed ${when}: it ${verb} what is done only within it.`
    : `The maintenance window ${window.id} ${verb} it${until === null ? '' : ` ${when}`}.`;
  return { mode: window.mode, failure: { type: 'maintenance_window', message } };
}

/** The same for an item of a wave. Reading is never closed. */
export function closedForItem(
  windows: readonly MaintenanceWindow[],
  { spec, asset, mayBe }: Prepared,
  at: Date,
): Closed | undefined {
  if (windows.length === 0 || spec.readOnly) return undefined;
  const assets = asset === undefined ? mayBe : [asset, ...mayBe];
  return closedFor(windows, { action: spec.id, assets }, at);
}

function concerns({ actions, targets }: MaintenanceWindow, { action, assets }: Doing): boolean {
  if (actions !== undefined && !actions.includes(action)) return false;
  return (
    targets === undefined ||
    assets.some(({ id, tags }) => targets.some((wanted) => wanted === id || tags.includes(wanted)))
  );
}

function rank({ window, until }: { window: MaintenanceWindow; until: Date | null }): number {
  const denies = window.mode === 'deny' ? Number.MAX_SAFE_INTEGER / 2 : 0;
  return denies + (until?.getTime() ?? Number.MAX_SAFE_INTEGER / 4);
}
