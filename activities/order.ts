import type { ActionId } from '../contracts/actions';
import type { AssetIndex } from '../contracts/assets';
import {
  isOrdered,
  orderViolation,
  PREREQUISITES,
  type Deed,
  type OrderViolation,
} from '../contracts/order-rules';
import type { Role } from '../contracts/values';
import type { Row } from '../store/schema';
import type { Tx } from '../store/store';
import type { Prepared } from './runner-types';

const DONE: readonly (string | null)[] = ['succeeded', 'already', 'simulated'];

const deedOf = (
  claim: Pick<Row<'claims'>, 'action' | 'target_key' | 'state' | 'outcome' | 'output'>,
): Deed => ({
  action: claim.action as ActionId,
  target: claim.target_key,
  state: claim.state !== 'done' ? 'under_way' : DONE.includes(claim.outcome) ? 'done' : 'not_done',
  output: claim.output,
});

/**
 * The rule of order that an item would break, by what SQL says that its incident has done; `besides` are the other items of its wave.
 * A lead's retry of just that item lets it pass.
 */
export async function brokenOrder(
  tx: Tx,
  prepared: Prepared,
  besides: readonly Prepared[],
  assets: AssetIndex,
): Promise<OrderViolation | undefined> {
  const { item, spec, wave } = prepared;
  if (item.release || !isOrdered(spec.id)) return undefined;
  const claims = await tx
    .selectFrom('claims')
    .select(['action', 'target_key', 'state', 'outcome', 'output'])
    .where('incident', '=', wave.incident)
    .where('action', 'in', PREREQUISITES)
    .execute();
  const beside = besides
    .filter((one) => one !== prepared && !one.item.release)
    .map((one): Deed => ({ action: one.spec.id, target: one.target.key, state: 'under_way', output: null }));
  const call = { action: spec.id, input: prepared.input };
  // By what is done first: what is only asked for beside may yet be denied.
  const violation = orderViolation(call, [...claims.map(deedOf), ...beside], assets);
  if (violation === undefined || violation.waits) return violation;
  return (await overridden(tx, prepared)) ? undefined : violation;
}

/** Whether a lead has had it done again since it was refused for its order. */
async function overridden(tx: Tx, { wave, spec, target, item }: Prepared): Promise<boolean> {
  const refusals = await tx
    .selectFrom('journal')
    .select(['at', 'data'])
    .where('incident', '=', wave.incident)
    .where('kind', '=', 'action_refused')
    .orderBy('seq')
    .execute();
  const refused = refusals.find(
    ({ data }) =>
      data['type'] === 'order_violation' && data['action'] === spec.id && data['target'] === target.key,
  );
  if (refused === undefined) return false;
  const commands = await tx
    .selectFrom('outbox')
    .select('payload')
    .where('kind', '=', 'command')
    .where('key', '=', wave.incident)
    .where('created_at', '>=', refused.at)
    .execute();
  const names: unknown[] = [item.id, `${wave.group.id}/${item.id}`];
  const by = commands.flatMap(({ payload }) => {
    const { kind, resolution, item: which, by: who } = payload;
    const isRetry = kind === 'resolve_item' && resolution === 'retry' && names.includes(which);
    return isRetry && typeof who === 'string' ? [who.replace(/^person:/, '')] : [];
  });
  if (by.length === 0) return false;
  const people = await tx
    .selectFrom('people')
    .select('roles')
    .where('id', 'in', by)
    .where('active', '=', true)
    .execute();
  return people.some(({ roles }) => (roles as Role[]).includes('lead'));
}
