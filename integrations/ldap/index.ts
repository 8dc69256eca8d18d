import {
  defineIntegration,
  type CallContext,
  type Connection,
  type Probe,
} from '../../contracts/integration';
import type { AccountRef } from '../../contracts/values';
import { Accounts, FLAVOURS } from './accounts';
import { LdapDirectory, type Directory } from './client';
import { LdapConfig } from './schemas';

const withToken = (account: AccountRef, value: unknown) => ({
  account,
  ...(typeof value === 'string' ? { token: value } : {}),
});

/** A connection over any directory port. */
export function connectDirectory(directory: Directory, config: LdapConfig): Connection {
  const accounts = new Accounts(directory, FLAVOURS[config.flavour]);
  const read = async (account: AccountRef, context: CallContext, disabled: boolean): Promise<Probe> => {
    const found = await accounts.find(account, context.signal);
    return { inForce: found.disabled === disabled, state: { dn: found.dn, value: found.value } };
  };
  const attribute = FLAVOURS[config.flavour].attribute;
  const permissions = [`read accounts below ${config.searchBase}`, `write ${attribute}`];
  return {
    handlers: {
      'identity.disable_account': {
        permissions,
        probe: ({ account }, context) => read(account, context, true),
        async act({ account }, context, first) {
          const before = await accounts.set(account, true, context);
          const value = first === undefined ? before.value : first.state['value'];
          return { status: 'done', output: withToken(account, value) };
        },
        output: ({ account }, first) => withToken(account, first.state['value']),
      },
      'identity.enable_account': {
        permissions,
        probe: ({ account }, context) => read(account, context, false),
        async act({ account }, context) {
          await accounts.set(account, false, context);
          return { status: 'done', output: { account } };
        },
        output: ({ account }) => ({ account }),
      },
    },
    async check(signal) {
      await directory.check(signal);
      return { ok: true, detail: `bound to ${config.url}; ${config.searchBase} can be read` };
    },
    close: () => Promise.resolve(),
  };
}

/** Disables and enables accounts in Active Directory or OpenLDAP. */
export default defineIntegration({
  id: 'ldap',
  title: 'Directory (LDAP)',
  docs: 'https://learn.microsoft.com/en-us/troubleshoot/windows-server/active-directory/useraccountcontrol-manipulate-account-properties',
  simulated: false,
  config: LdapConfig,
  actions: ['identity.disable_account', 'identity.enable_account'],
  connect: (config) => connectDirectory(new LdapDirectory(config), config),
});
