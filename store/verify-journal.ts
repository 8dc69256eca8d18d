import type { Kysely } from 'kysely';
import type { JournalKind } from '../contracts/journal';
import { canonicalJson } from './canonical';
import { entryHash, GENESIS } from './journal';
import type { Row, Schema } from './schema';
import { isSignedBy, sealHash, sealOf, type SealWitness } from './seals';

/** One thing that is wrong, and where. */
export interface JournalProblem {
  /** Incident number, `SYSTEM`, or `seals`. */
  chain: string;
  seq: number;
  problem:
    | 'changed'
    | 'missing'
    | 'inserted'
    | 'broken_link'
    | 'cut_off'
    | 'rewritten'
    | 'bad_seal'
    | 'seal_missing';
  detail: string;
}

export interface JournalReport {
  ok: boolean;
  chains: number;
  entries: number;
  seals: number;
  /** Entries that no seal covers yet: up to a minute's worth can be cut off unseen by somebody who owns the database. */
  unsealed: number;
  problems: JournalProblem[];
}

const PAGE = 1000;

/**
 * Checks every chain entry by entry, the heads, the chain of seals, their signatures, and the file outside SQL.
 * A changed, deleted, inserted, swapped or cut-off row, and a chain rewritten whole, are each named.
 */
export async function verifyJournal(db: Kysely<Schema>, witness?: SealWitness): Promise<JournalReport> {
  // The journal grows while it is read: what names entries is read before them, and heads last.
  const headless = await db
    .selectFrom('journal')
    .select('incident')
    .distinct()
    .where('incident', 'not in', db.selectFrom('journal_heads').select('incident'))
    .execute();
  const report: JournalReport = {
    ok: true,
    chains: 0,
    entries: 0,
    seals: 0,
    unsealed: 0,
    problems: [],
  };
  const sealed = await verifySeals(db, report, witness);
  const heads = await db.selectFrom('journal_heads').selectAll().orderBy('incident').execute();
  report.chains = heads.length;
  for (const { incident } of headless)
    report.problems.push({
      chain: incident,
      seq: 1,
      problem: 'inserted',
      detail: 'the chain has entries but no head',
    });
  for (const head of heads) await verifyChain(db, head, sealed.get(head.incident) ?? [], report);
  for (const incident of sealed.keys())
    if (!heads.some((head) => head.incident === incident))
      report.problems.push({
        chain: incident,
        seq: 1,
        problem: 'missing',
        detail: 'a seal knows this chain, but it is gone',
      });
  report.ok = report.problems.length === 0;
  return report;
}

interface SealedHead {
  seq: number;
  hash: string;
  n: number;
}

async function verifyChain(
  db: Kysely<Schema>,
  listed: Row<'journal_heads'>,
  sealed: SealedHead[],
  report: JournalReport,
): Promise<void> {
  const chain = listed.incident;
  let head = listed;
  const hashes = new Map<number, string>();
  let last = { seq: 0, hash: GENESIS };
  for (;;) {
    const page = await db
      .selectFrom('journal')
      .selectAll()
      .where('incident', '=', chain)
      .where('seq', '>', last.seq)
      .orderBy('seq')
      .limit(PAGE)
      .execute();
    for (const row of page) {
      if (row.seq !== last.seq + 1)
        report.problems.push({
          chain,
          seq: last.seq + 1,
          problem: 'missing',
          detail: `entries ${String(last.seq + 1)} to ${String(row.seq - 1)} are gone`,
        });
      else if (row.prev_hash !== last.hash)
        report.problems.push({
          chain,
          seq: row.seq,
          problem: 'broken_link',
          detail: 'it does not follow the entry before it',
        });
      if (hashOf(row) !== row.hash)
        report.problems.push({
          chain,
          seq: row.seq,
          problem: 'changed',
          detail: 'its content does not match its hash',
        });
      hashes.set(row.seq, row.hash);
      last = { seq: row.seq, hash: row.hash };
    }
    report.entries += page.length;
    if (page.length === PAGE) continue;
    // Entries and head are committed together: a head read after the entries is not behind them. If it is ahead, more came.
    const seen = head.seq;
    head = (await headOf(db, chain)) ?? head;
    if (head.seq <= last.seq || head.seq === seen) break;
  }
  for (const seq of hashes.keys())
    if (seq > head.seq)
      report.problems.push({
        chain,
        seq,
        problem: 'inserted',
        detail: 'it stands after the head of the chain',
      });
  if (last.seq < head.seq)
    report.problems.push({
      chain,
      seq: last.seq + 1,
      problem: 'cut_off',
      detail: `the head says ${String(head.seq)} entries, the chain ends at ${String(last.seq)}`,
    });
  else if (last.seq === head.seq && last.hash !== head.hash)
    report.problems.push({
      chain,
      seq: last.seq,
      problem: 'changed',
      detail: 'the last entry is not the one that the head names',
    });
  for (const { seq, hash, n } of sealed) {
    const have = hashes.get(seq);
    if (have === undefined)
      report.problems.push({
        chain,
        seq,
        problem: 'cut_off',
        detail: `seal ${String(n)} names this entry, and it is gone`,
      });
    else if (have !== hash)
      report.problems.push({
        chain,
        seq,
        problem: 'rewritten',
        detail: `seal ${String(n)} names another entry at this place`,
      });
  }
  report.unsealed += Math.max(0, last.seq - Math.max(0, ...sealed.map(({ seq }) => seq)));
}

