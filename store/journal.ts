import { sql } from 'kysely';
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
  if (entries.length === 0) return;
  const heads = await lockHeads(tx, [...new Set(entries.map(({ incident }) => incident))].sort());
  const rows = entries.map(({ incident, at, actor, kind, data }) => {
    const head = heads.get(incident) as Head;
    // What is hashed is what SQL gives back.
    const clean = storableJson(data);
    head.seq += 1;
    const unsigned = {
      incident,
      seq: head.seq,
      at: at.toISOString(),
      actor,
      kind,
      data: clean,
      prevHash: head.hash,
    };
    head.hash = entryHash(unsigned);
    const { prevHash, ...row } = unsigned;
    return { ...row, prev_hash: prevHash, hash: head.hash };
  });
  await sql`
    WITH appended AS (
      INSERT INTO journal (incident, seq, at, actor, kind, data, prev_hash, hash)
      SELECT incident, seq, at, actor, kind, data, prev_hash, hash
      FROM jsonb_populate_recordset(NULL::journal, ${JSON.stringify(rows)}::jsonb))
    UPDATE journal_heads SET seq = head.seq, hash = head.hash
    FROM jsonb_to_recordset(${JSON.stringify([...heads.values()])}::jsonb) AS head (incident text, seq integer, hash text)
    WHERE journal_heads.incident = head.incident`.execute(tx);
}

interface Head {
  incident: string;
  seq: number;
  hash: string;
}

/** Locks the head rows of chains in their order, and makes those that are not there. */
async function lockHeads(tx: Tx, incidents: readonly string[]): Promise<Map<string, Head>> {
  const existing = await tx
    .selectFrom('journal_heads')
    .select(['incident', 'seq', 'hash'])
    .where('incident', '=', sql<string>`ANY(${incidents})`)
    .orderBy('incident')
    .forUpdate()
    .execute();
  const heads = new Map<string, Head>(existing.map((head) => [head.incident, head]));
  for (const incident of incidents) {
    if (heads.has(incident)) continue;
    const made = await tx
      .insertInto('journal_heads')
      .values({ incident, seq: 0, hash: GENESIS })
      // Somebody may have made it meanwhile: then this waits for them, and returns what they left.
      .onConflict((conflict) => conflict.column('incident').doUpdateSet({ incident }))
      .returning(['incident', 'seq', 'hash'])
      .executeTakeFirstOrThrow();
    heads.set(incident, made);
  }
  return heads;
}
