import { randomUUID } from 'node:crypto';
import type { AssetIndex } from '../contracts/assets';
import { correlationKeys, targetKeys } from '../contracts/correlation';
import { assetsOfTarget, namedBy } from '../contracts/identity';
import { MOST_TARGET_CHANGES, type IncidentInput } from '../contracts/messages';
import { isRemoved, isUnder, type Meant } from '../contracts/removed';
import {
  entitiesOf,
  scopeOfTarget,
  type AddedTarget,
  type RemovedTarget,
  type TargetInput,
} from '../contracts/steering';
import type { JsonObject, Target } from '../contracts/values';
import { noteAsker } from './askers';
import { knowEntities } from './correlate';
import { appendJournal } from './journal';
import { cancelApprovals, stillContained } from './left-targets';
import { once } from './once';
import { enqueue } from './outbox';
import type { Row } from './schema';
import type { Store, Tx } from './store';

/** Who changes what an incident is about, and which repeat of it this is. */
export interface ChangedBy {
  person: string;
  reason: string;
  key?: string | undefined;
}
type Refused =
  | { kind: 'no_incident' }
  | { kind: 'closed' }
  | { kind: 'full' }
  | { kind: 'unfit'; why: string }
  | { kind: 'reused' };
export type AddAnswer = ({ kind: 'added' } & AddedTarget) | Refused;
export type RemoveAnswer = ({ kind: 'removed' } & RemovedTarget) | Refused;

/** A target that only its key tells, as it is matched with what was taken out. */
function meantBy(kind: Target['kind'], key: string, assets: AssetIndex): Meant {
  const label = key.slice(kind.length + 1);
  const input = namedBy({ kind, label }) as JsonObject;
  return { target: { kind, key }, input, mayBe: assetsOfTarget({ kind, key, label }, assets).mayBe };
}

const kindOf = (key: string): Target['kind'] => key.slice(0, key.indexOf(':')) as Target['kind'];

/** The incident, locked; or why what people add or take out is not taken. */
async function changeable(tx: Tx, number: string): Promise<Row<'incidents'> | Refused> {
  const incident = await tx
    .selectFrom('incidents')
    .selectAll()
    .where('number', '=', number)
    .forUpdate()
    .executeTakeFirst();
  if (incident === undefined) return { kind: 'no_incident' };
  if (incident.status === 'closed') return { kind: 'closed' };
  return incident.target_seq >= MOST_TARGET_CHANGES ? { kind: 'full' } : incident;
}

async function count(tx: Tx, { number, target_seq }: Row<'incidents'>, at: Date): Promise<number> {
  const seq = target_seq + 1;
  await tx
    .updateTable('incidents')
    .set({ target_seq: seq, updated_at: at })
    .where('number', '=', number)
    .execute();
  return seq;
}

/** Lets these be acted upon again, under whatever name they were taken out. Returns what still stands against one of them. */
async function letBack(
  tx: Tx,
  incident: string,
  keys: readonly string[],
  assets: AssetIndex,
): Promise<string[]> {
  const rows = await tx
    .selectFrom('detached_targets')
    .select('target_key')
    .where('incident', '=', incident)
    .execute();
  const added = keys.map((key) => meantBy(kindOf(key), key, assets));
  const own = rows
    .map(({ target_key: key }) => key)
    .filter((key) => added.some((one) => one.target.kind === kindOf(key) && isRemoved([key], one, assets)));
  if (own.length > 0)
    await tx
      .deleteFrom('detached_targets')
      .where('incident', '=', incident)
      .where('target_key', 'in', own)
      .execute();
  const rest = rows.map(({ target_key: key }) => key).filter((key) => !own.includes(key));
  return rest.filter((key) => added.some((one) => isRemoved([key], one, assets)));
}

/**
 * Adds to what an incident is about. The run's standing orders meet it, with approvals of its own; who adds it asks for what is done, and
 * does not approve where the policy has `noSelfApproval`. Later alerts about it join the incident, unless it is a drill.
 */
export function addTarget(
  store: Store,
  number: string,
  target: TargetInput,
  by: ChangedBy,
  assets: AssetIndex,
): Promise<AddAnswer> {
  const { person, key, reason } = by;
  const request = {
    person,
    key,
    content: { addTarget: target, to: number, reason } as unknown as JsonObject,
  };
  const isDone = ({ kind }: AddAnswer): boolean => kind === 'added';
  return once<AddAnswer>(store, request, isDone, async (tx, at): Promise<AddAnswer> => {
    const scope = scopeOfTarget(target, assets);
    if (typeof scope === 'string') return { kind: 'unfit', why: scope };
    const incident = await changeable(tx, number);
    if ('kind' in incident) return incident;
    const keys = targetKeys(scope);
    const against = await letBack(tx, number, keys, assets);
    if (against.length > 0)
      return { kind: 'unfit', why: `${against.join(', ')} was taken out of ${number}: add that first.` };
    const seq = await count(tx, incident, at);
    await tx
      .insertInto('incident_targets')
      .values({
        incident: number,
        seq,
        keys: JSON.stringify(keys),
        scope: JSON.stringify(scope),
        person,
        reason,
        at,
      })
      .execute();
    await noteAsker(tx, number, person, at);
    if (incident.mode !== 'drill') await knowEntities(tx, number, keysOf(target, assets), at);
    const actor = `person:${person}`;
    await appendJournal(tx, {
      incident: number,
      at,
      actor,
      kind: 'target_added',
      data: { targets: keys, reason },
    });
    const command = { kind: 'add_target', id: randomUUID(), seq, scope, by: actor, reason };
    await enqueue(tx, 'command', number, command as unknown as JsonObject, at);
    return { kind: 'added', incident: number, targets: keys };
  });
}

