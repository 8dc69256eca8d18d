import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import type { JsonObject } from '../contracts/values';
import { canonicalJson, sha256 } from './canonical';
import { GENESIS } from './journal';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

const HEADS_PER_SEAL = 5_000;
const KEY_FILE = 'journal-key.pem';
const PUBLIC_KEY_FILE = 'journal-key.pub.pem';
const SEALS_FILE = 'journal-seals.jsonl';
const KEY_SETTING = 'journal_key';
const TAIL_BYTES = 64 * 1024;

/** The installation's signing key and the file outside SQL. */
export interface Sealer {
  readonly privateKey: KeyObject;
  readonly file: string;
}

export interface Seal {
  n: number;
  at: string;
  heads: JsonObject;
  prevHash: string;
  hash: string;
  signature: string;
}

/** Reads the installation's Ed25519 key from the data folder, or makes it at first start (mode 600). */
export function openSealer(dataDir: string): Sealer {
  mkdirSync(dataDir, { recursive: true });
  const keyFile = join(dataDir, KEY_FILE);
  if (!existsSync(keyFile)) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
    writeFileSync(join(dataDir, PUBLIC_KEY_FILE), publicKey.export({ type: 'spki', format: 'pem' }), {
      mode: 0o644,
    });
  }
  return { privateKey: createPrivateKey(readFileSync(keyFile)), file: join(dataDir, SEALS_FILE) };
}

/**
 * The sealer of this process, where its data folder holds the key of the installation; else undefined. The first process of an
 * installation makes the key and notes its fingerprint in SQL: two keys in one chain could not be told from a forgery.
 */
export function openInstallationSealer(store: Store, dataDir: string): Promise<Sealer | undefined> {
  return inTransaction(store, async (tx) => {
    await sealingAlone(tx);
    const noted = await tx
      .selectFrom('settings')
      .select('value')
      .where('key', '=', KEY_SETTING)
      .executeTakeFirst();
    if (noted !== undefined && !existsSync(join(dataDir, KEY_FILE))) return undefined;
    const sealer = openSealer(dataDir);
    const mine = sha256(
      createPublicKey(sealer.privateKey).export({ type: 'spki', format: 'pem' }).toString(),
    );
    if (noted !== undefined) return noted.value === mine ? sealer : undefined;
    await tx
      .insertInto('settings')
      .values({ key: KEY_SETTING, value: JSON.stringify(mine) })
      .execute();
    return sealer;
  });
}