const headOf = (db: Kysely<Schema>, chain: string): Promise<Row<'journal_heads'> | undefined> =>
  db.selectFrom('journal_heads').selectAll().where('incident', '=', chain).executeTakeFirst();

function hashOf(row: Row<'journal'>): string {
  const { incident, seq, actor, data } = row;
  return entryHash({
    incident,
    seq,
    at: row.at.toISOString(),
    actor,
    kind: row.kind as JournalKind,
    data,
    prevHash: row.prev_hash,
  });
}

async function verifySeals(
  db: Kysely<Schema>,
  report: JournalReport,
  witness: SealWitness | undefined,
): Promise<Map<string, SealedHead[]>> {
  const rows = await db.selectFrom('journal_seals').selectAll().orderBy('n').execute();
  report.seals = rows.length;
  const heads = new Map<string, SealedHead[]>();
  const bad = (seq: number, detail: string): void => {
    report.problems.push({ chain: 'seals', seq, problem: 'bad_seal', detail });
  };
  let prevHash = GENESIS;
  for (const [index, row] of rows.entries()) {
    const seal = sealOf(row);
    if (seal.n !== index + 1) bad(index + 1, `seal ${String(index + 1)} is gone`);
    if (seal.prevHash !== prevHash) bad(seal.n, 'it does not follow the seal before it');
    if (sealHash(seal) !== seal.hash) bad(seal.n, 'its content does not match its hash');
    if (witness !== undefined && !isSignedBy(seal, witness.publicKey))
      bad(seal.n, "it is not signed with this installation's key");
    prevHash = seal.hash;
    remember(heads, seal.heads, seal.n);
  }
  const inSql = new Map(rows.map((row) => [row.n, canonicalJson({ ...sealOf(row) })]));
  for (const line of witness?.lines ?? []) {
    // The file is the older witness: what it holds counts even where SQL says otherwise.
    if (!isSignedBy(line, (witness as SealWitness).publicKey) || sealHash(line) !== line.hash) {
      bad(line.n, 'its line in the file is not what was signed');
      continue;
    }
    if (inSql.get(line.n) === canonicalJson({ ...line })) continue;
    report.problems.push({
      chain: 'seals',
      seq: line.n,
      problem: 'seal_missing',
      detail: 'the file has it, the database has not, or has another',
    });
    remember(heads, line.heads, line.n);
  }
  return heads;
}

function remember(heads: Map<string, SealedHead[]>, sealed: Record<string, unknown>, n: number): void {
  for (const [incident, head] of Object.entries(sealed)) {
    const { seq, hash } = head as { seq: number; hash: string };
    heads.set(incident, [...(heads.get(incident) ?? []), { seq, hash, n }]);
  }
}
