import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../contracts/values';
import { canonicalJson, sha256 } from './canonical';
import { GENESIS } from './journal';
import type { Row } from './schema';
import { inTransaction, type Store } from './store';

const HEADS_PER_SEAL = 5_000;
const KEY_FILE = 'journal-key.pem';
const PUBLIC_KEY_FILE = 'journal-key.pub.pem';
const SEALS_FILE = 'journal-seals.jsonl';

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

/** What outside SQL the journal is checked against. */
export interface SealWitness {
  publicKey: KeyObject;
  /** The seals as they were written to the file. */
  lines: Seal[];
}

/** Reads key and file of a data folder; undefined where it never sealed. */
export function readWitness(dataDir: string): SealWitness | undefined {
  const keyFile = join(dataDir, KEY_FILE);
  if (!existsSync(keyFile)) return undefined;
  const file = join(dataDir, SEALS_FILE);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const lines = text.split('\n').filter((line) => line !== '');
  return {
    publicKey: createPublicKey(readFileSync(keyFile)),
    lines: lines.map((line) => JSON.parse(line) as Seal),
  };
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
    // Two processes that seal at once: the second one's number is taken, its transaction fails, its next round goes on.
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
  const text = existsSync(sealer.file) ? readFileSync(sealer.file, 'utf8') : '';
  const lastLine = text.trimEnd().split('\n').at(-1);
  const written = lastLine === undefined || lastLine === '' ? 0 : (JSON.parse(lastLine) as Seal).n;
  const rows = await store.db
    .selectFrom('journal_seals')
    .selectAll()
    .where('n', '>', written)
    .orderBy('n')
    .execute();
  for (const row of rows) appendFileSync(sealer.file, `${JSON.stringify(sealOf(row))}\n`);
}
