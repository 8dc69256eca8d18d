import type { ActionId } from '../../contracts/actions';
import { CordonError } from '../../contracts/errors';
import {
  defineIntegration,
  type Acted,
  type CallContext,
  type Handlers,
  type Probe,
} from '../../contracts/integration';
import type { HostRef } from '../../contracts/values';
import { SimulatedConfig, simulatedClient, simulatedHealth } from '../kit/simulated';
import { productHandlers } from '../kit/simulated-product';
import { EdrClient } from './client';
import type { DeviceAction } from './schemas';

const POLL_MS = 1_000;

/** What an action of the product means to us: its output once it is complete. */
async function follow<O>(
  action: DeviceAction,
  output: (result: DeviceAction['result']) => Promise<O> | O,
): Promise<Acted<O>> {
  if (action.status === 'pending') return { status: 'pending', token: action.id, againInMs: POLL_MS };
  if (action.status === 'failed')
    throw new CordonError('rejected', `simulated EDR: ${action.kind} failed on the device`);
  return { status: 'done', output: await output(action.result) };
}

const withToken = (host: HostRef, token: unknown) => ({
  host,
  ...(typeof token === 'string' ? { token } : {}),
});

function isolation(client: EdrClient): Handlers {
  const read = async (host: HostRef, context: CallContext, isolated: boolean): Promise<Probe> => {
    const device = await client.find(host, context.signal);
    return {
      inForce: (device.isolation_id !== null) === isolated,
      state: { isolationId: device.isolation_id, online: device.online },
    };
  };
  return {
    'endpoint.isolate_host': {
      permissions: ['devices:read', 'devices:contain'],
      probe: ({ host }, context) => read(host, context, true),
      async act({ host }, context) {
        const device = await client.find(host, context.signal);
        await context.fence();
        const action = await client.tell(device, 'isolate', { comment: context.reason }, context);
        return follow(action, (result) => withToken(host, result.isolation_id));
      },
      async poll(token, { host }, context) {
        const action = await client.action(token, context.signal);
        return follow(action, (result) => withToken(host, result.isolation_id));
      },
      output: ({ host }, _first, now) => withToken(host, now.state['isolationId']),
      inForce: async ({ signal }) =>
        (await client.isolated(signal)).map(({ hostname }) => ({ host: { name: hostname } })),
    },
    'endpoint.release_host': {
      permissions: ['devices:read', 'devices:contain'],
      probe: ({ host }, context) => read(host, context, false),
      async act({ host, token }, context) {
        const device = await client.find(host, context.signal);
        await context.fence();
        const body = token === undefined ? {} : { isolation_id: token };
        return follow(await client.tell(device, 'release', body, context), () => ({ host }));
      },
      async poll(token, { host }, context) {
        return follow(await client.action(token, context.signal), () => ({ host }));
      },
      output: ({ host }) => ({ host }),
    },
  };
}

const SHA256 = /^[0-9a-f]{64}$/;

/** A file's fingerprint as the product gives it; without one the undo could put back something else. */
function fingerprint(sha256: unknown): string {
  if (typeof sha256 === 'string' && SHA256.test(sha256)) return sha256;
  throw new CordonError('unexpected_reply', 'simulated EDR: the file has no sha256');
}

