import { sql } from 'kysely';
import type { Failure } from '../contracts/errors';
import type { JsonObject } from '../contracts/values';
import { canonicalHash, storableJson } from './canonical';
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

/** An attempt at an effect. */
export interface Attempted {
  readonly key: string;
  readonly fence: number;
  readonly lockKey: string | null;
}

export interface Standing {
  /** The attempt is the newest of its claim, and still has the lock over acquire and release. */
  readonly holds: boolean;
  readonly killSwitch: boolean;
  /** Keys of targets that a person took out of its incident. */
  readonly removed: readonly string[];
}

const STANDING = (lockKey: string | null) =>
  [
    'fence',
    sql<string | null>`(SELECT owner FROM lease_locks WHERE key = ${lockKey ?? ''})`.as('lock_owner'),
    sql<{ on?: boolean } | null>`(SELECT value FROM settings WHERE key = 'kill_switch')`.as('kill_switch'),
    sql<string[]>`ARRAY(SELECT target_key FROM detached_targets
      WHERE detached_targets.incident = claims.incident AND person IS NOT NULL)`.as('removed'),
  ] as const;

function standingOf(
  { key, fence, lockKey }: Attempted,
  row:
    | { fence: number; lock_owner: string | null; kill_switch: { on?: boolean } | null; removed: string[] }
    | undefined,
): Standing {
  const locked = lockKey === null || row?.lock_owner === key;
  return {
    holds: row?.fence === fence && locked,
    killSwitch: row?.kill_switch?.on === true,
    removed: row?.removed ?? [],
  };
}

/** Whether an attempt may tell the product something. Asked before each call that changes something. */
export async function standing(store: Store, attempt: Attempted): Promise<Standing> {
  const row = await store.db
    .selectFrom('claims')
    .select(STANDING(attempt.lockKey))
    .where('action_key', '=', attempt.key)
    .executeTakeFirst();
  return standingOf(attempt, row);
}

/** Keeps the first probe; a later one never overwrites it. Tells, in the same statement, how the attempt stands. */
export async function storeFirstProbe(
  store: Store,
  attempt: Attempted,
  probe: JsonObject,
): Promise<Standing> {
  const row = await store.db
    .updateTable('claims')
    .set({ first_probe: sql`coalesce(first_probe, ${JSON.stringify(probe)}::jsonb)` })
    .where('action_key', '=', attempt.key)
    .returning(STANDING(attempt.lockKey))
    .executeTakeFirst();
  return standingOf(attempt, row);
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
  key: string;
  /** The attempt that ended; a newer one has a higher fence. */
  fence: number;
  /** The lock that it has. */
  lockKey: string | null;
  state: 'done' | 'pending';
  outcome: string;
  output?: JsonObject | undefined;
  failure?: Failure | undefined;
  token?: string | null;
  againAt?: Date | null;
}

/**
 * Writes how attempts ended and gives their locks back, in one statement. What the product is still at keeps its lock: another
 * incident must not tell it the same again, or the opposite. Returns those that were written, by their key; one that a newer attempt
 * has taken over is not among them. `held` is false when another action had taken the lock over.
 */
export async function settleClaims(
  tx: Tx,
  ends: readonly ClaimOutcome[],
  at: Date,
): Promise<Map<string, { held: boolean }>> {
  const values = JSON.stringify(
    ends.map(({ key, fence, lockKey, state, outcome, output, failure, token, againAt }) => ({
      action_key: key,
      fence,
      lock_key: lockKey,
      state,
      outcome,
      output: output === undefined ? null : storableJson(output),
      failure: failure === undefined ? null : storableJson(failure),
      token: token ?? null,
      again_at: againAt ?? null,
      settled_at: state === 'done' ? at : null,
    })),
  );
  const { rows } = await sql<{ action_key: string; held: boolean }>`
    WITH ended AS (
      SELECT * FROM jsonb_to_recordset(${values}::jsonb) AS ended (
        action_key text, fence integer, lock_key text, state text, outcome text, output jsonb, failure jsonb, token text,
        again_at timestamptz, settled_at timestamptz)),
    settled AS (
      UPDATE claims
      SET state = ended.state, outcome = ended.outcome, output = ended.output, failure = ended.failure,
        token = ended.token, again_at = ended.again_at, settled_at = ended.settled_at
      FROM ended
      WHERE claims.action_key = ended.action_key AND claims.fence = ended.fence AND claims.state = 'claimed'
      RETURNING claims.action_key, ended.lock_key, ended.state = 'pending' AND ended.token IS NOT NULL AS keeps),
    dropped AS (
      DELETE FROM lease_locks USING settled
      WHERE lease_locks.key = settled.lock_key AND lease_locks.owner = settled.action_key AND NOT settled.keeps
      RETURNING lease_locks.owner),
    kept AS (
      SELECT lease_locks.owner FROM lease_locks
      JOIN settled ON lease_locks.key = settled.lock_key AND lease_locks.owner = settled.action_key AND settled.keeps
      FOR UPDATE OF lease_locks)
    SELECT action_key, lock_key IS NULL OR action_key IN (SELECT owner FROM dropped UNION ALL SELECT owner FROM kept)
      AS held FROM settled`.execute(tx);
  return new Map(rows.map(({ action_key, held }) => [action_key, { held }]));
}

/** Takes those of the locks that nobody has; returns their owners. */
export async function insertLeaseLocks(
  tx: Tx,
  locks: readonly { key: string; owner: string }[],
  at: Date,
): Promise<Set<string>> {
  if (locks.length === 0) return new Set();
  const taken = await tx
    .insertInto('lease_locks')
    .values(locks.map((lock) => ({ ...lock, fence: 1, heartbeat_at: at })))
    .onConflict((conflict) => conflict.doNothing())
    .returning('owner')
    .execute();
  return new Set(taken.map(({ owner }) => owner));
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
