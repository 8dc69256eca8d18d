import { drillTitle } from '../contracts/drill';
import type { Progress, Telling } from '../contracts/messages';
import type { NewEntry } from '../store/journal';
import type { Row } from '../store/schema';
import type { Tx } from '../store/store';
import { newTellings } from '../store/tellings';

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
  for (const [kind, data] of await newlyTold(tx, incident.number, progress.told ?? [])) tell(kind, data);
  if (Object.keys(set).length === 0) return entries;
  await tx
    .updateTable('incidents')
    .set({ ...set, updated_at: at })
    .where('number', '=', incident.number)
    .execute();
  return entries;
}

/** What the run tells for the first time, as journal entries. */
async function newlyTold(
  tx: Tx,
  incident: string,
  told: readonly Telling[],
): Promise<[NewEntry['kind'], NewEntry['data']][]> {
  const fresh = await newTellings(
    tx,
    incident,
    told.map(({ n }) => n),
  );
  return told.filter(({ n }) => fresh.has(n)).map(entryOf);
}

function entryOf(telling: Telling): [NewEntry['kind'], NewEntry['data']] {
  switch (telling.kind) {
    case 'branch':
      return ['branch_taken', { title: telling.title, taken: telling.taken }];
    case 'note':
      return ['note_added', { text: telling.text }];
    case 'playbook':
      return ['playbook_joined', { playbook: telling.playbook }];
  }
}
