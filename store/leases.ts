import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { ActionId } from '../contracts/actions';
import type { JsonObject, Target } from '../contracts/values';
import { storableJson } from './canonical';
import type { Row } from './schema';
import type { Store, Tx } from './store';

/** The lease that an incident holds by an action on a target, whatever the connection; locked. */
export function leaseHeldBy(
  tx: Tx,
  incident: string,
  action: string,
  targetKey: string,
): Promise<Row<'leases'> | undefined> {
  return tx
    .selectFrom('leases')
    .innerJoin('lease_holders', 'lease_holders.lease_id', 'leases.id')
    .selectAll('leases')
    .where('lease_holders.incident', '=', incident)
    .where('lease_holders.released_at', 'is', null)
    .where('action', '=', action)
    .where('target_key', '=', targetKey)
    .where('status', '<>', 'released')
    .forUpdate('leases')
    .executeTakeFirst();
}

/** Incidents that hold a lease now. */
export async function holdersOf(tx: Store['db'], leaseId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('lease_holders')
    .select('incident')
    .where('lease_id', '=', leaseId)
    .where('released_at', 'is', null)
    .orderBy('acquired_at')
    .execute();
  return rows.map(({ incident }) => incident);
}

export interface Acquisition {
  connection: string;
  integration: string;
  simulated: boolean;
  action: ActionId;
  inverse: ActionId;
  inverseInput: JsonObject;
  target: Target;
  incident: string;
  reason: string;
  /** Whether the effect came about by us; false: it was in force before. */
  weDidIt: boolean;
  leaseSeconds: number | null;
  at: Date;
}

/** What an effect is, whoever holds its lease. */
export const effectKey = (one: { connection: string; action: string; targetKey: string }): string =>
  JSON.stringify([one.connection, one.action, one.targetKey]);

/** The leases in force of these effects, locked: whoever joins or leaves one does so one after another. By their effect's key. */
async function leasesOf(tx: Tx, many: readonly Acquisition[]): Promise<Map<string, Row<'leases'>>> {
  const wanted = JSON.stringify(
    many.map(({ connection, action, target }) => ({ connection, action, target_key: target.key })),
  );
  const rows = await tx
    .selectFrom('leases')
    .selectAll()
    .where(
      sql<boolean>`(connection, action, target_key) IN (
        SELECT connection, action, target_key
        FROM jsonb_to_recordset(${wanted}::jsonb) AS wanted (connection text, action text, target_key text))`,
    )
    .where('status', '<>', 'released')
    .orderBy('id')
    .forUpdate()
    .execute();
  return new Map(rows.map((row) => [effectKey({ ...row, targetKey: row.target_key }), row]));
}

/** Makes the leases of effects, each another one, or joins those in force as a further holder. In the order given. */
export async function acquireLeases(
  tx: Tx,
  many: readonly Acquisition[],
): Promise<{ id: string; joined: boolean }[]> {
  const found = await leasesOf(tx, many);
  const made: ReturnType<typeof newLease>[] = [];
  const holders: { lease_id: string; incident: string; acquired_at: Date; reason: string }[] = [];
  const answers: { id: string; joined: boolean }[] = [];
  for (const one of many) {
    const expires = one.leaseSeconds === null ? null : new Date(one.at.getTime() + one.leaseSeconds * 1000);
    const existing = found.get(effectKey({ ...one, targetKey: one.target.key }));
    const id = existing?.id ?? randomUUID();
    if (existing === undefined) made.push(newLease(id, one, expires));
    else {
      // The longest holder decides: no expiry beats any.
      const later =
        existing.expires_at === null || expires === null
          ? null
          : expires > existing.expires_at
            ? expires
            : existing.expires_at;
      await tx
        .updateTable('leases')
        .set({
          status: 'in_force',
          // Who joined between our act and its outcome found it in force and could not know that it was ours.
          we_did_it: existing.we_did_it || one.weDidIt,
          expires_at: later,
          length_seconds:
            later === null ? null : Math.max(existing.length_seconds ?? 0, one.leaseSeconds ?? 0),
          // Somebody needs it longer: the question comes anew.
          ...(later?.getTime() === existing.expires_at?.getTime() ? {} : { asked_at: null }),
        })
        .where('id', '=', id)
        .execute();
    }
    holders.push({ lease_id: id, incident: one.incident, acquired_at: one.at, reason: one.reason });
    answers.push({ id, joined: existing !== undefined });
  }
  await sql`
    WITH made AS (
      INSERT INTO leases (
        id, connection, integration, simulated, action, inverse, inverse_input, target_kind, target_key, target_label, status,
        we_did_it, expires_at, length_seconds, created_at)
      SELECT id, connection, integration, simulated, action, inverse, inverse_input, target_kind, target_key, target_label,
        status, we_did_it, expires_at, length_seconds, created_at
      FROM jsonb_populate_recordset(NULL::leases, ${JSON.stringify(made)}::jsonb))
    INSERT INTO lease_holders (lease_id, incident, acquired_at, reason)
    SELECT lease_id, incident, acquired_at, reason
    FROM jsonb_populate_recordset(NULL::lease_holders, ${JSON.stringify(holders)}::jsonb)
    ON CONFLICT (lease_id, incident) DO UPDATE SET released_at = NULL, acquired_at = excluded.acquired_at`.execute(
    tx,
  );
  return answers;
}

function newLease(id: string, one: Acquisition, expires: Date | null) {
  return {
    id,
    connection: one.connection,
    integration: one.integration,
    simulated: one.simulated,
    action: one.action,
    inverse: one.inverse,
    inverse_input: storableJson(one.inverseInput),
    target_kind: one.target.kind,
    target_key: one.target.key,
    target_label: one.target.label,
    status: 'in_force',
    we_did_it: one.weDidIt,
    expires_at: expires,
    length_seconds: one.leaseSeconds,
    created_at: one.at,
  };
}

/** Takes one holder off. Returns how many are left. */
export async function dropHolder(tx: Tx, leaseId: string, incident: string, at: Date): Promise<number> {
  await tx
    .updateTable('lease_holders')
    .set({ released_at: at })
    .where('lease_id', '=', leaseId)
    .where('incident', '=', incident)
    .execute();
  return (await holdersOf(tx, leaseId)).length;
}

/** Ends a lease: verified gone, or never ours to undo. */
export async function markReleased(tx: Tx, leaseId: string, at: Date): Promise<void> {
  await tx
    .updateTable('leases')
    .set({ status: 'released', released_at: at, last_error: null })
    .where('id', '=', leaseId)
    .execute();
  await tx
    .updateTable('lease_holders')
    .set({ released_at: at })
    .where('lease_id', '=', leaseId)
    .where('released_at', 'is', null)
    .execute();
}

/** Notes that the inverse did not work; the sweeper tries again. */
export async function markReleaseFailed(tx: Tx, leaseId: string, error: string): Promise<void> {
  await tx
    .updateTable('leases')
    .set((eb) => ({
      status: 'releasing',
      last_error: error,
      release_attempts: eb('release_attempts', '+', 1),
    }))
    .where('id', '=', leaseId)
    .execute();
}
