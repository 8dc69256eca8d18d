import type { Failure } from '../contracts/errors';
import type { JsonObject } from '../contracts/values';
import { canonicalHash } from './canonical';
import type { NewRow, Row } from './schema';
import type { Store, Tx } from './store';

/** A claim whose owner has not been heard of for this long is anybody's. */
export const CLAIM_STALE_MS = 5_000;
/** What a product was told and nobody has followed up for this long holds up no other. */
const ABANDONED_MS = 15 * 60_000;

/** Unique per effect: the same in every retry, another one when the item is done again on purpose. */
export function actionKey(incident: string, group: string, item: string, occurrence: number): string {
  return canonicalHash([incident, group, item, occurrence]);
}

/** The claims of these keys, by key. */
export async function claimsOf(tx: Tx, keys: readonly string[]): Promise<Map<string, Row<'claims'>>> {
  if (keys.length === 0) return new Map();
  const rows = await tx.selectFrom('claims').selectAll().where('action_key', 'in', keys).execute();
  return new Map(rows.map((row) => [row.action_key, row]));
}

/** Writes new claims. */
export async function insertClaims(tx: Tx, rows: NewRow<'claims'>[]): Promise<void> {
  if (rows.length > 0) await tx.insertInto('claims').values(rows).execute();
}

/** Makes this process the owner: the next attempt, with a fence that stops the older one. */
export async function takeOverClaim(
  tx: Tx,
  claim: Row<'claims'>,
  owner: string,
  at: Date,
): Promise<{ attempt: number; fence: number }> {
  const next = { attempt: claim.attempt + 1, fence: claim.fence + 1 };
  await tx
    .updateTable('claims')
    .set({ ...next, owner, heartbeat_at: at, state: 'claimed' })
    .where('action_key', '=', claim.action_key)
    .execute();
  return next;
}

/**
 * Whether an attempt may tell the product something: it is the newest of its claim, it still has the lock over acquire and
 * release, and the kill switch is off. Asked before each call that changes something.
 */
export async function standing(
  store: Store,
  claim: { key: string; fence: number; lockKey: string | null },
): Promise<{ holds: boolean; killSwitch: boolean }> {
  const row = await store.db
    .selectFrom('claims')
    .select((eb) => [
      'fence',
      eb
        .selectFrom('lease_locks')
        .select('owner')
        .where('key', '=', claim.lockKey ?? '')
        .as('lock_owner'),
      eb.selectFrom('settings').select('value').where('key', '=', 'kill_switch').as('kill_switch'),
    ])
    .where('action_key', '=', claim.key)
    .executeTakeFirst();
  const locked = claim.lockKey === null || row?.lock_owner === claim.key;
  return {
    holds: row?.fence === claim.fence && locked,
    killSwitch: (row?.kill_switch as { on?: boolean } | null | undefined)?.on === true,
  };
}

/** Keeps the first probe; a later one never overwrites it. */
export async function storeFirstProbe(store: Store, key: string, probe: JsonObject): Promise<void> {
  await store.db
    .updateTable('claims')
    .set({ first_probe: JSON.stringify(probe) })
    .where('action_key', '=', key)
    .where('first_probe', 'is', null)
    .execute();
}

/** Tells that the owner lives. */
export async function heartbeatClaims(store: Store, owner: string, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  const at = await store.now();
  await store.db
    .updateTable('claims')
    .set({ heartbeat_at: at })
    .where('action_key', 'in', keys)
    .where('owner', '=', owner)
    .execute();
  await store.db.updateTable('lease_locks').set({ heartbeat_at: at }).where('owner', 'in', keys).execute();
}

export interface ClaimOutcome {
  state: 'done' | 'pending';
  outcome: string;
  output?: JsonObject | undefined;
  failure?: Failure | undefined;
  token?: string | null;
  againAt?: Date | null;
}

/** Writes how an attempt ended. False when a newer attempt has taken over: then nothing is written. */
export async function settleClaim(
  tx: Tx,
  key: string,
  fence: number,
  end: ClaimOutcome,
  at: Date,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('claims')
    .set({
      state: end.state,
      outcome: end.outcome,
      output: end.output === undefined ? null : JSON.stringify(end.output),
      failure: end.failure === undefined ? null : JSON.stringify(end.failure),
      token: end.token ?? null,
      again_at: end.againAt ?? null,
      settled_at: end.state === 'done' ? at : null,
    })
    .where('action_key', '=', key)
    .where('fence', '=', fence)
    .where('state', '=', 'claimed')
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/**
 * Takes the lock over acquire and release of one effect for one action key. False while another action has it and is alive, or
 * while the product still works on what that other was told.
 */
export async function takeLeaseLock(
  tx: Tx,
  key: string,
  owner: string,
  at: Date,
  isDead: (owner: string) => boolean,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('lease_locks')
    .values({ key, owner, fence: 1, heartbeat_at: at })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows === 1n) return true;
  const row = await tx
    .selectFrom('lease_locks')
    .selectAll()
    .where('key', '=', key)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return false;
  if (row.owner !== owner) {
    const stale = at.getTime() - row.heartbeat_at.getTime() > CLAIM_STALE_MS;
    if (!stale && !isDead(row.owner)) return false;
    if (await isAtTheProduct(tx, row.owner, at)) return false;
  }
  await tx
    .updateTable('lease_locks')
    .set({ owner, fence: row.fence + 1, heartbeat_at: at })
    .where('key', '=', key)
    .execute();
  return true;
}

/** Whether the product has accepted a claim's effect and is at it; not when nobody has asked it for its outcome for long. */
async function isAtTheProduct(tx: Tx, actionKey: string, at: Date): Promise<boolean> {
  const claim = await tx
    .selectFrom('claims')
    .select(['state', 'token', 'again_at'])
    .where('action_key', '=', actionKey)
    .executeTakeFirst();
  if (claim?.state !== 'pending' || claim.token === null) return false;
  return at.getTime() - (claim.again_at?.getTime() ?? 0) < ABANDONED_MS;
}

/** Keeps the lock for an action that the product is still at; false when another action has taken it over. */
export async function keepLeaseLock(tx: Tx, key: string, owner: string): Promise<boolean> {
  const row = await tx
    .selectFrom('lease_locks')
    .select('key')
    .where('key', '=', key)
    .where('owner', '=', owner)
    .forUpdate()
    .executeTakeFirst();
  return row !== undefined;
}

/** Gives the lock back; false when another action has taken it over. */
export async function dropLeaseLock(tx: Tx, key: string, owner: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('lease_locks')
    .where('key', '=', key)
    .where('owner', '=', owner)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n;
}
