import { defineIntegration } from '../../contracts/integration';
import { BlocklistClient } from './client';
import { BlocklistConfig } from './schemas';

/** Publishes blocked addresses as a list that firewalls fetch by themselves. */
export default defineIntegration({
  id: 'blocklist',
  title: 'Published block list',
  docs: 'https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-admin/policy/use-an-external-dynamic-list-in-policy',
  simulated: false,
  config: BlocklistConfig,
  actions: ['network.block_ip', 'network.unblock_ip'],
  connect(config, tools) {
    const client = new BlocklistClient(tools.blocklist, config);
    return {
      handlers: {
        'network.block_ip': {
          permissions: ['none: the list is kept by Cordon'],
          async probe({ ip }, context) {
            const entry = await client.find(ip, context);
            return { inForce: entry !== null, state: { expiresAt: entry?.expiresAt ?? null } };
          },
          async act({ ip }, context) {
            await client.put(ip, context);
            return { status: 'done', output: { ip } };
          },
          output: ({ ip }) => ({ ip }),
          inForce: async (context) => (await client.addresses(context)).map((ip) => ({ ip })),
        },
        'network.unblock_ip': {
          permissions: ['none: the list is kept by Cordon'],
          async probe({ ip }, context) {
            return { inForce: (await client.find(ip, context)) === null, state: {} };
          },
          async act({ ip }, context) {
            await client.remove(ip, context);
            return { status: 'done', output: { ip } };
          },
          output: ({ ip }) => ({ ip }),
        },
      },
      async check() {
        await tools.blocklist.get(config.list, '192.0.2.0');
        return { ok: true, detail: `list ${config.list} can be read` };
      },
      close: () => Promise.resolve(),
    };
  },
});
