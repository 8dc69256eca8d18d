import type { ActionId } from '../../contracts/actions';
import { defineIntegration, type CallContext, type Probe } from '../../contracts/integration';
import { SimulatedConfig, simulatedClient, simulatedHealth } from '../kit/simulated';
import { productHandlers } from '../kit/simulated-product';
import { FirewallClient } from './client';

/** What it does in the shape that simulated products have in common. */
const COMMON: readonly ActionId[] = [
  'network.block_domain',
  'network.unblock_domain',
  'network.block_url',
  'network.unblock_url',
  'network.segment_host',
  'network.unsegment_host',
  'network.measure_traffic',
  'network.rate_limit',
  'network.lift_rate_limit',
  'network.redirect_traffic',
  'network.restore_traffic',
];

/** Blocks addresses, domains and traffic at a firewall that is only pretended. */
export default defineIntegration({
  id: 'simulated_firewall',
  title: 'Simulated firewall',
  docs: 'https://d3fend.mitre.org/technique/d3f:InboundTrafficFiltering/',
  simulated: true,
  config: SimulatedConfig,
  actions: ['network.block_ip', 'network.unblock_ip', ...COMMON],
  connect(config) {
    const http = simulatedClient(config, 'simulated firewall');
    const client = new FirewallClient(http);
    const read = async (ip: string, context: CallContext, wanted: 'blocked' | 'open'): Promise<Probe> => {
      const { rule_id: ruleId } = await client.read(ip, context.signal);
      return { inForce: (ruleId !== null) === (wanted === 'blocked'), state: { ruleId } };
    };
    return {
      handlers: {
        ...productHandlers(http, 'simulated firewall', COMMON),
        'network.block_ip': {
          permissions: ['blocks:write'],
          probe: ({ ip }, context) => read(ip, context, 'blocked'),
          async act({ ip }, context) {
            await context.fence();
            const { rule_id: rule } = await client.block(ip, context.reason, context.signal);
            return { status: 'done', output: { ip, ...(rule === null ? {} : { token: rule }) } };
          },
          output({ ip }, _first, now) {
            const rule = now.state['ruleId'];
            return { ip, ...(typeof rule === 'string' ? { token: rule } : {}) };
          },
          inForce: async ({ signal }) => (await client.blocked(signal)).map((ip) => ({ ip })),
        },
        'network.unblock_ip': {
          permissions: ['blocks:write'],
          probe: ({ ip }, context) => read(ip, context, 'open'),
          async act({ ip, token }, context) {
            await context.fence();
            await client.unblock(ip, token, context.signal);
            return { status: 'done', output: { ip } };
          },
          output: ({ ip }) => ({ ip }),
        },
      },
      check: (signal) => simulatedHealth(http, signal),
      close: () => http.close(),
    };
  },
});