/** One process at a time seals and writes the file; the lock goes with the transaction, also when its process is killed. */
async function sealingAlone(tx: Tx): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('cordon:seals'))`.execute(tx);
}

/** What outside SQL the journal is checked against. */
export interface SealWitness {
  publicKey: KeyObject;
  /** The seals as they were written to the file. */
  lines: Seal[];
}

/** Reads key and file of a data folder; undefined where there is no key. To check, the public one will do. */
export function readWitness(dataDir: string): SealWitness | undefined {
  const keyFile = [PUBLIC_KEY_FILE, KEY_FILE].map((name) => join(dataDir, name)).find(existsSync);
  if (keyFile === undefined) return undefined;
  const file = join(dataDir, SEALS_FILE);
  return {
    publicKey: createPublicKey(readFileSync(keyFile)),
    lines: wholeLines(file).map((line) => JSON.parse(line) as Seal),
  };
}

/** A line that a crash cut off is not there yet: it is written again from SQL. */
function wholeLines(file: string): string[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');
}

/** Hash of a seal: over the previous one's hash and its own number, time and heads. */
export function sealHash(seal: Pick<Seal, 'n' | 'at' | 'heads' | 'prevHash'>): string {
  return sha256(seal.prevHash + canonicalJson({ n: seal.n, at: seal.at, heads: seal.heads }));
}

/** Whether the signature is by that key. */
export function isSignedBy(seal: Seal, publicKey: KeyObject): boolean {
  return verify(null, Buffer.from(seal.hash, 'hex'), publicKey, Buffer.from(seal.signature, 'base64'));
}

/** A seal as SQL holds it, in the form of the file. */
export function sealOf(row: Row<'journal_seals'>): Seal {
  return {
    n: row.n,
    at: row.at.toISOString(),
    heads: row.heads,
    prevHash: row.prev_hash,
    hash: row.hash,
    signature: row.signature,
  };
}

/**
 * Seals the heads that moved since the last seal into the one chain, signs, and writes the line to the file once SQL has it.
 * Returns the seal, or undefined when nothing moved. Lines that a crash kept from the file are written first.
 */
export async function sealJournal(store: Store, sealer: Sealer): Promise<Seal | undefined> {
  const at = await store.now();
  const seal = await inTransaction(store, async (tx) => {
    await sealingAlone(tx);
    const moved = await tx
      .selectFrom('journal_heads')
      .select(['incident', 'seq', 'hash'])
      .whereRef('seq', '>', 'sealed_seq')
      .orderBy('incident')
      .limit(HEADS_PER_SEAL)
      .forUpdate()
      .execute();
    if (moved.length === 0) return undefined;
    const last = await tx
      .selectFrom('journal_seals')
      .select(['n', 'hash'])
      .orderBy('n', 'desc')
      .limit(1)
      .executeTakeFirst();
    const heads: JsonObject = Object.fromEntries(
      moved.map(({ incident, seq, hash }) => [incident, { seq, hash }]),
    );
    const unsigned = { n: (last?.n ?? 0) + 1, at: at.toISOString(), heads, prevHash: last?.hash ?? GENESIS };
    const hash = sealHash(unsigned);
    const signature = sign(null, Buffer.from(hash, 'hex'), sealer.privateKey).toString('base64');
    const row = {
      n: unsigned.n,
      at,
      heads: JSON.stringify(heads),
      prev_hash: unsigned.prevHash,
      hash,
      signature,
    };
    await tx.insertInto('journal_seals').values(row).execute();
    for (const { incident, seq } of moved)
      await tx
        .updateTable('journal_heads')
        .set({ sealed_seq: seq })
        .where('incident', '=', incident)
        .execute();
    return { ...unsigned, hash, signature };
  });
  await writeMissingLines(store, sealer);
  return seal;
}

async function writeMissingLines(store: Store, sealer: Sealer): Promise<void> {
  await inTransaction(store, async (tx) => {
    await sealingAlone(tx);
    const { line, end } = lastWholeLine(sealer.file);
    const rows = await tx
      .selectFrom('journal_seals')
      .selectAll()
      .where('n', '>', line === undefined ? 0 : (JSON.parse(line) as Seal).n)
      .orderBy('n')
      .execute();
    if (rows.length === 0) return;
    if (existsSync(sealer.file)) truncateSync(sealer.file, end);
    for (const row of rows) appendFileSync(sealer.file, `${JSON.stringify(sealOf(row))}\n`);
  });
}

/** The last line that is there to its end, and where it ends. Only the file's tail is read: it grows by a line a minute, for years. */
function lastWholeLine(file: string): { line: string | undefined; end: number } {
  if (!existsSync(file)) return { line: undefined, end: 0 };
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    for (let length = Math.min(size, TAIL_BYTES); ; length = Math.min(size, length * 2)) {
      const tail = Buffer.alloc(length);
      readSync(fd, tail, 0, length, size - length);
      const newline = tail.lastIndexOf(10);
      const before = newline < 1 ? -1 : tail.lastIndexOf(10, newline - 1);
      if (before < 0 && length < size) continue;
      if (newline < 0) return { line: undefined, end: 0 };
      return { line: tail.toString('utf8', before + 1, newline), end: size - length + newline + 1 };
    }
  } finally {
    closeSync(fd);
  }
}
