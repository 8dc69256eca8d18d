import { randomUUID } from 'node:crypto';
import { startFakeServer, type FakeRoute, type FakeServer } from '../kit/fake-server';
import {
  emptyProduct,
  isInForce,
  productRoutes,
  productTick,
  type Behaviour,
  type ProductState,
} from '../kit/fake-product';
import { requireToken } from '../kit/simulated';

/** What reaches a host in a second. */
export interface Rates {
  bitsPerSecond: number;
  packetsPerSecond: number;
  requestsPerSecond: number;
}

/** A flood towards a host. */
export interface Flood {
  attack: 'volumetric' | 'protocol' | 'application';
  current: Rates;
  sources: string[];
}

export interface FirewallState extends ProductState {
  /** Rule id by blocked address. */
  blocked: Record<string, { ruleId: string; comment: string }>;
  /** Segment by host; `office` where it is not said. */
  segments: Record<string, string>;
  floods: Record<string, Flood>;
}

const BASELINE: Rates = { bitsPerSecond: 40_000_000, packetsPerSecond: 5_000, requestsPerSecond: 120 };

/** A limit of requests stops a flood of requests only; what is scrubbed arrives clean. */
const isStopped = (state: FirewallState, host: string, { attack }: Flood): boolean =>
  isInForce(state, 'redirect_traffic', host) ||
  (attack === 'application' && isInForce(state, 'rate_limit', host));

const BEHAVIOUR: Behaviour<FirewallState> = {
  product: 'firewall',
  effects: {
    block_domain: () => ({}),
    block_url: () => ({}),
    segment_host(state, host) {
      const from = state.segments[host] ?? 'office';
      state.segments[host] = 'quarantine';
      return { from };
    },
    rate_limit: () => ({}),
    redirect_traffic: () => ({ through: 'scrubbing-1' }),
  },
  ended(state, verb, host, { detail }) {
    const { from } = detail;
    if (verb === 'segment_host' && typeof from === 'string') state.segments[host] = from;
  },
  jobs: {
    measure_traffic(state, host) {
      const flood = state.floods[host];
      const isCalm = flood === undefined || isStopped(state, host, flood);
      return {
        attack: isCalm ? 'none' : flood.attack,
        current: { ...(isCalm ? BASELINE : flood.current) },
        baseline: { ...BASELINE },
        sources: isCalm ? [] : flood.sources,
      };
    },
  },
};

const stateOf = (ip: string, state: FirewallState) => ({
  status: 200,
  body: { ip, rule_id: state.blocked[ip]?.ruleId ?? null },
});

const routes: readonly FakeRoute<FirewallState>[] = [
  [
    'GET',
    '/api/v1/blocks',
    (_request, { blocked }) => ({
      status: 200,
      body: { blocks: Object.entries(blocked).map(([ip, { ruleId }]) => ({ ip, rule_id: ruleId })) },
    }),
  ],
  ['GET', '/api/v1/blocks/:ip', ({ params }, state) => stateOf(params['ip'] ?? '', state)],
  [
    'PUT',
    '/api/v1/blocks/:ip',
    ({ params, body }, state, tools) => {
      const ip = params['ip'] ?? '';
      tools.requested('block', ip);
      if (state.blocked[ip] === undefined) {
        state.blocked[ip] = { ruleId: `rule-${randomUUID()}`, comment: String(body['comment']) };
        tools.applied('block', ip);
      }
      return stateOf(ip, state);
    },
  ],
  [
    'DELETE',
    '/api/v1/blocks/:ip',
    ({ params, query }, state, tools) => {
      const ip = params['ip'] ?? '';
      const rule = query.get('rule_id');
      const found = state.blocked[ip];
      tools.requested('unblock', ip);
      if (found === undefined) return stateOf(ip, state);
      if (rule !== null && rule !== found.ruleId)
        return { status: 409, body: { error: 'blocked by another rule' } };
      Reflect.deleteProperty(state.blocked, ip);
      tools.applied('unblock', ip);
      return stateOf(ip, state);
    },
  ],
  ...productRoutes(BEHAVIOUR),
];

/** Starts the simulated firewall on loopback. */
export function startFakeFirewall(
  options: { port?: number; seed?: Partial<FirewallState>; stateFile?: string } = {},
): Promise<FakeServer<FirewallState>> {
  const { port, stateFile } = options;
  const seed = { ...emptyProduct(), blocked: {}, segments: {}, floods: {}, ...options.seed };
  return startFakeServer<FirewallState>({
    port,
    seed,
    stateFile,
    routes,
    guard: requireToken,
    tick: productTick(BEHAVIOUR),
  });
}
