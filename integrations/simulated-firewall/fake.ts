import { randomUUID } from 'node:crypto';
import { startFakeServer, type FakeRoute, type FakeServer } from '../kit/fake-server';
import { HEALTH_PATH, requireToken } from '../kit/simulated';

export interface FirewallState {
  /** Rule id by blocked address. */
  blocked: Record<string, { ruleId: string; comment: string }>;
}

const stateOf = (ip: string, state: FirewallState) => ({
  status: 200,
  body: { ip, rule_id: state.blocked[ip]?.ruleId ?? null },
});

const routes: readonly FakeRoute<FirewallState>[] = [
  ['GET', HEALTH_PATH, () => ({ status: 200, body: { product: 'firewall' } })],
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
];

/** Starts the simulated firewall on loopback. */
export function startFakeFirewall(
  options: { port?: number; seed?: FirewallState; stateFile?: string } = {},
): Promise<FakeServer<FirewallState>> {
  const { port, seed = { blocked: {} }, stateFile } = options;
  return startFakeServer({ port, seed, stateFile, routes, guard: requireToken });
}
