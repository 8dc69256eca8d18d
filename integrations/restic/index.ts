import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActionInput, ActionOutput } from '../../contracts/actions';
import { CordonError } from '../../contracts/errors';
import {
  defineIntegration,
  type CallContext,
  type Handlers,
  type Health,
  type Probe,
} from '../../contracts/integration';
import { throwIfAborted } from '../kit/abort';
import { Restic, findDataset, snapshotPathOf, type Snapshot } from './client';
import { Place } from './place';
import { Marker, ResticConfig, type Dataset } from './schemas';
import { hashTree } from './tree';

type RestoreInput = ActionInput<'data.restore_backup'>;
type Restored = ActionOutput<'data.restore_backup'>;

const tokenOf = ({ actionKey }: { actionKey: string }): string => actionKey.slice(0, 16);

function restoredOutput(set: RestoreInput['set'], marker: Marker): Restored {
  const { snapshot, files, treeSha256 } = marker;
  return { set, snapshot, files, treeSha256, token: tokenOf(marker) };
}

/** Restores the dataset's folder of a snapshot into a folder beside it. Anything restic complains about is a refusal. */
async function stage(
  restic: Restic,
  dataset: Dataset,
  snapshot: Snapshot,
  staging: string,
  signal: AbortSignal,
) {
  const path = snapshotPathOf(dataset);
  const complaints = await restic.restore(snapshot.id, path, staging, signal);
  const folder = join(staging, path);
  const found = await stat(folder).catch(() => undefined);
  if (complaints.length === 0 && found?.isDirectory() !== true)
    complaints.push(`the snapshot holds no folder ${path}`);
  return { folder, complaints };
}

function refused(what: string, complaints: readonly string[]): CordonError {
  return new CordonError(
    'rejected',
    `${what}; nothing was replaced: ${complaints.join('; ')}`.slice(0, 1500),
    { maybeApplied: false },
  );
}

