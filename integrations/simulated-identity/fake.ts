import { randomUUID } from 'node:crypto';
import { startFakeServer, type FakeReply, type FakeRoute, type FakeServer } from '../kit/fake-server';
import { accountName } from '../../contracts/assets';
import type { JsonObject } from '../../contracts/values';
import {
  artefact,
  emptyProduct,
  productRoutes,
  productTick,
  type Behaviour,
  type ProductState,
} from '../kit/fake-product';
import { requireToken } from '../kit/simulated';
import type { User } from './schemas';

/** A rule of a mailbox. */
export interface InboxRule {
  id: string;
  name: string;
  suspicious: boolean;
  definition: JsonObject;
}

/** What an account has beside its password, by its name without a domain. */
export interface Holdings {
  groups: string[];
  factors: string[];
  grants: string[];
  rules: InboxRule[];
}

export interface IdentityState extends ProductState {
  /** Unknown logins get an account when they are first looked for; for demos whose alerts name anybody. */
  enrolUnknown: boolean;
  users: User[];
  holdings: Record<string, Partial<Holdings>>;
}

/** An account as a directory holds it before anything has happened. */
export function newUser(login: string, sessions = 2): User {
  return { id: `usr-${randomUUID()}`, login, enabled: true, lock_id: null, sessions };
}

type Change = (user: User, body: Record<string, unknown>, applied: () => void) => FakeReply | undefined;

const change = (action: string, apply: Change): FakeRoute<IdentityState> => [
  'POST',
  `/api/v1/users/:id/${action}`,
  ({ params, body }, state, tools) => {
    const user = state.users.find(({ id }) => id === params['id']);
    if (user === undefined) return { status: 404, body: { error: 'no such user' } };
    tools.requested(action, user.login);
    return apply(user, body, () => tools.applied(action, user.login)) ?? { status: 200, body: user };
  },
];

const of = <K extends keyof Holdings>(state: IdentityState, name: string, what: K): Holdings[K] =>
  state.holdings[name]?.[what] ?? [];
const keep = (state: IdentityState, name: string, holdings: Partial<Holdings>): void => {
  state.holdings[name] = { ...state.holdings[name], ...holdings };
};

/** What an account has, what is taken from it, and what comes back. */
const BEHAVIOUR: Behaviour<IdentityState> = {
  product: 'identity provider',
  knows: (state, name) => state.enrolUnknown || state.users.some(({ login }) => accountName(login) === name),
  effects: {
    require_mfa_registration(state, name) {
      const removed = of(state, name, 'factors');
      keep(state, name, { factors: [] });
      return { removed };
    },
    reduce_privileges(state, name) {
      const removed = of(state, name, 'groups');
      keep(state, name, { groups: [] });
      return { removed };
    },
    remove_inbox_rules(state, name, { only }) {
      const isMeant = ({ id, suspicious }: InboxRule): boolean =>
        Array.isArray(only) ? only.includes(id) : suspicious;
      const rules = of(state, name, 'rules');
      keep(state, name, { rules: rules.filter((rule) => !isMeant(rule)) });
      return { rules: rules.filter(isMeant).map((rule) => ({ ...rule })) };
    },
  },
  ended(state, verb, name, { detail }) {
    const back = detail as { removed?: string[]; rules?: InboxRule[] };
    if (verb === 'reduce_privileges') keep(state, name, { groups: back.removed ?? [] });
    if (verb === 'remove_inbox_rules')
      keep(state, name, { rules: [...of(state, name, 'rules'), ...(back.rules ?? [])] });
  },
  jobs: {
    reset_password: () => ({}),
    revoke_oauth_grants(state, name) {
      const applications = of(state, name, 'grants');
      keep(state, name, { grants: [] });
      return { applications };
    },
    export_inbox_rules(state, name) {
      const rules = of(state, name, 'rules').map((rule) => ({ ...rule }));
      return { rules, artefacts: [artefact(`${name}-inbox-rules.json`, { name, rules })] };
    },
  },
};

const routes: readonly FakeRoute<IdentityState>[] = [
  [
    'GET',
    '/api/v1/users',
    ({ query }, state) => {
      if (query.get('enabled') === 'false')
        return { status: 200, body: { users: state.users.filter(({ enabled }) => !enabled) } };
      const login = (query.get('login') ?? '').toLowerCase();
      const found = state.users.filter((user) => user.login.toLowerCase() === login);
      if (found.length > 0 || !state.enrolUnknown || login === '') {
        return { status: 200, body: { users: found } };
      }
      const user = newUser(login);
      state.users.push(user);
      return { status: 200, body: { users: [user] } };
    },
  ],
  change('disable', (user, _body, applied) => {
    if (!user.enabled) return undefined;
    user.enabled = false;
    user.lock_id = `lock-${randomUUID()}`;
    applied();
    return undefined;
  }),
  change('enable', (user, body, applied) => {
    if (user.enabled) return undefined;
    if (body['lock_id'] !== undefined && body['lock_id'] !== user.lock_id) {
      return { status: 409, body: { error: 'disabled by somebody else since' } };
    }
    user.enabled = true;
    user.lock_id = null;
    applied();
    return undefined;
  }),
  change('revoke-sessions', (user, _body, applied) => {
    const revoked = user.sessions;
    user.sessions = 0;
    if (revoked > 0) applied();
    return { status: 200, body: { revoked } };
  }),
  ...productRoutes(BEHAVIOUR),
];

/** Starts the simulated identity provider on loopback. */
export function startFakeIdentity(
  options: { port?: number; seed?: Partial<IdentityState>; stateFile?: string } = {},
): Promise<FakeServer<IdentityState>> {
  const { port, seed, stateFile } = options;
  return startFakeServer({
    port,
    seed: { ...emptyProduct(), enrolUnknown: false, users: [], holdings: {}, ...seed },
    stateFile,
    routes,
    guard: requireToken,
    tick: productTick(BEHAVIOUR),
  });
}
