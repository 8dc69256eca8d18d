import { randomUUID } from 'node:crypto';
import { startFakeServer, type FakeReply, type FakeRoute, type FakeServer } from '../kit/fake-server';
import { HEALTH_PATH, requireToken } from '../kit/simulated';
import type { User } from './schemas';

export interface IdentityState {
  /** Unknown logins get an account when they are first looked for; for demos whose alerts name anybody. */
  enrolUnknown: boolean;
  users: User[];
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

const routes: readonly FakeRoute<IdentityState>[] = [
  ['GET', HEALTH_PATH, () => ({ status: 200, body: { product: 'identity provider' } })],
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
];

/** Starts the simulated identity provider on loopback. */
export function startFakeIdentity(
  options: { port?: number; seed?: Partial<IdentityState>; stateFile?: string } = {},
): Promise<FakeServer<IdentityState>> {
  const { port, seed, stateFile } = options;
  return startFakeServer({
    port,
    seed: { enrolUnknown: false, users: [], ...seed },
    stateFile,
    routes,
    guard: requireToken,
  });
}