async function verify(
  config: ResticConfig,
  input: ActionInput<'data.verify_backup'>,
  signal: AbortSignal,
): Promise<ActionOutput<'data.verify_backup'>> {
  const restic = new Restic(config);
  const { dataset } = findDataset(config, input.set);
  const snapshot = await restic.findSnapshot(dataset, { before: input.before }, signal);
  const findings = await restic.damages(signal);
  if (findings.length === 0) {
    const staging = await new Place(dataset, '0'.repeat(16)).createStaging();
    try {
      findings.push(...(await stage(restic, dataset, snapshot, staging, signal)).complaints);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
  return {
    set: input.set,
    snapshot: snapshot.id,
    takenAt: snapshot.takenAt,
    intact: findings.length === 0,
    clean: null,
    findings,
  };
}

/** Whether this very restore is in force: known by the marker that names its action key. */
async function probeRestore(config: ResticConfig, input: RestoreInput, context: CallContext): Promise<Probe> {
  throwIfAborted(context.signal, 'reading the dataset');
  const place = new Place(findDataset(config, input.set).dataset, tokenOf(context));
  const marker = await place.readMarker();
  const inForce =
    marker?.status === 'restored' ||
    (marker?.status === 'restoring' && (await place.isSwapped(place.incoming, place.replaced)));
  return { inForce, state: { marker: marker ?? null } };
}

async function restore(config: ResticConfig, input: RestoreInput, context: CallContext): Promise<Restored> {
  const { signal } = context;
  throwIfAborted(signal, 'restore');
  const { dataset } = findDataset(config, input.set);
  const place = new Place(dataset, tokenOf(context));
  let marker = await place.readMarker();
  if (marker?.status === 'restored') return restoredOutput(input.set, marker);
  if (marker !== undefined && marker.status !== 'restoring') {
    throw new CordonError('rejected', 'this restore was reverted', { maybeApplied: false });
  }
  if (marker === undefined) {
    const restic = new Restic(config);
    await place.assertSwappable();
    const snapshot = await restic.findSnapshot(dataset, input, signal);
    const damages = await restic.damages(signal);
    if (damages.length > 0) throw refused('the repository is damaged', damages);
    await context.fence();
    const staging = await place.createStaging();
    try {
      const { folder, complaints } = await stage(restic, dataset, snapshot, staging, signal);
      if (complaints.length > 0) throw refused('the snapshot does not restore', complaints);
      const { files, sha256 } = await hashTree(folder, signal);
      await context.fence();
      await place.adopt(folder);
      const { actionKey, incident } = context;
      marker = { status: 'restoring', actionKey, incident, snapshot: snapshot.id, files, treeSha256: sha256 };
      await place.writeMarker(marker);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
  await context.fence();
  if (!(await place.isSwapped(place.incoming, place.replaced))) {
    // It may have waited since a crash.
    const waiting = await hashTree(place.incoming, signal);
    if (waiting.sha256 !== marker.treeSha256)
      throw refused('the restored data has changed before the swap', []);
    await place.swap(place.incoming, place.replaced);
  }
  await place.writeMarker({ ...marker, status: 'restored' });
  return restoredOutput(input.set, marker);
}

function placeOf(config: ResticConfig, { set, token }: ActionInput<'data.revert_restore'>): Place {
  if (token === undefined)
    throw new CordonError('invalid_input', 'without its token a restore cannot be reverted');
  return new Place(findDataset(config, set).dataset, token);
}

async function revert(
  config: ResticConfig,
  input: ActionInput<'data.revert_restore'>,
  context: CallContext,
): Promise<void> {
  throwIfAborted(context.signal, 'revert');
  const place = placeOf(config, input);
  const marker = await place.readMarker();
  if (marker === undefined) throw new CordonError('not_found', 'there is no such restore');
  if (marker.status === 'reverted') return;
  await context.fence();
  // A restore that crashed on its way is finished first: then there is one state to go back from.
  if (marker.status === 'restoring') await place.swap(place.incoming, place.replaced);
  await place.writeMarker({ ...marker, status: 'reverting' });
  await place.swap(place.replaced, place.reverted);
  await place.writeMarker({ ...marker, status: 'reverted' });
}

function createHandlers(config: ResticConfig): Handlers {
  const reads = ["read access to the repository, and the repository's password"];
  const writes = [...reads, "write access to the dataset's parent folder"];
  const { timeoutMs } = config;
  return {
    'data.verify_backup': {
      permissions: writes,
      timeoutMs,
      act: async (input, { signal }) => ({ status: 'done', output: await verify(config, input, signal) }),
    },
    'data.restore_backup': {
      permissions: writes,
      timeoutMs,
      probe: (input, context) => probeRestore(config, input, context),
      act: async (input, context) => ({ status: 'done', output: await restore(config, input, context) }),
      output: ({ set }, _first, now) => restoredOutput(set, Marker.parse(now.state['marker'])),
    },
    'data.revert_restore': {
      permissions: writes,
      timeoutMs,
      probe: async (input, { signal }) => {
        throwIfAborted(signal, 'reading the dataset');
        const place = placeOf(config, input);
        const marker = await place.readMarker();
        const inForce =
          marker?.status === 'reverted' ||
          (marker?.status === 'reverting' && (await place.isSwapped(place.replaced, place.reverted)));
        return { inForce, state: { marker: marker ?? null } };
      },
      act: async (input, context) => {
        await revert(config, input, context);
        return { status: 'done', output: { set: input.set } };
      },
      output: ({ set }) => ({ set }),
    },
  };
}

async function check(config: ResticConfig, signal: AbortSignal): Promise<Health> {
  try {
    const restic = new Restic(config);
    const version = await restic.version(signal);
    for (const dataset of Object.values(config.datasets)) await restic.findSnapshot(dataset, {}, signal);
    return { ok: true, detail: version };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Backups by restic: verify, restore in place with the old data kept, put the old data back. */
export default defineIntegration({
  id: 'restic',
  title: 'restic',
  docs: 'https://restic.readthedocs.io/en/stable/050_restore.html',
  simulated: false,
  config: ResticConfig,
  actions: ['data.verify_backup', 'data.restore_backup', 'data.revert_restore'],
  connect: (config) => ({
    handlers: createHandlers(config),
    check: (signal) => check(config, signal),
    close: () => Promise.resolve(),
  }),
});
