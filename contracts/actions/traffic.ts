import { z } from 'zod';
import { IpAddress } from '../values';
import { CONTAINS, defineAction, READS, TAKES_BACK, Token } from './define';
import { OnHost, onHost } from './on';

const Limited = OnHost.extend({
  /** Requests that one client may make in a second. */
  perSecond: z.number().int().positive(),
  token: Token.optional(),
});
const Redirected = OnHost.extend({
  /** What the traffic passes now. */
  through: z.string().min(1).max(255),
  token: Token.optional(),
});
const Rates = z.object({
  bitsPerSecond: z.number().nonnegative(),
  packetsPerSecond: z.number().nonnegative(),
  requestsPerSecond: z.number().nonnegative(),
});

/** Traffic towards a service. What is under attack is a host, by its name and addresses. */
export const trafficActions = {
  'network.measure_traffic': defineAction({
    ...READS,
    id: 'network.measure_traffic',
    title: 'Measure traffic to a host',
    category: 'detect',
    input: OnHost,
    output: OnHost.extend({
      /** What the flood exhausts: the line, the state of the stack, or the service itself. None: traffic is as it always is. */
      attack: z.enum(['volumetric', 'protocol', 'application', 'none']),
      current: Rates,
      baseline: Rates,
      /** Addresses that send most of it. They may be forged. */
      sources: z.array(IpAddress).max(1000),
    }),
    target: onHost,
    d3fend: ['D3-NTA', 'D3-ISVA'],
    openc2: 'query ipv4_connection',
    cacao: 'analyze-collected-data',
    ocsf: { class_uid: 7004, activity_id: 5 },
  }),
  'network.rate_limit': defineAction({
    ...CONTAINS,
    id: 'network.rate_limit',
    title: 'Limit the rate of requests to a host',
    impact: 'low',
    inverse: 'network.lift_rate_limit',
    input: OnHost.extend({ perSecond: z.number().int().positive().max(1_000_000).default(100) }),
    output: Limited,
    target: onHost,
    d3fend: ['D3-ITF'],
    openc2: 'set ipv4_connection',
    ocsf: { class_uid: 7004, activity_id: 1 },
  }),
  'network.lift_rate_limit': defineAction({
    ...TAKES_BACK,
    id: 'network.lift_rate_limit',
    title: 'Lift the limit of requests to a host',
    impact: 'low',
    input: Limited,
    output: OnHost,
    target: onHost,
    d3fend: ['D3-RNA'],
    openc2: 'set ipv4_connection',
    ocsf: { class_uid: 7004, activity_id: 3 },
  }),
  'network.redirect_traffic': defineAction({
    ...CONTAINS,
    id: 'network.redirect_traffic',
    title: 'Send traffic to a host through scrubbing',
    impact: 'high',
    inverse: 'network.restore_traffic',
    input: OnHost,
    output: Redirected,
    target: onHost,
    d3fend: ['D3-ITF', 'D3-NTF'],
    openc2: 'redirect ipv4_connection',
    ocsf: { class_uid: 7004, activity_id: 1 },
  }),
  'network.restore_traffic': defineAction({
    ...TAKES_BACK,
    id: 'network.restore_traffic',
    title: 'Send traffic to a host directly again',
    impact: 'low',
    input: Redirected,
    output: OnHost,
    target: onHost,
    d3fend: ['D3-RNA'],
    openc2: 'redirect ipv4_connection',
    ocsf: { class_uid: 7004, activity_id: 3 },
  }),
} as const;
