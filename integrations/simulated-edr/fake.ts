import { createHash, randomUUID } from 'node:crypto';
import {
  startFakeServer,
  type FakeReply,
  type FakeRoute,
  type FakeServer,
  type FakeTools,
} from '../kit/fake-server';
import {
  artefact,
  emptyProduct,
  isInForce,
  productRoutes,
  productTick,
  type Behaviour,
  type ProductState,
} from '../kit/fake-product';
import { requireToken } from '../kit/simulated';
import type { Device, DeviceAction, DeviceFile } from './schemas';

export interface FakeDevice extends Device {
  /** Milliseconds since 1970; what the device is told before then is pending. */
  offline_until: number;
  /** `asNamed`: taken as it came; its hash is whatever the first one says who names one. */
  files: (DeviceFile & { signature?: string; asNamed?: boolean })[];
}
type FakeAction = DeviceAction & { device: string; due: number; body: Record<string, unknown> };

export interface EdrState extends ProductState {
  /** Unknown hosts get a device when they are first looked for; for demos whose alerts name anybody. */
  enrolUnknown: boolean;
  devices: FakeDevice[];
  actions: FakeAction[];
}

/** A file as it lies on a simulated device; with a signature, the scan finds it. */
export function newFile(path: string, signature?: string): FakeDevice['files'][number] {
  const sha256 = createHash('sha256').update(path).digest('hex');
  return { path, sha256, quarantine_id: null, ...(signature === undefined ? {} : { signature }) };
}

/** A device before anything has happened. */
export function newDevice(hostname: string, files: FakeDevice['files'] = []): FakeDevice {
  return { id: `dev-${randomUUID()}`, hostname, online: true, isolation_id: null, offline_until: 0, files };
}

type Result = DeviceAction['result'];
type Perform = (device: FakeDevice, body: Record<string, unknown>, applied: () => void) => Result | undefined;

const fileOf = (device: FakeDevice, body: Record<string, unknown>) =>
  device.files.find((file) => file.path === body['path']);

/** What each action does on the device; undefined is a failure there. */
const PERFORM: Record<DeviceAction['kind'], Perform> = {
  isolate(device, _body, applied) {
    if (device.isolation_id === null) {
      device.isolation_id = `iso-${randomUUID()}`;
      applied();
    }
    return { isolation_id: device.isolation_id };
  },
  release(device, body, applied) {
    if (device.isolation_id === null) return {};
    if (body['isolation_id'] !== undefined && body['isolation_id'] !== device.isolation_id) return undefined;
    device.isolation_id = null;
    applied();
    return {};
  },
  quarantine(device, body, applied) {
    const file = fileOf(device, body);
    if (file?.asNamed === true && typeof body['sha256'] === 'string') file.sha256 = body['sha256'];
    if (file === undefined || (body['sha256'] !== undefined && body['sha256'] !== file.sha256))
      return undefined;
    if (file.quarantine_id === null) {
      file.quarantine_id = `qtn-${randomUUID()}`;
      applied();
    }
    return { quarantine_id: file.quarantine_id, sha256: file.sha256 };
  },
  restore(device, body, applied) {
    const file = fileOf(device, body);
    if (file === undefined) return undefined;
    if (file.quarantine_id === null) return {};
    if (body['quarantine_id'] !== undefined && body['quarantine_id'] !== file.quarantine_id) return undefined;
    file.quarantine_id = null;
    applied();
    return {};
  },
  scan(device, body) {
    const paths = Array.isArray(body['paths']) ? (body['paths'] as string[]) : [''];
    const findings = device.files
      .filter((file) => file.quarantine_id === null && paths.some((path) => file.path.startsWith(path)))
      .flatMap(({ path, sha256, signature }) =>
        signature === undefined ? [] : [{ path, sha256, signature }],
      );
    return { findings, errors: [], engine: 'simulated 1.0' };
  },
  triage(device) {
    const text = JSON.stringify({ hostname: device.hostname, files: device.files.map(({ path }) => path) });
    return {
      artefacts: [
        {
          name: `${device.hostname}-triage.json`,
          media_type: 'application/json',
          base64: Buffer.from(text).toString('base64'),
        },
      ],
    };
  },
};

/** What an action is counted under: the file where it is about one. */
const subject = ({ kind, body }: FakeAction, device: FakeDevice): string =>
  kind === 'quarantine' || kind === 'restore'
    ? `${device.hostname}:${String(body['path'])}`
    : device.hostname;

/** Devices that are back do what they were told meanwhile. */
function tick(state: EdrState, now: number, tools: FakeTools): void {
  for (const device of state.devices) device.online = now >= device.offline_until;
  for (const action of state.actions) {
    const device = state.devices.find(({ id }) => id === action.device);
    if (action.status !== 'pending' || device === undefined || !device.online || now < action.due) continue;
    const result = PERFORM[action.kind](device, action.body, () =>
      tools.applied(action.kind, subject(action, device)),
    );
    action.status = result === undefined ? 'failed' : 'completed';
    action.result = result ?? {};
  }
}

const notFound: FakeReply = { status: 404, body: { error: 'not found' } };

