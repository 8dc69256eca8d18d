import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { JsonObject } from '../../contracts/values';
import { appendJournal, entryHash, GENESIS } from '../../store/journal';
import { openSealer, readWitness, sealJournal } from '../../store/seals';
import { inTransaction, type Store } from '../../store/store';
import { verifyJournal, type JournalProblem } from '../../store/verify-journal';
import { memoryStore } from '../support/store';

const CHAIN = 'INC-2026-000001';
let store: Store;
let folder: string;
beforeAll(async () => {
  store = await memoryStore();
}, 60_000);
afterAll(() => store.close());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cordon-journal-'));
  for (const table of ['journal', 'journal_heads', 'journal_seals'] as const)
    await store.db.deleteFrom(table).execute();
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const write = (incident: string, ...data: JsonObject[]): Promise<void> =>
  inTransaction(store, (tx) =>
    appendJournal(
      tx,
      ...data.map((one) => ({
        incident,
        at: new Date('2026-03-04T05:06:07.089Z'),
        actor: 'cordon',
        kind: 'note_added' as const,
        data: one,
      })),
    ),
  );
const seal = (): Promise<unknown> => sealJournal(store, openSealer(folder));
const problems = async (): Promise<string[]> => {
  const report = await verifyJournal(store.db, readWitness(folder));
  expect(report.ok).toBe(report.problems.length === 0);
  return report.problems.map(
    ({ chain, seq, problem }: JournalProblem) => `${chain}#${String(seq)} ${problem}`,
  );
};

describe('an honest journal verifies', () => {
  test('while it grows', async () => {
    await write(CHAIN, { n: 0 });
    const growing = (async (): Promise<void> => {
      for (let n = 1; n <= 200; n += 1) await write(n % 10 === 0 ? `INC-2026-1${String(n)}` : CHAIN, { n });
    })();
    const found: string[] = [];
    for (let n = 0; n < 20; n += 1) found.push(...(await problems()));
    await growing;
    expect([...found, ...(await problems())]).toEqual([]);
  });
  test('whatever is written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })), {
          minLength: 1,
          maxLength: 5,
        }),
        async (data) => {
          await write(CHAIN, ...(data as JsonObject[]));
          expect(await problems()).toEqual([]);
        },
      ),
      { numRuns: 50 },
    );
  });
  test('text that the database cannot hold is replaced, not refused', async () => {
    await write(CHAIN, { 'a\u0000': ['b\u0000', '\ud800', '\u{1f600}'] });
    const { data } = await store.db.selectFrom('journal').select('data').executeTakeFirstOrThrow();
    expect(data).toEqual({ 'a\ufffd': ['b\ufffd', '\ufffd', '\u{1f600}'] });
    expect(await problems()).toEqual([]);
  });
  test('over several seals and chains, also when the file lost its newest lines in a crash', async () => {
    await write(CHAIN, { a: 1 });
    await seal();
    await write('SYSTEM', { b: 1 });
    await write(CHAIN, { a: 2 });
    await seal();
    const file = join(folder, 'journal-seals.jsonl');
    writeFileSync(file, `${readFileSync(file, 'utf8').split('\n')[0] ?? ''}\n`);
    expect(await problems()).toEqual([]);
    await write(CHAIN, { a: 3 });
    await seal();
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(3);
    expect(await problems()).toEqual([]);
  });
  test('a seal is made only when something moved', async () => {
    await write(CHAIN, { a: 1 });
    expect(await seal()).toBeDefined();
    expect(await seal()).toBeUndefined();
  });
});