/**
 * Takes a target out of an incident: from this transaction on the guard refuses what its run would do to it, under any of its names,
 * and what was asked of people is taken back. What is in force stays. No alert brings it back, only `addTarget`; later alerts about it
 * alone are an incident of their own.
 */
export function removeTarget(
  store: Store,
  number: string,
  target: TargetInput,
  by: ChangedBy,
  assets: AssetIndex,
): Promise<RemoveAnswer> {
  const { person, key, reason } = by;
  const request = {
    person,
    key,
    content: { removeTarget: target, from: number, reason } as unknown as JsonObject,
  };
  const isDone = ({ kind }: RemoveAnswer): boolean => kind === 'removed';
  return once<RemoveAnswer>(store, request, isDone, async (tx, at): Promise<RemoveAnswer> => {
    const scope = scopeOfTarget(target, assets);
    if (typeof scope === 'string') return { kind: 'unfit', why: scope };
    const incident = await changeable(tx, number);
    if ('kind' in incident) return incident;
    const targets = targetKeys(scope);
    const known = isOnHost(target) ? [] : keysOf(target, assets);
    await leave(tx, number, targets, known, { person, reason, at });
    const isGone = (one: Pick<Target, 'kind' | 'key'>): boolean =>
      isUnder(new Set(targets), one) || isRemoved(targets, meantBy(one.kind, one.key, assets), assets);
    const cancelled = await cancelApprovals(tx, number, isGone, at);
    const contained = await stillContained(tx, number, isGone);
    const underWay = await atProducts(tx, number, isGone);
    const seq = await count(tx, incident, at);
    const actor = `person:${person}`;
    const answer = { targets, cancelled, stillContained: contained, underWay };
    await appendJournal(tx, {
      incident: number,
      at,
      actor,
      kind: 'target_removed',
      data: { ...answer, reason },
    });
    await enqueue(
      tx,
      'command',
      number,
      { kind: 'remove_target', id: randomUUID(), seq, targets, by: actor, reason },
      at,
    );
    return { kind: 'removed', incident: number, ...answer };
  });
}

/** What lies on a host: alerts about the host are about more than that. */
const isOnHost = ({ kind }: TargetInput): boolean => kind === 'file' || kind === 'process';

/** By what alerts about it are correlated. A sender is in many unrelated ones. */
const keysOf = (target: TargetInput, assets: AssetIndex): string[] =>
  target.kind === 'sender' ? [] : correlationKeys({ entities: entitiesOf(target) }, assets);

async function leave(
  tx: Tx,
  incident: string,
  targets: readonly string[],
  known: readonly string[],
  by: { person: string; reason: string; at: Date },
): Promise<void> {
  const keys = JSON.stringify(known);
  await tx
    .insertInto('detached_targets')
    .values(targets.map((target_key) => ({ incident, target_key, keys, ...by })))
    .onConflict((conflict) => conflict.columns(['incident', 'target_key']).doUpdateSet({ keys, ...by }))
    .execute();
  if (known.length > 0)
    await tx
      .deleteFrom('incident_entities')
      .where('incident', '=', incident)
      .where('key', 'in', [...known])
      .execute();
}

/** What was told to a product there, or is about to be. */
async function atProducts(
  tx: Tx,
  incident: string,
  isGone: (target: Pick<Target, 'kind' | 'key'>) => boolean,
): Promise<RemovedTarget['underWay']> {
  const claims = await tx
    .selectFrom('claims')
    .select(['action', 'target_key'])
    .where('incident', '=', incident)
    .where('state', '<>', 'done')
    .execute();
  return claims
    .filter(({ target_key: key }) => isGone({ kind: kindOf(key), key }))
    .map(({ action, target_key: target }) => ({ action, target }));
}

/** What people have added and taken out so far, for a run that starts now. */
export async function targetsOf(
  store: Store,
  number: string,
): Promise<NonNullable<IncidentInput['targets']>> {
  const { target_seq: seq } = await store.db
    .selectFrom('incidents')
    .select('target_seq')
    .where('number', '=', number)
    .executeTakeFirstOrThrow();
  const added = await store.db
    .selectFrom('incident_targets')
    .select(['seq', 'scope'])
    .where('incident', '=', number)
    .where('seq', '<=', seq)
    .orderBy('seq')
    .execute();
  const removed = await store.db
    .selectFrom('detached_targets')
    .select('target_key')
    .where('incident', '=', number)
    .where('person', 'is not', null)
    .execute();
  return { seq, added, removed: removed.map(({ target_key }) => target_key) };
}
