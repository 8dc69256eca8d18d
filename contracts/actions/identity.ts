import { z } from 'zod';
import { accountKey, accountName } from '../assets';
import { AccountRef, type Target } from '../values';
import { defineAction } from './define';

const onAccount = ({ account }: { account: AccountRef }): Target => ({
  kind: 'account',
  key: accountKey(account),
  label:
    account.upn === undefined || accountName(account.upn) === accountName(account.name)
      ? (account.upn ?? account.name)
      : `${account.name} (${account.upn})`,
});

const OnAccount = z.object({ account: AccountRef });
const Disabled = OnAccount.extend({
  /** What the directory held before, as far as the undo needs it (compare-and-set on the old value). */
  token: z.string().max(4096).optional(),
});

export const identityActions = {
  'identity.disable_account': defineAction({
    id: 'identity.disable_account',
    title: 'Disable account',
    category: 'contain',
    readOnly: false,
    impact: 'high',
    inverse: 'identity.enable_account',
    delivery: 'probe',
    input: OnAccount,
    output: Disabled,
    target: onAccount,
    d3fend: ['D3-AL'],
    react: ['RA_3601'],
    openc2: 'deny x-account',
    cacao: 'restrict-access',
    ocsf: { class_uid: 7001, activity_id: 1 },
  }),
  'identity.enable_account': defineAction({
    id: 'identity.enable_account',
    title: 'Enable account',
    category: 'recover',
    readOnly: false,
    impact: 'low',
    inverse: null,
    delivery: 'probe',
    input: Disabled,
    output: OnAccount,
    target: onAccount,
    d3fend: ['D3-ULA', 'D3-RUAA'],
    react: ['RA_5601'],
    openc2: 'allow x-account',
    cacao: 'restore-capabilities',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
  'identity.revoke_sessions': defineAction({
    id: 'identity.revoke_sessions',
    title: 'Revoke sessions',
    category: 'contain',
    readOnly: false,
    impact: 'low',
    inverse: null,
    // Sessions opened after the first call are not wanted back either: a repeat does no harm.
    delivery: 'at_least_once',
    input: OnAccount,
    output: OnAccount.extend({ revoked: z.number().int().nonnegative().optional() }),
    target: onAccount,
    d3fend: ['D3-ANCI', 'D3-ST'],
    react: ['RA_4601'],
    openc2: 'deny x-session',
    cacao: 'restrict-access',
    ocsf: { class_uid: 7001, activity_id: 2 },
  }),
} as const;
