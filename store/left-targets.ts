import { sql } from 'kysely';
import type { Detached } from '../contracts/api';
import { isUnder } from '../contracts/removed';
import type { Target } from '../contracts/values';
import { settleApprovalItem } from './approvals';
import { tellAgain } from './notices';
import type { Tx } from './store';

/**
 * What holds an incident's effects back: the kill switch, and targets that it no longer acts upon. Read once the incident is locked,
 * so that what is being detached is seen.
 */
export async function restraints(
  tx: Tx,
  incident: string,
): Promise<{ killSwitch: boolean; detached: Set<string>; removed: string[] }> {
  const { rows } = await sql<{ kill_switch: { on?: boolean } | null; detached: string[]; removed: string[] }>`
    SELECT (SELECT value FROM settings WHERE key = 'kill_switch') AS kill_switch,
      ARRAY(SELECT target_key FROM detached_targets WHERE incident = ${incident} AND person IS NULL) AS detached,
      ARRAY(SELECT target_key FROM detached_targets WHERE incident = ${incident} AND person IS NOT NULL) AS removed`.execute(
    tx,
  );
  const { kill_switch, detached, removed = [] } = rows[0] ?? {};
  return { killSwitch: kill_switch?.on === true, detached: new Set(detached), removed };
}

/** Whether a target left with a detached alert, itself or, for a file or process, with its host. */
export const isDetached = isUnder;

/** The keys of what people added and nobody has taken out since. */
export async function addedKeys(tx: Tx, incident: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('incident_targets')
    .select('keys')
    .where('incident', '=', incident)
    .execute();
  return rows.flatMap(({ keys }) => keys);
}

/** Takes back what was asked for these targets. Returns how many items. */
export async function cancelApprovals(
  tx: Tx,
  incident: string,
  isGone: (target: Pick<Target, 'kind' | 'key'>) => boolean,
  at: Date,
): Promise<number> {
  const pending = await tx
    .selectFrom('approval_items')
    .innerJoin('approval_requests', 'approval_requests.id', 'approval_items.request_id')
    .select(['request_id', 'item_hash', 'target_kind', 'target_key'])
    .where('incident', '=', incident)
    .where('approval_items.status', '=', 'pending')
    .execute();
  const gone = pending.filter(({ target_kind, target_key }) =>
    isGone({ kind: target_kind as Target['kind'], key: target_key }),
  );
  for (const item of gone)
    if (await settleApprovalItem(tx, item, 'cancelled'))
      await tellAgain(tx, item.request_id, 'approval_settled', at);
  return gone.length;
}

/** What the incident holds there. */
export async function stillContained(
  tx: Tx,
  incident: string,
  isGone: (target: Pick<Target, 'kind' | 'key'>) => boolean,
): Promise<Detached['stillContained']> {
  const leases = await tx
    .selectFrom('leases')
    .innerJoin('lease_holders', 'lease_holders.lease_id', 'leases.id')
    .select(['leases.id', 'action', 'target_kind', 'target_key'])
    .where('incident', '=', incident)
    .where('lease_holders.released_at', 'is', null)
    .where('status', '<>', 'released')
    .execute();
  return leases
    .filter(({ target_kind, target_key }) => isGone({ kind: target_kind as Target['kind'], key: target_key }))
    .map(({ id, action, target_key }) => ({ lease: id, action, target: target_key }));
}