function files(client: EdrClient): Handlers {
  const read = async (
    { host, path }: { host: HostRef; path: string },
    context: CallContext,
    quarantined: boolean,
  ): Promise<Probe> => {
    const device = await client.find(host, context.signal);
    const file = await client.file(device, path, context.signal);
    return {
      inForce: (file.quarantine_id !== null) === quarantined,
      state: { sha256: file.sha256, quarantineId: file.quarantine_id },
    };
  };
  const output = (input: { host: HostRef; path: string }, sha256: unknown, token: unknown) => ({
    ...withToken(input.host, token),
    path: input.path,
    sha256: fingerprint(sha256),
  });
  return {
    'endpoint.quarantine_file': {
      permissions: ['devices:read', 'files:write'],
      probe: (input, context) => read(input, context, true),
      async act(input, context) {
        const device = await client.find(input.host, context.signal);
        await context.fence();
        const { path, sha256 } = input;
        const action = await client.tell(device, 'quarantine', { path, sha256 }, context);
        return follow(action, (result) => output(input, result.sha256, result.quarantine_id));
      },
      async poll(token, input, context) {
        const action = await client.action(token, context.signal);
        return follow(action, (result) => output(input, result.sha256, result.quarantine_id));
      },
      output: (input, _first, now) => output(input, now.state['sha256'], now.state['quarantineId']),
    },
    'endpoint.restore_file': {
      permissions: ['devices:read', 'files:write'],
      probe: (input, context) => read(input, context, false),
      async act(input, context) {
        const { host, path, sha256, token } = input;
        const device = await client.find(host, context.signal);
        await context.fence();
        const action = await client.tell(device, 'restore', { path, sha256, quarantine_id: token }, context);
        return follow(action, () => ({ host, path, sha256 }));
      },
      async poll(token, { host, path, sha256 }, context) {
        return follow(await client.action(token, context.signal), () => ({ host, path, sha256 }));
      },
      output: ({ host, path, sha256 }) => ({ host, path, sha256 }),
    },
  };
}

function reads(client: EdrClient): Handlers {
  const scanned = (host: HostRef, { findings = [], errors = [], engine }: DeviceAction['result']) => ({
    host,
    clean: findings.length === 0 && errors.length === 0,
    findings,
    errors,
    engine: engine ?? 'unknown',
  });
  const collected = async (host: HostRef, result: DeviceAction['result'], context: CallContext) => {
    const evidence: Awaited<ReturnType<CallContext['putEvidence']>>[] = [];
    for (const { name, media_type: mediaType, base64 } of result.artefacts ?? [])
      evidence.push(await context.putEvidence({ name, mediaType, bytes: Buffer.from(base64, 'base64') }));
    return { host, evidence };
  };
  return {
    'endpoint.scan_av': {
      permissions: ['devices:read', 'scans:write'],
      async act({ host, paths }, context) {
        const device = await client.find(host, context.signal);
        await context.fence();
        const call = { signal: context.signal, changesNothing: true };
        return follow(await client.tell(device, 'scan', { paths }, call), (result) => scanned(host, result));
      },
      async poll(token, { host }, context) {
        return follow(await client.action(token, context.signal), (result) => scanned(host, result));
      },
    },
    'endpoint.collect_triage': {
      permissions: ['devices:read', 'triage:write'],
      async act({ host }, context) {
        const device = await client.find(host, context.signal);
        await context.fence();
        const action = await client.tell(
          device,
          'triage',
          {},
          { signal: context.signal, changesNothing: true },
        );
        return follow(action, (result) => collected(host, result, context));
      },
      async poll(token, { host }, context) {
        const action = await client.action(token, context.signal);
        return follow(action, (result) => collected(host, result, context));
      },
    },
  };
}

/** What it does in the shape that simulated products have in common. */
const COMMON: readonly ActionId[] = [
  'endpoint.delete_file',
  'endpoint.kill_process',
  'endpoint.suspend_process',
  'endpoint.resume_process',
  'endpoint.block_hash',
  'endpoint.unblock_hash',
  'endpoint.collect_memory',
  'endpoint.collect_disk',
  'endpoint.collect_logs',
  'endpoint.hunt_hash',
];

/** Contains hosts and files, scans, and collects evidence at an EDR that is only pretended. */
export default defineIntegration({
  id: 'simulated_edr',
  title: 'Simulated EDR',
  docs: 'https://d3fend.mitre.org/technique/d3f:NetworkIsolation/',
  simulated: true,
  config: SimulatedConfig,
  actions: [
    'endpoint.isolate_host',
    'endpoint.release_host',
    'endpoint.scan_av',
    'endpoint.quarantine_file',
    'endpoint.restore_file',
    'endpoint.collect_triage',
    ...COMMON,
  ],
  connect(config) {
    const http = simulatedClient(config, 'simulated EDR');
    const client = new EdrClient(http);
    return {
      handlers: {
        ...isolation(client),
        ...files(client),
        ...reads(client),
        ...productHandlers(http, 'simulated EDR', COMMON),
      },
      check: (signal) => simulatedHealth(http, signal),
      close: () => http.close(),
    };
  },
});
