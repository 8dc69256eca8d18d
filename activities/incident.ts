import type { AlertView } from '../contracts/alert';
import type { AssetIndex } from '../contracts/assets';
import { viewOf } from '../contracts/correlation';
import { CordonError } from '../contracts/errors';
import type { Command, IncidentUpdate } from '../contracts/messages';
import type { JsonObject } from '../contracts/values';
import { endPretence } from '../store/drills';
import { appendJournal, type NewEntry } from '../store/journal';
import { withdrawQuestions } from '../store/questions';
import { inTransaction, type Store } from '../store/store';
import { writeProgress } from './progress';
import type { RunnerDeps } from './runner-types';

const MAX_ALERTS = 50;

/** Alerts of the incident after a seq. */
export async function alertsAfter(
  db: Store['db'],
  assets: AssetIndex,
  incident: string,
  seq: number,
): Promise<AlertView[]> {
  const rows = await db
    .selectFrom('alerts')
    .select(['id', 'seq', 'data'])
    .where('incident', '=', incident)
    .where('seq', '>', seq)
    .orderBy('seq')
    .limit(MAX_ALERTS)
    .execute();
  return rows.map(({ id, seq: own, data }) => viewOf(data, { id, seq: own ?? 0 }, assets));
}

/**
 * What a run has not seen, read under the incident's lock together with the note that it has seen it: an alert that joins meanwhile
 * is either in the answer or signals anew.
 */
export function readAlerts(
  { store, assets }: Pick<RunnerDeps, 'store' | 'assets'>,
  input: { incident: string; afterSeq: number },
): Promise<{ alerts: AlertView[] }> {
  return inTransaction(store, async (tx) => {
    const incident = await tx
      .selectFrom('incidents')
      .select(['alert_seq', 'seen_seq'])
      .where('number', '=', input.incident)
      .forUpdate()
      .executeTakeFirst();
    if (incident === undefined) throw new CordonError('not_found', `There is no incident ${input.incident}.`);
    const alerts = await alertsAfter(tx, assets, input.incident, input.afterSeq);
    const seen = alerts.length < MAX_ALERTS ? incident.alert_seq : (alerts.at(-1)?.seq ?? 0);
    if (seen > incident.seen_seq)
      await tx
        .updateTable('incidents')
        .set({ seen_seq: seen })
        .where('number', '=', input.incident)
        .execute();
    return { alerts };
  });
}

const COMMAND_KINDS: Record<Command['kind'], NewEntry['kind']> = {
  verdict: 'verdict_given',
  resolve_item: 'item_resolved',
  detach_alert: 'note_added',
  close: 'note_added',
  pause: 'run_paused',
  resume: 'run_resumed',
  extend_watch: 'watch_extended',
  // Journaled with their state in SQL; a run does not tell them.
  add_target: 'note_added',
  remove_target: 'note_added',
};

/** Writes what a run tells of itself. Closes unless alerts or targets joined that the run has not seen. */
export async function updateIncident(
  deps: RunnerDeps,
  input: IncidentUpdate,
): Promise<{ closed: boolean; moreAlerts: boolean }> {
  const at = await deps.store.now();
  return inTransaction(deps.store, async (tx) => {
    const incident = await tx
      .selectFrom('incidents')
      .selectAll()
      .where('number', '=', input.incident)
      .forUpdate()
      .executeTakeFirst();
    if (incident === undefined) throw new CordonError('not_found', `There is no incident ${input.incident}.`);
    const entries = await writeProgress(tx, incident, input.progress, at);
    const actor = `run:${input.incident}`;
    const tell = (by: string, kind: NewEntry['kind'], data: NewEntry['data']): void => {
      entries.push({ incident: input.incident, at, actor: by, kind, data });
    };
    if (input.note !== undefined) tell(actor, 'note_added', { text: input.note });
    if (input.command !== undefined) {
      const { kind, by, id: _id, ...data } = input.command;
      tell(by, COMMAND_KINDS[kind], data as JsonObject);
    }
    if (input.close === undefined || incident.status === 'closed') {
      if (entries.length > 0) await appendJournal(tx, ...entries);
      return { closed: incident.status === 'closed', moreAlerts: false };
    }
    // Not alert_seq: the newest may have been detached, and then the run never sees it.
    const { newest } = await tx
      .selectFrom('alerts')
      .select((eb) => eb.fn.max('seq').as('newest'))
      .where('incident', '=', input.incident)
      .executeTakeFirstOrThrow();
    const { added } = await tx
      .selectFrom('incident_targets')
      .select((eb) => eb.fn.max<number | null>('seq').as('added'))
      .where('incident', '=', input.incident)
      .executeTakeFirstOrThrow();
    const moreAlerts =
      (newest ?? 0) > input.close.seenAlertSeq || (added ?? 0) > (input.close.seenTargetSeq ?? 0);
    if (!moreAlerts) {
      const { verdict, reason } = input.close;
      await tx
        .updateTable('incidents')
        .set({ status: 'closed', phase: 'closed', closed_at: at, updated_at: at, verdict })
        .where('number', '=', input.incident)
        .execute();
      await withdrawQuestions(tx, input.incident);
      tell(actor, 'incident_closed', { verdict, reason });
      if (incident.mode === 'drill') entries.push(...(await endPretence(tx, input.incident, at)));
    }
    if (entries.length > 0) await appendJournal(tx, ...entries);
    return { closed: !moreAlerts, moreAlerts };
  });
}
