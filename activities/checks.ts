import type { Failure } from '../contracts/errors';
import type { ItemResult } from '../contracts/messages';
import type { MaintenanceWindow } from '../contracts/maintenance';
import type { AssetIndex } from '../contracts/assets';
import { isRemoved } from '../contracts/removed';
import type { Requirement } from '../contracts/policy';
import { closedForItem } from './maintenance';
import { takesBackDirectly } from './prepare';
import type { Prepared } from './runner-types';
import { untouchable } from './untouchable';

/** That an item is not done, whatever people say. */
export interface Refusal {
  readonly status: ItemResult['status'] & ('failed' | 'denied');
  readonly failure: Failure;
}

/**
 * Why an item is refused before anybody is asked: the first reason, in the one order that the guard and a plan have in common.
 * Undefined when nothing stands against it. Pure.
 */
export function refusalOf(
  prepared: Prepared,
  windows: readonly MaintenanceWindow[],
  at: Date,
): Refusal | undefined {
  const spared = untouchable(prepared);
  if (spared !== undefined)
    return { status: 'denied', failure: { type: 'protected_asset', message: spared } };
  if (takesBackDirectly(prepared))
    return {
      status: 'failed',
      failure: {
        type: 'rejected',
        message: `${prepared.spec.title} takes something back: that is done by releasing its containment only.`,
      },
    };
  const closed = closedForItem(windows, prepared, at);
  if (closed?.mode === 'deny') return { status: 'denied', failure: closed.failure };
  return undefined;
}

/** That the policy never allows it; undefined when it asks people, or nobody. Pure. */
export function forbiddenBy(requirement: Requirement): Refusal | undefined {
  if (requirement.kind !== 'never') return undefined;
  const message = `The policy does not allow it: ${requirement.why}.`;
  return { status: 'denied', failure: { type: 'approval_denied', message } };
}

/**
 * What holds an item that is allowed, in the guard's order; budgets come after these. Reading is never held. What denies by now is
 * among them: an effect that was begun is not dropped. Pure.
 */
export function holdsOn(
  prepared: Prepared,
  { killSwitch, windows }: { killSwitch: boolean; windows: readonly MaintenanceWindow[] },
  at: Date,
): Failure[] {
  if (prepared.spec.readOnly) return [];
  const holds: Failure[] = [];
  if (killSwitch)
    holds.push({
      type: 'kill_switch',
      message: 'The kill switch is on: effects wait until it is lifted.',
    });
  const closed = closedForItem(windows, prepared, at);
  if (closed !== undefined) holds.push(closed.failure);
  return holds;
}

/**
 * That a person has taken a target out of the incident, under whatever name it is meant now; undefined when not. It stops what a run
 * does to it, also a release; what a person or the end of a lease releases is no run's. Pure.
 */
export function removalOf(
  prepared: Pick<Prepared, 'spec' | 'target' | 'input' | 'mayBe' | 'evenHeld'>,
  removed: readonly string[],
  assets: AssetIndex,
): Failure | undefined {
  if (prepared.spec.readOnly || prepared.evenHeld === true || !isRemoved(removed, prepared, assets))
    return undefined;
  return {
    type: 'target_removed',
    message: `A person has taken ${prepared.target.key} out of this incident: nothing is done to it.`,
  };
}
