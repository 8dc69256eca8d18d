import { randomUUID } from 'node:crypto';
import type { Detached } from '../contracts/api';
import { correlationKeys, resolveScope, targetKeys } from '../contracts/correlation';
import type { Target } from '../contracts/values';
import { openForAlert, type CorrelateOptions } from './correlate';
import { appendJournal } from './journal';
import { addedKeys, cancelApprovals, isDetached, stillContained } from './left-targets';
import { once } from './once';
import { enqueue } from './outbox';
import type { Row } from './schema';
import type { Store, Tx } from './store';

export type DetachAnswer =
  | ({ kind: 'detached' } & Detached)
  | { kind: 'no_incident' }
  | { kind: 'no_alert' }
  | { kind: 'closed' }
  | { kind: 'drill' }
  | { kind: 'only_alert' }
  | { kind: 'reused' };

const without = (all: readonly string[], others: readonly string[]): string[] => {
  const kept = new Set(others);
  return [...new Set(all)].filter((one) => !kept.has(one)).sort();
};

/** The old incident no longer knows what only this alert spoke of, and is as severe as what is left. */
async function forget(
  tx: Tx,
  incident: Row<'incidents'>,
  alert: Row<'alerts'>,
  rest: readonly Row<'alerts'>[],
  { assets }: CorrelateOptions,
  at: Date,
): Promise<string[]> {
  const scopeOf = ({ data }: Row<'alerts'>): string[] => targetKeys(resolveScope(data, assets));
  const added = await addedKeys(tx, incident.number);
  const targets = without(scopeOf(alert), [...rest.flatMap(scopeOf), ...added]);
  const keys = without(
    correlationKeys(alert.data, assets),
    rest.flatMap(({ data }) => correlationKeys(data, assets)),
  );
  if (targets.length > 0)
    await tx
      .insertInto('detached_targets')
      .values(targets.map((target_key) => ({ incident: incident.number, target_key, at })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  if (keys.length > 0)
    await tx
      .deleteFrom('incident_entities')
      .where('incident', '=', incident.number)
      .where('key', 'in', keys)
      .execute();
  await tx
    .updateTable('incidents')
    .set({ severity: Math.max(...rest.map(({ data }) => data.severity)), updated_at: at })
    .where('number', '=', incident.number)
    .execute();
  return targets;
}

/**
 * Takes an alert that was joined wrongly out of its incident, into one of its own. What only it had brought is out of the old
 * run's reach from this transaction on: its open approvals are cancelled and the guard refuses further effects there. What was
 * contained already stays so, and is named: taking it back is a decision of its own.
 */
export function detachAlert(
  store: Store,
  number: string,
  alertId: string,
  by: { person: string; reason: string; key?: string | undefined },
  options: CorrelateOptions,
): Promise<DetachAnswer> {
  const { person, key, reason: why } = by;
  const request = { person, key, content: { detach: alertId, from: number, reason: why } };
  const isDone = ({ kind }: DetachAnswer): boolean => kind === 'detached';
  return once(store, request, isDone, async (tx, at): Promise<DetachAnswer> => {
    const alert = await tx
      .selectFrom('alerts')
      .selectAll()
      .where('id', '=', alertId)
      .where('incident', '=', number)
      .forUpdate()
      .executeTakeFirst();
    const incident = await tx
      .selectFrom('incidents')
      .selectAll()
      .where('number', '=', number)
      .forUpdate()
      .executeTakeFirst();
    if (incident === undefined) return { kind: 'no_incident' };
    if (alert === undefined) return { kind: 'no_alert' };
    // Its alert would open a live incident.
    if (incident.mode === 'drill') return { kind: 'drill' };
    if (incident.status === 'closed') return { kind: 'closed' };
    const rest = await tx
      .selectFrom('alerts')
      .selectAll()
      .where('incident', '=', number)
      .where('id', '<>', alertId)
      .execute();
    if (rest.length === 0) return { kind: 'only_alert' };

    const targets = await forget(tx, incident, alert, rest, options, at);
    const isGone = (target: Pick<Target, 'kind' | 'key'>): boolean => isDetached(new Set(targets), target);
    const cancelled = await cancelApprovals(tx, number, isGone, at);
    const contained = await stillContained(tx, number, isGone);
    const detachedTo = await openForAlert(tx, { ...alert, incident: null }, options, at);
    await tx
      .insertInto('incident_links')
      .values([
        { incident: number, other: detachedTo, why: 'an alert was detached to it', at },
        { incident: detachedTo, other: number, why: 'its alert was detached from it', at },
      ])
      .execute();
    const said = { at, actor: `person:${by.person}`, kind: 'alert_detached' as const };
    const { reason } = by;
    await appendJournal(
      tx,
      {
        ...said,
        incident: number,
        data: { alert: alertId, to: detachedTo, reason, targets, cancelled, stillContained: contained },
      },
      { ...said, incident: detachedTo, data: { alert: alertId, from: number, reason } },
    );
    const command = {
      kind: 'detach_alert',
      id: randomUUID(),
      alert: alertId,
      seq: alert.seq ?? 0,
      by: said.actor,
      reason,
    };
    await enqueue(tx, 'command', number, command, at);
    return {
      kind: 'detached',
      incident: number,
      alert: alertId,
      detachedTo,
      targets,
      stillContained: contained,
    };
  });
}
