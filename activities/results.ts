import type { Failure } from '../contracts/errors';
import type { ItemResult, ItemStatus } from '../contracts/messages';
import type { Row } from '../store/schema';
import type { Prepared } from './runner-types';

type Extras = Partial<Pick<ItemResult, 'output' | 'failure' | 'request' | 'againInMs'>>;

/** The result of an item. */
export function resultOf(prepared: Prepared, status: ItemStatus, extras: Extras = {}): ItemResult {
  return {
    id: prepared.item.id,
    occurrence: prepared.item.occurrence,
    action: prepared.spec.id,
    target: prepared.target,
    connection: prepared.route.id,
    status,
    ...extras,
  };
}

/** The result that a claim holds: its outcome, or that it is pending. */
export function claimResult(prepared: Prepared, claim: Row<'claims'>, againInMs?: number): ItemResult {
  return resultOf(prepared, (claim.state === 'pending' ? 'pending' : claim.outcome) as ItemStatus, {
    ...(claim.output === null ? {} : { output: claim.output }),
    ...(claim.failure === null ? {} : { failure: claim.failure as unknown as Failure }),
    ...(againInMs === undefined ? {} : { againInMs }),
  });
}
