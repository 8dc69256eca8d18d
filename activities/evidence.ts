import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CallContext } from '../contracts/integration';
import { sha256 } from '../store/canonical';
import { appendJournal } from '../store/journal';
import { inTransaction } from '../store/store';
import type { Prepared, RunnerDeps } from './runner-types';

/** On the disk before it is named: half a file is never evidence, and a crash leaves nothing in the way of the next attempt. */
async function store(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    const file = await open(draft, 'wx', 0o400);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Stores artefacts under their sha256 in the data folder, and tells the incident's journal who collected what. */
export function evidenceWriter(deps: RunnerDeps, prepared: Prepared): CallContext['putEvidence'] {
  return async ({ name, mediaType, bytes }) => {
    const hash = sha256(bytes);
    const folder = join(deps.dataDir, 'evidence', hash.slice(0, 2));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await store(join(folder, hash), bytes);
    const at = await deps.store.now();
    await inTransaction(deps.store, async (tx) => {
      const { incident } = prepared.wave;
      const row = {
        incident,
        sha256: hash,
        name,
        media_type: mediaType,
        bytes: bytes.byteLength,
        stored_at: at,
        by_action: prepared.actionKey,
      };
      const { numInsertedOrUpdatedRows } = await tx
        .insertInto('evidence')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows === 1n)
        await appendJournal(tx, {
          incident,
          at,
          actor: `run:${incident}`,
          kind: 'evidence_stored',
          data: { name, sha256: hash, bytes: bytes.byteLength, target: prepared.target.key },
        });
    });
    return { name, sha256: hash, bytes: bytes.byteLength };
  };
}
