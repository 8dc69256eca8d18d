import { randomUUID } from 'node:crypto';
import { startFakeServer, type FakeReply, type FakeRoute, type FakeServer } from '../kit/fake-server';

interface FakeDecision {
  id: number;
  origin: string;
  type: string;
  scope: string;
  value: string;
  scenario: string;
  untilMs: number;
  simulated?: boolean;
}

export interface FakeAlert {
  id: number;
  machine_id: string;
  created_at: string;
  scenario: string;
  source: { scope: string; value: string };
  decisions: FakeDecision[];
  /** What else the alert carries, as it was sent. */
  rest: object;
}

export interface LapiState {
  /** Password by machine. */
  machines: Record<string, string>;
  /** Machine by token; a restart of the product forgets them. */
  tokens: Record<string, string>;
  alerts: FakeAlert[];
  nextAlert: number;
  nextDecision: number;
  /** Addresses never to be banned; null: a version that knows no allowlists. */
  allowlist: string[] | null;
}

/** An alert as it is sent, with the fields that the fake looks at. */
interface Sent extends Pick<FakeAlert, 'scenario' | 'source'> {
  decisions?: (Omit<FakeDecision, 'id' | 'untilMs'> & { duration: string })[];
}

type Handler = FakeRoute<LapiState>[2];

const REQUIRED = [
  'scenario',
  'scenario_hash',
  'scenario_version',
  'message',
  'events_count',
  'start_at',
  'stop_at',
  'capacity',
  'leakspeed',
  'simulated',
  'events',
  'source',
];
const LIMIT = 100;

/** As Go writes it, rounded to seconds. */
function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${seconds < 0 ? '-' : ''}${String(Math.abs(seconds))}s`;
}

function shown({ rest, decisions, ...alert }: FakeAlert): object {
  const list = decisions.map(({ untilMs, ...decision }) => ({
    ...decision,
    duration: goDuration(untilMs - Date.now()),
  }));
  return { ...rest, ...alert, ...(list.length === 0 ? {} : { decisions: list }) };
}

const logIn: Handler = ({ body, headers }, state) => {
  const machine = String(body['machine_id']);
  const refused = { status: 401, body: { code: 401, message: 'incorrect Username or Password' } };
  if (state.machines[machine] !== body['password']) return refused;
  if (String(headers['user-agent']).split('/').length !== 2) return refused;
  const token = randomUUID();
  state.tokens[token] = machine;
  const expire = new Date(Date.now() + 3_600_000).toISOString();
  return { status: 200, body: { code: 200, expire, token } };
};

const findAlerts: Handler = ({ query }, state) => {
  const now = Date.now();
  const any = (alert: FakeAlert, test: (decision: FakeDecision) => boolean) => alert.decisions.some(test);
  const filters: Record<string, (value: string) => (alert: FakeAlert) => boolean> = {
    ip: (ip) => (alert) => any(alert, (one) => one.scope === 'Ip' && one.value === ip),
    has_active_decision: (wanted) => (alert) =>
      wanted === 'true' ? any(alert, (one) => one.untilMs >= now) : alert.decisions.length === 0,
    origin: (origin) => (alert) => any(alert, (one) => one.origin === origin),
    include_capi: (wanted) => (alert) =>
      wanted === 'true' || any(alert, (one) => one.origin === 'crowdsec' || one.origin === 'cscli'),
    limit: () => () => true,
  };
  // 1.4 never answers this when there are fewer.
  if (Number(query.get('limit')) > LIMIT) return { status: 500, body: { message: 'too many' } };
  let found = [...state.alerts];
  for (const [name, value] of query) {
    const filter = filters[name];
    if (filter === undefined) return { status: 500, body: { message: `'${name}' is unknown` } };
    found = found.filter(filter(value));
  }
  found.sort((a, b) => b.created_at.localeCompare(a.created_at) || b.id - a.id);
  const list = found.slice(0, Number(query.get('limit') ?? LIMIT)).map(shown);
  return { status: 200, body: list.length === 0 ? null : list };
};

const addAlerts: Handler = (request, state, tools) => {
  const machine = machineOf(request.headers, state) ?? '';
  const list = Object.values(request.body) as Record<string, unknown>[];
  for (const one of list) {
    const missing = REQUIRED.find((name) => one[name] === undefined);
    if (missing !== undefined) return { status: 500, body: { message: `${missing} in body is required` } };
  }
  const ids = list.map((one) => {
    const { scenario, source, decisions = [], ...rest } = one as unknown as Sent;
    const id = state.nextAlert++;
    const made = decisions.map(({ duration, ...decision }) => {
      tools.applied('ban', decision.value);
      return {
        ...decision,
        id: state.nextDecision++,
        untilMs: Date.now() + Number(/^(\d+)h$/.exec(duration)?.[1]) * 3_600_000,
      };
    });
    const at = `${new Date().toISOString().slice(0, 19)}Z`;
    state.alerts.push({ id, machine_id: machine, created_at: at, scenario, source, decisions: made, rest });
    return String(id);
  });
  return { status: 201, body: ids };
};

const endDecision: Handler = ({ params }, state, tools) => {
  const id = Number(params['id']);
  const decision = state.alerts.flatMap(({ decisions }) => decisions).find((one) => one.id === id);
  if (decision === undefined)
    return { status: 500, body: { message: `decision ${String(id)} doesn't exist` } };
  if (decision.untilMs > Date.now()) tools.applied('unban', decision.value);
  decision.untilMs = Date.now() - 1;
  return { status: 200, body: { nbDeleted: '1' } };
};

const routes: readonly FakeRoute<LapiState>[] = [
  ['POST', '/v1/watchers/login', logIn],
  ['GET', '/v1/alerts', findAlerts],
  ['POST', '/v1/alerts', addAlerts],
  [
    'GET',
    '/v1/alerts/:id',
    ({ params }, state) => {
      const found = state.alerts.find(({ id }) => id === Number(params['id']));
      return found === undefined
        ? { status: 404, body: { message: 'object not found' } }
        : { status: 200, body: shown(found) };
    },
  ],
  ['DELETE', '/v1/decisions/:id', endDecision],
  [
    'GET',
    '/v1/allowlists/check/:ip',
    ({ params }, { allowlist }) =>
      allowlist === null
        ? { status: 404 }
        : { status: 200, body: { allowlisted: allowlist.includes(params['ip'] ?? '') } },
  ],
];

function machineOf(headers: Record<string, unknown>, state: LapiState): string | undefined {
  const token = String(headers['authorization']).replace(/^Bearer /, '');
  return state.tokens[token];
}

/** Starts a stand-in for a CrowdSec local API on loopback; it knows one machine. */
export function startFakeLapi(machine: string, password: string): Promise<FakeServer<LapiState>> {
  const guard = (
    request: { path: string; headers: Record<string, unknown> },
    state: LapiState,
  ): FakeReply | undefined =>
    request.path === '/v1/watchers/login' || machineOf(request.headers, state) !== undefined
      ? undefined
      : { status: 401, body: { code: 401, message: 'cookie token is empty' } };
  const seed: LapiState = {
    machines: { [machine]: password },
    tokens: {},
    alerts: [],
    nextAlert: 1,
    nextDecision: 1,
    allowlist: [],
  };
  return startFakeServer({ seed, routes, guard });
}
