import type { JournalEntry, JournalKind } from '../contracts/journal';
import type { JsonObject } from '../contracts/values';
import { canonicalJson, sha256, storableJson } from './canonical';
import type { Tx } from './store';

/** Where every chain begins. */
export const GENESIS = '0'.repeat(64);

export interface NewEntry {
  /** Incident number, or SYSTEM_CHAIN. */
  incident: string;
  at: Date;
  actor: string;
  kind: JournalKind;
  data: JsonObject;
}

/** sha256(previous hash ‖ canonical JSON of incident, seq, at, actor, kind, data). */
export function entryHash(entry: Omit<JournalEntry, 'hash'>): string {
  const { incident, seq, at, actor, kind, data, prevHash } = entry;
  return sha256(prevHash + canonicalJson({ incident, seq, at, actor, kind, data }));
}

/**
 * Appends to the incident's chain, under its head row, in the caller's transaction: the state and its record are
 * committed together or not at all. Several entries of one call keep their order.
 */
export async function appendJournal(tx: Tx, ...entries: NewEntry[]): Promise<void> {
  for (const incident of [...new Set(entries.map((entry) => entry.incident))].sort()) {
    const head = await lockHead(tx, incident);
    let { seq, hash } = head;
    const rows = entries
      .filter((entry) => entry.incident === incident)
      .map(({ at, actor, kind, data }) => {
        // What is hashed is what SQL gives back.
        const clean = storableJson(data);
        const unsigned = {
          incident,
          seq: ++seq,
          at: at.toISOString(),
          actor,
          kind,
          data: clean,
          prevHash: hash,
        };
        hash = entryHash(unsigned);
        return {
          incident,
          seq,
          at,
          actor,
          kind,
          data: JSON.stringify(clean),
          prev_hash: unsigned.prevHash,
          hash,
        };
      });
    await tx
      .with('appended', (db) => db.insertInto('journal').values(rows))
      .updateTable('journal_heads')
      .set({ seq, hash })
      .where('incident', '=', incident)
      .execute();
  }
}

/** Locks the head row of a chain, and makes it where there is none. */
async function lockHead(tx: Tx, incident: string): Promise<{ seq: number; hash: string }> {
  const existing = await tx
    .selectFrom('journal_heads')
    .select(['seq', 'hash'])
    .where('incident', '=', incident)
    .forUpdate()
    .executeTakeFirst();
  if (existing !== undefined) return existing;
  return (
    tx
      .insertInto('journal_heads')
      .values({ incident, seq: 0, hash: GENESIS })
      // Somebody may have made it meanwhile: then this waits for them, and returns what they left.
      .onConflict((conflict) => conflict.column('incident').doUpdateSet({ incident }))
      .returning(['seq', 'hash'])
      .executeTakeFirstOrThrow()
  );
}
