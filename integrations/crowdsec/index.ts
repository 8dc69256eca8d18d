import { defineIntegration, type CallContext } from '../../contracts/integration';
import { CrowdsecClient, type Ban } from './client';
import { Poller } from './poll';
import { CrowdsecConfig } from './schemas';

const MACHINE = 'a machine account (cscli machines add)';

/** Bans addresses by decisions of a CrowdSec local API, and reads its alerts. */
export default defineIntegration({
  id: 'crowdsec',
  title: 'CrowdSec',
  docs: 'https://crowdsecurity.github.io/api_doc/lapi/',
  simulated: false,
  config: CrowdsecConfig,
  actions: ['network.block_ip', 'network.unblock_ip'],
  connect(config, tools) {
    const client = new CrowdsecClient(config);
    const poller = new Poller(client, config, tools);
    /** The bans that an undo is about: the one its token names, else all of ours. */
    const meant = (ip: string, token: string | undefined, context: CallContext): Promise<Ban[]> =>
      token === undefined || !/^\d{1,15}$/.test(token)
        ? client.bansOf(ip, context.signal)
        : client.banBy(Number(token), ip, context.signal);
    return {
      handlers: {
        'network.block_ip': {
          permissions: [MACHINE],
          async probe({ ip }, { signal }) {
            const [ban] = await client.bansOf(ip, signal);
            return {
              inForce: ban !== undefined,
              state: { alert: ban?.alert ?? null, decision: ban?.decision ?? null },
            };
          },
          async act({ ip }, context) {
            // Looked up again: an attempt whose reply was lost must not end as two bans, of which the undo knows one.
            const [ban] = await client.bansOf(ip, context.signal);
            const alert = ban?.alert ?? (await client.ban(ip, context));
            return { status: 'done', output: { ip, token: String(alert) } };
          },
          output({ ip }, _first, now) {
            const alert = now.state['alert'];
            return { ip, ...(typeof alert === 'number' ? { token: String(alert) } : {}) };
          },
          inForce: async ({ signal }) => (await client.banned(signal)).map((ip) => ({ ip })),
        },
        'network.unblock_ip': {
          permissions: [MACHINE],
          async probe({ ip, token }, context) {
            const bans = await meant(ip, token, context);
            return { inForce: bans.length === 0, state: { bans: bans.length } };
          },
          async act({ ip, token }, context) {
            for (const { decision } of await meant(ip, token, context))
              await client.lift(ip, decision, context);
            return { status: 'done', output: { ip } };
          },
          output: ({ ip }) => ({ ip }),
        },
      },
      async check(signal) {
        await client.check(signal);
        return { ok: true, detail: `the local API answers, logged in as ${config.machineId}` };
      },
      poll: (cursor, signal) => poller.poll(cursor, signal),
      close: () => client.close(),
    };
  },
});