describe('what was done to it is named', () => {
  beforeEach(async () => {
    await write(CHAIN, { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 });
    await write('SYSTEM', { n: 1 });
    await seal();
  });
  const row = (seq: number) =>
    store.db
      .selectFrom('journal')
      .selectAll()
      .where('incident', '=', CHAIN)
      .where('seq', '=', seq)
      .executeTakeFirstOrThrow();
  const change = (seq: number, values: Record<string, unknown>) =>
    store.db
      .updateTable('journal')
      .set(values)
      .where('incident', '=', CHAIN)
      .where('seq', '=', seq)
      .execute();

  test.each([
    ['data', { data: '{"n":99}' }],
    ['actor', { actor: 'person:mallory' }],
    ['kind', { kind: 'verdict_given' }],
    ['time', { at: new Date(0) }],
  ])('a changed %s', async (_what, values) => {
    await change(3, values);
    expect(await problems()).toEqual([`${CHAIN}#3 changed`]);
  });
  test('a deleted row', async () => {
    await store.db.deleteFrom('journal').where('incident', '=', CHAIN).where('seq', '=', 3).execute();
    expect(await problems()).toEqual([`${CHAIN}#3 missing`]);
  });
  test('an inserted row', async () => {
    const last = await row(5);
    const fake = {
      incident: CHAIN,
      seq: 6,
      at: last.at.toISOString(),
      actor: 'cordon',
      kind: 'note_added' as const,
      data: { n: 6 },
      prevHash: last.hash,
    };
    await store.db
      .insertInto('journal')
      .values({ ...last, seq: 6, data: '{"n":6}', prev_hash: last.hash, hash: entryHash(fake) })
      .execute();
    expect(await problems()).toEqual([`${CHAIN}#6 inserted`]);
  });
  test('two swapped rows', async () => {
    const [third, fourth] = [await row(3), await row(4)];
    await change(3, { data: JSON.stringify(fourth.data), hash: fourth.hash, prev_hash: fourth.prev_hash });
    await change(4, { data: JSON.stringify(third.data), hash: third.hash, prev_hash: third.prev_hash });
    expect(await problems()).toEqual(
      expect.arrayContaining([`${CHAIN}#3 changed`, `${CHAIN}#3 broken_link`, `${CHAIN}#4 changed`]),
    );
  });
  test('the last row cut off', async () => {
    await store.db.deleteFrom('journal').where('incident', '=', CHAIN).where('seq', '=', 5).execute();
    expect(await problems()).toEqual(expect.arrayContaining([`${CHAIN}#5 cut_off`]));
  });
  test('the last row cut off and the head set back to match', async () => {
    await store.db.deleteFrom('journal').where('incident', '=', CHAIN).where('seq', '=', 5).execute();
    await store.db
      .updateTable('journal_heads')
      .set({ seq: 4, hash: (await row(4)).hash })
      .where('incident', '=', CHAIN)
      .execute();
    expect(await problems()).toEqual([`${CHAIN}#5 cut_off`]);
  });

  const rewriteWhole = async (): Promise<void> => {
    let prevHash = GENESIS;
    for (let seq = 1; seq <= 5; seq++) {
      const old = await row(seq);
      const data = { n: seq === 2 ? 99 : seq };
      const hash = entryHash({
        incident: CHAIN,
        seq,
        at: old.at.toISOString(),
        actor: old.actor,
        kind: 'note_added',
        data,
        prevHash,
      });
      await change(seq, { data: JSON.stringify(data), prev_hash: prevHash, hash });
      prevHash = hash;
    }
    await store.db
      .updateTable('journal_heads')
      .set({ hash: prevHash })
      .where('incident', '=', CHAIN)
      .execute();
  };
  test('a chain rewritten whole', async () => {
    await rewriteWhole();
    expect(await problems()).toEqual([`${CHAIN}#5 rewritten`]);
  });
  test('a chain rewritten whole together with its seals', async () => {
    await rewriteWhole();
    await store.db.deleteFrom('journal_seals').execute();
    await store.db.updateTable('journal_heads').set({ sealed_seq: 0 }).execute();
    const forger = mkdtempSync(join(tmpdir(), 'cordon-forger-'));
    await sealJournal(store, openSealer(forger));
    rmSync(forger, { recursive: true });
    expect(await problems()).toEqual(
      expect.arrayContaining(['seals#1 bad_seal', 'seals#1 seal_missing', `${CHAIN}#5 rewritten`]),
    );
  });
  test('a chain deleted whole', async () => {
    for (const table of ['journal', 'journal_heads'] as const)
      await store.db.deleteFrom(table).where('incident', '=', CHAIN).execute();
    expect(await problems()).toEqual([`${CHAIN}#1 missing`]);
  });
  test('a changed line of the file', async () => {
    const file = join(folder, 'journal-seals.jsonl');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"seq":5', '"seq":4'));
    expect(await problems()).toEqual(['seals#1 bad_seal']);
  });
});
