import type { Requirement, Vote } from '../contracts/policy';
import type { Role } from '../contracts/values';
import { canonicalHash } from './canonical';
import type { NewRow, Row } from './schema';
import type { Tx } from './store';

export type ApprovalItemRow = Row<'approval_items'> & { asked_at: Date; expires_at: Date };

/** The approval items of these actions, with the times of their request, by action key. */
export async function approvalItemsOf(
  tx: Tx,
  keys: readonly string[],
): Promise<Map<string, ApprovalItemRow>> {
  if (keys.length === 0) return new Map();
  const rows = await tx
    .selectFrom('approval_items')
    .innerJoin('approval_requests', 'approval_requests.id', 'approval_items.request_id')
    .selectAll('approval_items')
    .select(['approval_requests.created_at as asked_at', 'approval_requests.expires_at'])
    .where('action_key', 'in', keys)
    .execute();
  return new Map(rows.map((row) => [row.action_key, row]));
}

/** How the channel of a decision names itself that came from a chat or ticket system. */
export const channelVoice = (channelId: string): string => `channel:${channelId}`;

/** All decisions on an item in the order of their arrival; the newest of a person counts. `channels`: those by a channel too. */
export async function votesOn(
  tx: Tx,
  requestId: string,
  itemHash: string,
  { channels }: { channels: boolean },
): Promise<Vote[]> {
  const rows = await tx
    .selectFrom('decisions')
    .select(['person', 'roles', 'verdict', 'voice', 'seat_of'])
    .where('request_id', '=', requestId)
    .where('item_hash', '=', itemHash)
    .$if(!channels, (query) => query.where('channel', 'not like', 'channel:%'))
    .orderBy('n')
    .execute();
  return rows.map((row) => ({
    person: row.person,
    roles: row.roles as Role[],
    verdict: row.verdict as Vote['verdict'],
    voice: row.voice,
    ...(row.seat_of === null ? {} : { seat: row.seat_of }),
  }));
}

/** When an action on a target was last denied in an incident, by people or by silence. */
export async function deniedAt(
  tx: Tx,
  incident: string,
  action: string,
  targetKey: string,
): Promise<Date | undefined> {
  const rows = await tx
    .selectFrom('approval_items')
    .innerJoin('approval_requests', 'approval_requests.id', 'approval_items.request_id')
    .leftJoin('decisions', (join) =>
      join
        .onRef('decisions.request_id', '=', 'approval_items.request_id')
        .onRef('decisions.item_hash', '=', 'approval_items.item_hash')
        .on('decisions.verdict', '=', 'deny'),
    )
    .select(['approval_items.status', 'approval_requests.expires_at', 'decisions.at'])
    .where('approval_requests.incident', '=', incident)
    .where('approval_items.action', '=', action)
    .where('approval_items.target_key', '=', targetKey)
    .where('approval_items.status', 'in', ['denied', 'expired'])
    .execute();
  const times = rows.map(({ status, expires_at, at }) =>
    status === 'expired' ? expires_at : (at ?? expires_at),
  );
  return times.length === 0 ? undefined : new Date(Math.max(...times.map((time) => time.getTime())));
}

/** Whether a person has asked, after a time, that an item be done again; by what the server stored, not by what a run says. */
export async function retriedSince(
  tx: Tx,
  incident: string,
  names: readonly string[],
  since: Date,
): Promise<boolean> {
  const rows = await tx
    .selectFrom('outbox')
    .select('payload')
    .where('kind', '=', 'command')
    .where('key', '=', incident)
    .where('created_at', '>=', since)
    .execute();
  return rows.some(
    ({ payload }) =>
      payload['kind'] === 'resolve_item' &&
      payload['resolution'] === 'retry' &&
      typeof payload['item'] === 'string' &&
      names.includes(payload['item']),
  );
}

/** sha256 of the sorted item hashes: what is approved. */
export function planHash(itemHashes: readonly string[]): string {
  return canonicalHash([...itemHashes].sort());
}

/** Files a request with its items. */
export async function insertRequest(
  tx: Tx,
  request: NewRow<'approval_requests'>,
  items: NewRow<'approval_items'>[],
): Promise<void> {
  await tx.insertInto('approval_requests').values(request).execute();
  await tx.insertInto('approval_items').values(items).execute();
}

/** Settles one item; true when it was the last of its request. */
export async function settleApprovalItem(
  tx: Tx,
  row: Pick<ApprovalItemRow, 'request_id' | 'item_hash'>,
  status: 'approved' | 'denied' | 'expired' | 'cancelled',
): Promise<boolean> {
  await tx
    .updateTable('approval_items')
    .set({ status })
    .where('request_id', '=', row.request_id)
    .where('item_hash', '=', row.item_hash)
    .execute();
  const open = await tx
    .selectFrom('approval_items')
    .select('item_hash')
    .where('request_id', '=', row.request_id)
    .where('status', '=', 'pending')
    .limit(1)
    .execute();
  if (open.length > 0) return false;
  await tx
    .updateTable('approval_requests')
    .set({ status: 'settled' })
    .where('id', '=', row.request_id)
    .execute();
  return true;
}

/** A requirement as it is stored. */
export const requirementJson = (requirement: Requirement): string => JSON.stringify(requirement);
