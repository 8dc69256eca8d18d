import { sql } from 'kysely';
import type { JournalKind } from '../contracts/journal';
import type { Store } from './store';

/** What one transaction appended to one chain. */
export interface Change {
  incident: string;
  /** The chain's highest seq then. */
  seq: number;
  kinds: JournalKind[];
}

export interface Changes {
  /** From where to read on. */
  position: bigint;
  changes: Change[];
  /** The position given is unknown here, or too much has changed since: what one has read before is stale. */
  lost: boolean;
}

const MAX_ROWS = 500;

/**
 * Where reading on begins: every transaction below it has ended, so that none of them can append any more. Transactions of several
 * servers commit in another order than they began; reading only below this line is what loses none of them.
 */
export async function changesEnd({ db }: Pick<Store, 'db'>): Promise<bigint> {
  const { rows } = await sql<{ end: string }>`
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS "end"`.execute(db);
  return BigInt(rows[0]?.end ?? 0);
}

/** What changed in transactions from one position up to another, exclusive, in their order. Both come from `changesEnd`. */
export async function changesBetween({ db }: Pick<Store, 'db'>, from: bigint, end: bigint): Promise<Changes> {
  if (from > end) return { position: end, changes: [], lost: true };
  if (from === end) return { position: end, changes: [], lost: false };
  const { rows } = await sql<Change>`
    SELECT incident, max(seq) AS seq, array_agg(DISTINCT kind ORDER BY kind) AS kinds
    FROM journal WHERE tx >= ${String(from)}::xid8 AND tx < ${String(end)}::xid8
    GROUP BY tx, incident ORDER BY tx, incident LIMIT ${MAX_ROWS + 1}`.execute(db);
  if (rows.length > MAX_ROWS) return { position: end, changes: [], lost: true };
  return { position: end, changes: rows, lost: false };
}