const tell = (kind: DeviceAction['kind']): FakeRoute<EdrState> => [
  'POST',
  `/api/v1/devices/:id/${kind}`,
  ({ params, body }, state, tools) => {
    const device = state.devices.find(({ id }) => id === params['id']);
    if (device === undefined) return notFound;
    if ((kind === 'quarantine' || kind === 'restore') && fileOf(device, body) === undefined) return notFound;
    const takesTime = kind === 'scan' || kind === 'triage';
    const due = Date.now() + (takesTime ? state.workMs : 0);
    const fresh: FakeAction = {
      id: `act-${randomUUID()}`,
      kind,
      status: 'pending',
      result: {},
      device: device.id,
      due,
      body,
    };
    tools.requested(kind, subject(fresh, device));
    // Told twice before it was done: the same action, not a second one.
    const waiting = state.actions.find(
      (action) =>
        !takesTime &&
        action.status === 'pending' &&
        action.device === device.id &&
        action.kind === kind &&
        action.body['path'] === body['path'],
    );
    if (waiting === undefined) state.actions.push(fresh);
    tick(state, Date.now(), tools);
    const action = waiting ?? fresh;
    return action.status === 'failed'
      ? { status: 409, body: { error: 'contained by another action, or the file has changed' } }
      : { status: 200, body: action };
  },
];

const named = (state: EdrState, hostname: string): FakeDevice | undefined =>
  state.devices.find((device) => device.hostname.toLowerCase() === hostname);

const collected = (what: string) => (state: EdrState, hostname: string) => ({
  artefacts: [
    artefact(`${hostname}-${what}.json`, {
      hostname,
      suspended: Object.keys(state.effects['suspend_process'] ?? {}),
      files: (named(state, hostname)?.files ?? []).map(({ path }) => path),
    }),
  ],
});

/** What is told to processes, to the fleet, and what is collected. */
const BEHAVIOUR: Behaviour<EdrState> = {
  product: 'EDR',
  knows: (state, target) =>
    state.enrolUnknown ||
    /^[0-9a-f]{64}$/.test(target) ||
    named(state, target.split('/')[0] ?? '') !== undefined,
  offlineUntil: (state, machine) => named(state, machine)?.offline_until ?? 0,
  refuses(state, verb, target, { path, sha256 }) {
    const file = named(state, target.split('/')[0] ?? '')?.files.find((one) => one.path === path);
    const hasChanged =
      verb === 'delete_file' && sha256 !== undefined && file !== undefined && file.sha256 !== sha256;
    return hasChanged ? 'the file has changed' : undefined;
  },
  effects: {
    kill_process: () => ({}),
    suspend_process: () => ({}),
    block_hash: () => ({}),
    delete_file(state, target, { path }) {
      const device = named(state, target.split('/')[0] ?? '');
      if (device !== undefined) device.files = device.files.filter((file) => file.path !== path);
      return {};
    },
  },
  jobs: {
    collect_memory: collected('memory'),
    collect_disk: collected('disk'),
    collect_logs: collected('logs'),
    hunt_hash(state, sha256) {
      const having = state.devices.filter(({ files }) =>
        files.some((file) => file.sha256 === sha256 && file.quarantine_id === null),
      );
      return {
        hosts: having.map(({ hostname }) => ({ name: hostname })),
        asked: state.devices.length,
        silent: state.devices.filter(({ online }) => !online).length,
      };
    },
  },
};

/** Whether a file of this hash may run on the fleet. */
export const mayRun = (state: EdrState, sha256: string): boolean => !isInForce(state, 'block_hash', sha256);

const routes: readonly FakeRoute<EdrState>[] = [
  [
    'GET',
    '/api/v1/devices',
    ({ query }, state) => {
      if (query.get('isolated') === 'true')
        return { status: 200, body: { devices: state.devices.filter((one) => one.isolation_id !== null) } };
      const hostname = (query.get('hostname') ?? '').toLowerCase();
      const devices = state.devices.filter((device) => device.hostname.toLowerCase() === hostname);
      if (devices.length === 0 && state.enrolUnknown && hostname !== '') {
        const device = newDevice(hostname);
        state.devices.push(device);
        devices.push(device);
      }
      return { status: 200, body: { devices } };
    },
  ],
  [
    'GET',
    '/api/v1/devices/:id/file',
    ({ params, query }, state) => {
      const device = state.devices.find(({ id }) => id === params['id']);
      const wanted = query.get('path') ?? '';
      const file = device?.files.find(({ path }) => path === wanted);
      if (file !== undefined) return { status: 200, body: file };
      if (device === undefined || !state.enrolUnknown || wanted === '') return notFound;
      const enrolled = { ...newFile(wanted), asNamed: true };
      device.files.push(enrolled);
      return { status: 200, body: enrolled };
    },
  ],
  [
    'GET',
    '/api/v1/actions/:id',
    ({ params }, state) => {
      const action = state.actions.find(({ id }) => id === params['id']);
      return action === undefined ? notFound : { status: 200, body: action };
    },
  ],
  ...(Object.keys(PERFORM) as DeviceAction['kind'][]).map(tell),
  ...productRoutes(BEHAVIOUR),
];

export interface FakeEdr extends FakeServer<EdrState> {
  /** Takes a host off for a time: what it is told is pending until it is back. */
  offline(hostname: string, ms: number): void;
}

/** Starts the simulated EDR on loopback. */
export async function startFakeEdr(
  options: { port?: number; seed?: Partial<EdrState>; stateFile?: string } = {},
): Promise<FakeEdr> {
  const { port, seed, stateFile } = options;
  const fake = await startFakeServer<EdrState>({
    port,
    seed: { ...emptyProduct(), enrolUnknown: false, devices: [], actions: [], ...seed },
    stateFile,
    routes,
    guard: requireToken,
    tick(state, now, tools) {
      tick(state, now, tools);
      productTick(BEHAVIOUR)(state, now, tools);
    },
  });
  return {
    ...fake,
    offline: (hostname, ms) => {
      const device = fake.state().devices.find((one) => one.hostname === hostname);
      if (device === undefined) throw new Error(`no device named ${hostname}`);
      device.offline_until = Date.now() + ms;
    },
  };
}
