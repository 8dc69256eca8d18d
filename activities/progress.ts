import { drillTitle } from '../contracts/drill';
import type { Progress } from '../contracts/messages';
import type { NewEntry } from '../store/journal';
import type { Row } from '../store/schema';
import type { Tx } from '../store/store';

/**
 * Writes what a run tells of itself: phase, playbook, what needs a person. Returns what the caller has to journal in the
 * same transaction: changes only.
 */
export async function writeProgress(
  tx: Tx,
  incident: Row<'incidents'>,
  progress: Progress | undefined,
  at: Date,
): Promise<NewEntry[]> {
  if (progress === undefined) return [];
  const entries: NewEntry[] = [];
  const tell = (kind: NewEntry['kind'], data: NewEntry['data']): void => {
    entries.push({ incident: incident.number, at, actor: `run:${incident.number}`, kind, data });
  };
  const set: Partial<{
    phase: string;
    playbook: string;
    title: string;
    attention: string | null;
    summary: string;
  }> = {};
  if (progress.playbook !== undefined && progress.playbook !== incident.playbook) {
    set.playbook = progress.playbook;
    tell('playbook_chosen', { playbook: progress.playbook });
  }
  if (progress.phase !== undefined && progress.phase !== incident.phase) {
    set.phase = progress.phase;
    tell('phase_changed', { from: incident.phase, to: progress.phase });
  }
  if (progress.attention !== undefined && progress.attention !== incident.attention) {
    set.attention = progress.attention;
    if (progress.attention !== null) tell('attention_needed', { message: progress.attention });
  }
  if (progress.title !== undefined)
    set.title = incident.mode === 'drill' ? drillTitle(progress.title) : progress.title;
  if (progress.summary !== undefined) set.summary = JSON.stringify(progress.summary);
  if (Object.keys(set).length === 0) return entries;
  await tx
    .updateTable('incidents')
    .set({ ...set, updated_at: at })
    .where('number', '=', incident.number)
    .execute();
  return entries;
}
