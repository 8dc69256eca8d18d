import { CordonError } from '../../contracts/errors';
import { defineIntegration, type Acted, type CallContext, type Probe } from '../../contracts/integration';
import type { DatasetRef } from '../../contracts/values';
import { SimulatedConfig, simulatedClient, simulatedHealth } from '../kit/simulated';
import { BackupClient } from './client';
import { Restore, type RestoreJob } from './schemas';

const POLL_MS = 1_000;

const restored = (set: DatasetRef, restore: Restore) => ({
  set,
  snapshot: restore.snapshot,
  files: restore.files,
  treeSha256: restore.tree_sha256,
  token: restore.id,
});

function follow(job: RestoreJob, set: DatasetRef): Acted<ReturnType<typeof restored>> {
  if (job.status === 'running') return { status: 'pending', token: job.id, againInMs: POLL_MS };
  if (job.restore === null)
    throw new CordonError('rejected', `simulated backup: restore of ${set.name} failed`);
  return { status: 'done', output: restored(set, job.restore) };
}

/** Verifies and restores backups at a backup server that is only pretended. */
export default defineIntegration({
  id: 'simulated_backup',
  title: 'Simulated backup',
  docs: 'https://d3fend.mitre.org/technique/d3f:RestoreDatabase/',
  simulated: true,
  config: SimulatedConfig,
  actions: ['data.verify_backup', 'data.restore_backup', 'data.revert_restore'],
  connect(config) {
    const http = simulatedClient(config, 'simulated backup');
    const client = new BackupClient(http);
    /** A restore is ours when it carries our key: an older one, of last year's incident, is not this effect. */
    const mine = async (set: DatasetRef, { actionKey, signal }: CallContext) => {
      const { restores, running } = await client.read(set.name, signal);
      return {
        restore: restores.find(({ reference }) => reference === actionKey),
        job: running.find(({ reference }) => reference === actionKey),
      };
    };
    const reverted = async (
      { set, token }: { set: DatasetRef; token?: string | undefined },
      context: CallContext,
    ): Promise<Probe> => {
      const { restores } = await client.read(set.name, context.signal);
      const ids = restores.map(({ id }) => id);
      return { inForce: token === undefined || !ids.includes(token), state: { restores: ids } };
    };
    return {
      handlers: {
        'data.verify_backup': {
          permissions: ['backups:read'],
          async act({ set, before }, context) {
            await context.fence();
            const found = await client.verify(set.name, before, context.signal);
            const { taken_at: takenAt, ...rest } = found;
            return { status: 'done', output: { set, takenAt, ...rest } };
          },
        },
        'data.restore_backup': {
          permissions: ['backups:read', 'backups:restore'],
          async probe({ set }, context) {
            const { restore } = await mine(set, context);
            return { inForce: restore !== undefined, state: { restore: restore ?? null } };
          },
          async act({ set, snapshot, before }, context) {
            const { restore, job } = await mine(set, context);
            if (restore !== undefined) return { status: 'done', output: restored(set, restore) };
            if (job !== undefined) return follow(job, set);
            await context.fence();
            const body = { reference: context.actionKey, snapshot, before };
            return follow(await client.restore(set.name, body, context.signal), set);
          },
          async poll(token, { set }, context) {
            return follow(await client.job(token, context.signal), set);
          },
          output: ({ set }, _first, now) => restored(set, Restore.parse(now.state['restore'])),
        },
        'data.revert_restore': {
          permissions: ['backups:read', 'backups:restore'],
          probe: reverted,
          async act(input, context) {
            const { set, token } = input;
            if (token === undefined)
              throw new CordonError('invalid_input', `simulated backup: no restore of ${set.name} is named`);
            const { inForce } = await reverted(input, context);
            if (!inForce) {
              await context.fence();
              await client.revert(set.name, token, context.signal);
            }
            return { status: 'done', output: { set } };
          },
          output: ({ set }) => ({ set }),
        },
      },
      check: (signal) => simulatedHealth(http, signal),
      close: () => http.close(),
    };
  },
});
