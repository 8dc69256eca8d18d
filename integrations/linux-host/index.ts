import { createHash } from 'node:crypto';
import { CordonError } from '../../contracts/errors';
import { defineIntegration, type CallContext, type Handlers, type Health } from '../../contracts/integration';
import { Sha256 } from '../../contracts/values';
import { LinuxHostClient } from './client';
import { LinuxHostConfig } from './schemas';

const AGENT = ["the agent's forced command in root's authorized_keys"] as const;

/** Names an isolation after the effect that made it, so that only its own release lifts it. */
function isolationTag({ incident, actionKey }: CallContext): string {
  return `${incident}-${actionKey.slice(0, 16)}`.replace(/[^A-Za-z0-9-]/g, '-');
}

function tokenOf(tag: unknown): { token?: string } {
  return typeof tag === 'string' && tag !== '' ? { token: tag } : {};
}

function createHandlers(client: LinuxHostClient): Handlers {
  return {
    'endpoint.isolate_host': {
      permissions: AGENT,
      probe: async ({ host }, { signal }) => {
        const { isolated, tag, management } = await client.status(host, signal);
        return { inForce: isolated, state: { isolated, tag, management } };
      },
      act: async ({ host }, context) => {
        await context.fence();
        const { isolated, tag } = await client.isolate(host, isolationTag(context), context.signal);
        if (!isolated) throw new CordonError('not_verified', `${host.name} is not isolated after the call`);
        return { status: 'done', output: { host, ...tokenOf(tag) } };
      },
      output: ({ host }, _first, now) => ({ host, ...tokenOf(now.state['tag']) }),
    },

    'endpoint.release_host': {
      permissions: AGENT,
      probe: async ({ host }, { signal }) => {
        const { isolated, tag } = await client.status(host, signal);
        return { inForce: !isolated, state: { isolated, tag } };
      },
      act: async ({ host, token }, context) => {
        await context.fence();
        const { isolated } = await client.release(host, token, context.signal);
        if (isolated) throw new CordonError('not_verified', `${host.name} is still isolated after the call`);
        return { status: 'done', output: { host } };
      },
      output: ({ host }) => ({ host }),
    },

    'endpoint.quarantine_file': {
      permissions: AGENT,
      probe: async ({ host, path, sha256 }, { signal }) => {
        const { present, stored, newest } = await client.fileStatus(host, path, signal);
        const hash = sha256 ?? newest;
        return {
          inForce: present === null && hash !== null && stored.includes(hash),
          state: { present, sha256: hash },
        };
      },
      act: async ({ host, path, sha256 }, context) => {
        await context.fence();
        const { present, newest } = await client.quarantine(host, path, sha256, context.signal);
        const hash = sha256 ?? newest;
        if (present !== null || hash === null) {
          throw new CordonError('not_verified', `${path} on ${host.name} is still there after the call`);
        }
        return { status: 'done', output: { host, path, sha256: hash } };
      },
      output: ({ host, path }, _first, now) => ({ host, path, sha256: Sha256.parse(now.state['sha256']) }),
    },

    'endpoint.restore_file': {
      permissions: AGENT,
      probe: async ({ host, path, sha256 }, { signal }) => {
        const { present, stored } = await client.fileStatus(host, path, signal);
        return { inForce: present === sha256 && !stored.includes(sha256), state: { present } };
      },
      act: async ({ host, path, sha256 }, context) => {
        await context.fence();
        const { present } = await client.restoreFile(host, path, sha256, context.signal);
        if (present !== sha256) {
          throw new CordonError('not_verified', `${path} on ${host.name} is not back after the call`);
        }
        return { status: 'done', output: { host, path, sha256 } };
      },
      output: ({ host, path, sha256 }) => ({ host, path, sha256 }),
    },

    'endpoint.collect_triage': {
      permissions: AGENT,
      act: async ({ host }, context) => {
        const { artefacts } = await client.triage(host, context.signal);
        const evidence = [];
        for (const { name, sha256, data } of artefacts) {
          const bytes = Buffer.from(data, 'base64');
          // What is put into custody is what the host hashed when it took it.
          if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
            throw new CordonError('unexpected_reply', `${name} of ${host.name} is not what the host hashed`);
          }
          const mediaType = name.endsWith('.tsv') ? 'text/tab-separated-values' : 'text/plain';
          evidence.push(await context.putEvidence({ name: `${host.name}/${name}`, mediaType, bytes }));
        }
        return { status: 'done', output: { host, evidence } };
      },
    },
  };
}

/** Asks every host for its state, ten at a time; names those that do not answer. */
async function checkHosts(client: LinuxHostClient, signal: AbortSignal): Promise<Health> {
  const names = client.hostNames;
  const failures: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let name = names[next++]; name !== undefined; name = names[next++]) {
      try {
        const { management } = await client.status({ name }, signal);
        if (management === '') failures.push(`${name}: MANAGEMENT is not set, isolation would be refused`);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(10, names.length) }, worker));
  if (failures.length > 0) return { ok: false, detail: failures.sort().join('; ') };
  return { ok: true, detail: `${names.length} host(s) answer` };
}

/** Linux hosts over SSH: network isolation by nftables, file quarantine, triage. */
export default defineIntegration({
  id: 'linux_host',
  title: 'Linux host (SSH and nftables)',
  docs: 'https://wiki.nftables.org/wiki-nftables/index.php/Main_Page',
  simulated: false,
  config: LinuxHostConfig,
  actions: [
    'endpoint.isolate_host',
    'endpoint.release_host',
    'endpoint.quarantine_file',
    'endpoint.restore_file',
    'endpoint.collect_triage',
  ],
  connect: (config) => {
    const client = new LinuxHostClient(config);
    return {
      handlers: createHandlers(client),
      check: (signal) => checkHosts(client, signal),
      close: () => Promise.resolve(),
    };
  },
});
