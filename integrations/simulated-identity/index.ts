import type { ActionId } from '../../contracts/actions';
import { defineIntegration, type CallContext, type Probe } from '../../contracts/integration';
import type { AccountRef } from '../../contracts/values';
import { SimulatedConfig, simulatedClient, simulatedHealth } from '../kit/simulated';
import { productHandlers } from '../kit/simulated-product';
import { IdentityClient } from './client';

const withToken = (account: AccountRef, lockId: unknown) => ({
  account,
  ...(typeof lockId === 'string' ? { token: lockId } : {}),
});

/** What it does in the shape that simulated products have in common. */
const COMMON: readonly ActionId[] = [
  'identity.reset_password',
  'identity.require_mfa_registration',
  'identity.reduce_privileges',
  'identity.restore_privileges',
  'identity.revoke_oauth_grants',
  'identity.export_inbox_rules',
  'identity.remove_inbox_rules',
  'identity.restore_inbox_rules',
];

/** Disables accounts and ends sessions at an identity provider that is only pretended. */
export default defineIntegration({
  id: 'simulated_identity',
  title: 'Simulated identity provider',
  docs: 'https://d3fend.mitre.org/technique/d3f:AccountLocking/',
  simulated: true,
  config: SimulatedConfig,
  actions: ['identity.disable_account', 'identity.enable_account', 'identity.revoke_sessions', ...COMMON],
  connect(config) {
    const http = simulatedClient(config, 'simulated identity');
    const client = new IdentityClient(http);
    const read = async (account: AccountRef, context: CallContext, enabled: boolean): Promise<Probe> => {
      const user = await client.find(account, context.signal);
      return { inForce: user.enabled === enabled, state: { enabled: user.enabled, lockId: user.lock_id } };
    };
    return {
      handlers: {
        ...productHandlers(http, 'simulated identity', COMMON),
        'identity.disable_account': {
          permissions: ['users:read', 'users:write'],
          probe: ({ account }, context) => read(account, context, false),
          async act({ account }, context) {
            const user = await client.find(account, context.signal);
            await context.fence();
            const after = await client.disable(user, context.reason, context.signal);
            return { status: 'done', output: withToken(account, after.lock_id) };
          },
          output: ({ account }, _first, now) => withToken(account, now.state['lockId']),
          inForce: async ({ signal }) =>
            (await client.disabled(signal)).map(({ login }) => ({ account: { name: login } })),
        },
        'identity.enable_account': {
          permissions: ['users:read', 'users:write'],
          probe: ({ account }, context) => read(account, context, true),
          async act({ account, token }, context) {
            const user = await client.find(account, context.signal);
            await context.fence();
            await client.enable(user, token, context.signal);
            return { status: 'done', output: { account } };
          },
          output: ({ account }) => ({ account }),
        },
        'identity.revoke_sessions': {
          permissions: ['users:read', 'sessions:write'],
          async act({ account }, context) {
            const user = await client.find(account, context.signal);
            await context.fence();
            const { revoked } = await client.revokeSessions(user, context.signal);
            return { status: 'done', output: { account, revoked } };
          },
        },
      },
      check: (signal) => simulatedHealth(http, signal),
      close: () => http.close(),
    };
  },
});
