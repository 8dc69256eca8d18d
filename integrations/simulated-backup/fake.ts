import { createHash, randomUUID } from 'node:crypto';
import { startFakeServer, type FakeReply, type FakeRoute, type FakeServer } from '../kit/fake-server';
import { HEALTH_PATH, requireToken } from '../kit/simulated';
import type { DatasetState, Restore, RestoreJob } from './schemas';

export interface FakeSnapshot {
  id: string;
  taken_at: string;
  intact: boolean;
  clean: boolean | null;
  findings: string[];
  files: number;
}
export interface FakeDataset {
  name: string;
  snapshots: FakeSnapshot[];
  restores: Restore[];
}

export interface BackupState {
  /** Unknown datasets get one good snapshot when they are first looked for; for demos. */
  enrolUnknown: boolean;
  /** How long a restore takes. */
  workMs: number;
  datasets: FakeDataset[];
  jobs: (RestoreJob & { dataset: string; snapshot: string; due: number })[];
}

/** A dataset with its snapshots, before anything has happened. */
export function newDataset(name: string, snapshots: Partial<FakeSnapshot>[] = [{}]): FakeDataset {
  return {
    name,
    restores: [],
    snapshots: snapshots.map((snapshot, index) => ({
      id: `snap-${index + 1}`,
      taken_at: `2026-01-0${index + 1}T00:00:00Z`,
      intact: true,
      clean: true,
      findings: [],
      files: 12,
      ...snapshot,
    })),
  };
}

const notFound: FakeReply = { status: 404, body: { error: 'not found' } };

function find(state: BackupState, name: string | undefined): FakeDataset | undefined {
  if (name === undefined) return undefined;
  const found = state.datasets.find((dataset) => dataset.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined || !state.enrolUnknown) return found;
  const dataset = newDataset(name);
  state.datasets.push(dataset);
  return dataset;
}

/** The snapshot that is meant: by its id, else the newest before a time. */
function pick(dataset: FakeDataset, id: unknown, before: unknown): FakeSnapshot | undefined {
  const limit = typeof before === 'string' ? Date.parse(before) : Infinity;
  return dataset.snapshots
    .filter((snapshot) =>
      typeof id === 'string' ? snapshot.id === id : Date.parse(snapshot.taken_at) < limit,
    )
    .sort((a, b) => Date.parse(b.taken_at) - Date.parse(a.taken_at))[0];
}

/** Restores whose time has come take effect. */
function tick(
  state: BackupState,
  now: number,
  tools: { applied(action: string, target: string): void },
): void {
  for (const job of state.jobs) {
    if (job.status !== 'running' || now < job.due) continue;
    const dataset = find(state, job.dataset);
    const snapshot = dataset?.snapshots.find(({ id }) => id === job.snapshot);
    if (dataset === undefined || snapshot?.intact !== true) {
      job.status = 'failed';
      continue;
    }
    job.restore = {
      id: `rst-${randomUUID()}`,
      reference: job.reference,
      snapshot: snapshot.id,
      files: snapshot.files,
      tree_sha256: createHash('sha256').update(`${dataset.name} ${snapshot.id}`).digest('hex'),
    };
    job.status = 'completed';
    dataset.restores.push(job.restore);
    tools.applied('restore', dataset.name);
  }
}

const view = ({ name, restores }: FakeDataset, state: BackupState): FakeReply => ({
  status: 200,
  body: {
    name,
    restores,
    running: state.jobs.filter((job) => job.dataset === name && job.status === 'running'),
  } satisfies DatasetState,
});

const routes: readonly FakeRoute<BackupState>[] = [
  ['GET', HEALTH_PATH, () => ({ status: 200, body: { product: 'backup server' } })],
  [
    'GET',
    '/api/v1/datasets/:name',
    ({ params }, state) => {
      const dataset = find(state, params['name']);
      return dataset === undefined ? notFound : view(dataset, state);
    },
  ],
  [
    'POST',
    '/api/v1/datasets/:name/verify',
    ({ params, body }, state) => {
      const dataset = find(state, params['name']);
      const snapshot = dataset && pick(dataset, undefined, body['before']);
      if (snapshot === undefined) return notFound;
      const { id, taken_at, intact, clean, findings } = snapshot;
      return { status: 200, body: { snapshot: id, taken_at, intact, clean, findings } };
    },
  ],
  [
    'POST',
    '/api/v1/datasets/:name/restores',
    ({ params, body }, state, tools) => {
      const dataset = find(state, params['name']);
      const snapshot = dataset && pick(dataset, body['snapshot'], body['before']);
      if (dataset === undefined || snapshot === undefined) return notFound;
      tools.requested('restore', dataset.name);
      const job: BackupState['jobs'][number] = {
        id: `job-${randomUUID()}`,
        reference: String(body['reference']),
        status: 'running',
        restore: null,
        dataset: dataset.name,
        snapshot: snapshot.id,
        due: Date.now() + state.workMs,
      };
      state.jobs.push(job);
      tick(state, Date.now(), tools);
      return { status: 202, body: job };
    },
  ],
  [
    'GET',
    '/api/v1/jobs/:id',
    ({ params }, state) => {
      const job = state.jobs.find(({ id }) => id === params['id']);
      return job === undefined ? notFound : { status: 200, body: job };
    },
  ],
  [
    'DELETE',
    '/api/v1/datasets/:name/restores/:id',
    ({ params }, state, tools) => {
      const dataset = find(state, params['name']);
      if (dataset === undefined) return notFound;
      tools.requested('revert', dataset.name);
      if (!dataset.restores.some(({ id }) => id === params['id'])) return notFound;
      // What a later restore has replaced lies below it: only the newest can be taken back.
      if (dataset.restores.at(-1)?.id !== params['id'])
        return { status: 409, body: { error: 'restored again since' } };
      dataset.restores.pop();
      tools.applied('revert', dataset.name);
      return view(dataset, state);
    },
  ],
];

/** Starts the simulated backup server on loopback. */
export function startFakeBackup(
  options: { port?: number; seed?: Partial<BackupState>; stateFile?: string } = {},
): Promise<FakeServer<BackupState>> {
  const { port, seed, stateFile } = options;
  return startFakeServer({
    port,
    seed: { enrolUnknown: false, workMs: 0, datasets: [], jobs: [], ...seed },
    stateFile,
    routes,
    guard: requireToken,
    tick,
  });
}
