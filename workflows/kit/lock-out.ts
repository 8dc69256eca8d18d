import { identity, ticket, type ActionCall } from '../../contracts/actions';
import type { AccountRef } from '../../contracts/values';

/** Whose mailbox an address is. */
export const ownerOf = (address: string): AccountRef => ({ name: address, upn: address });

/**
 * Takes an account from whoever has its password. Sessions and password together: one that outlives the other lets the attacker back
 * in. The owner is called by phone, because their mail may be read.
 */
export const lockOut = (account: AccountRef): ActionCall[] => [
  identity.revokeSessions({ account }),
  identity.resetPassword({ account }),
  ticket.open({
    title: `Call ${account.upn ?? account.name}`.slice(0, 300),
    text: 'The password was reset and all sessions ended. Call by phone, never by mail, and hand over a new password after a check of who it is.',
  }),
];
