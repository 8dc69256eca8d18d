import { z } from 'zod';
import { JsonObject } from '../values';
import { CONTAINS, defineAction, Evidence, READS, TAKES_BACK, Token } from './define';
import { OnAccount, onAccount } from './on';

const Disabled = OnAccount.extend({
  /** What the directory held before, as far as the undo needs it (compare-and-set on the old value). */
  token: Token.optional(),
});

const Names = z.array(z.string().min(1).max(900)).max(500);
const Reduced = OnAccount.extend({
  /** Groups and roles that it no longer has. */
  removed: Names,
  token: Token.optional(),
});
/** A rule of a mailbox as its product describes it: the restoring needs all of it, and it is small. */
const InboxRule = z.object({
  id: z.string().min(1).max(500),
  name: z.string().max(500),
  /** It sends mail out of the organisation, deletes it, or hides it from its owner. */
  suspicious: z.boolean(),
  definition: JsonObject,
});
const Rules = z.array(InboxRule).max(256);
const RulesRemoved = OnAccount.extend({ rules: Rules, token: Token.optional() });

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
  'identity.reset_password': defineAction({
    id: 'identity.reset_password',
    title: 'Reset password',
    category: 'eradicate',
    readOnly: false,
    impact: 'high',
    inverse: null,
    // To a random one that nobody is told; the owner chooses the next at the service desk. A second random one does no harm.
    delivery: 'at_least_once',
    input: OnAccount,
    output: OnAccount,
    target: onAccount,
    d3fend: ['D3-PR', 'D3-CRO'],
    react: ['RA_4601'],
    openc2: 'set x-account',
    cacao: 'eliminate-risk',
    ocsf: { class_uid: 7001, activity_id: 2 },
  }),
  'identity.require_mfa_registration': defineAction({
    id: 'identity.require_mfa_registration',
    title: 'Require new MFA registration',
    category: 'eradicate',
    readOnly: false,
    impact: 'high',
    inverse: null,
    delivery: 'probe',
    input: OnAccount,
    output: OnAccount.extend({
      /** Second factors that were removed, the attacker's among them. */
      removed: Names,
    }),
    target: onAccount,
    d3fend: ['D3-MFA', 'D3-CRO'],
    react: ['RA_4601'],
    openc2: 'set x-account',
    cacao: 'configure-systems',
    ocsf: { class_uid: 7001, activity_id: 4 },
  }),
  'identity.reduce_privileges': defineAction({
    ...CONTAINS,
    id: 'identity.reduce_privileges',
    title: 'Take privileges away',
    impact: 'high',
    inverse: 'identity.restore_privileges',
    input: OnAccount,
    output: Reduced,
    target: onAccount,
    d3fend: ['D3-UAP'],
    react: ['RA_3601'],
    openc2: 'deny x-account',
    ocsf: { class_uid: 7001, activity_id: 1 },
  }),
  'identity.restore_privileges': defineAction({
    ...TAKES_BACK,
    id: 'identity.restore_privileges',
    title: 'Give privileges back',
    impact: 'high',
    input: Reduced,
    output: OnAccount,
    target: onAccount,
    d3fend: ['D3-RUAA'],
    react: ['RA_5601'],
    openc2: 'allow x-account',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
  'identity.revoke_oauth_grants': defineAction({
    id: 'identity.revoke_oauth_grants',
    title: 'Revoke OAuth grants',
    category: 'eradicate',
    readOnly: false,
    impact: 'low',
    inverse: null,
    // A grant given after the first call is not wanted either: a repeat does no harm.
    delivery: 'at_least_once',
    input: OnAccount,
    output: OnAccount.extend({
      /** The applications that lost their grant. */
      applications: Names,
    }),
    target: onAccount,
    d3fend: ['D3-CR'],
    react: ['RA_4601'],
    openc2: 'delete x-grant',
    cacao: 'eliminate-risk',
    ocsf: { class_uid: 7001, activity_id: 2 },
  }),
  'identity.export_inbox_rules': defineAction({
    ...READS,
    id: 'identity.export_inbox_rules',
    title: 'Export inbox rules',
    input: OnAccount,
    output: OnAccount.extend({ rules: Rules, evidence: Evidence }),
    target: onAccount,
    openc2: 'copy x-mailbox-rule',
    cacao: 'analyze-collected-data',
  }),
  'identity.remove_inbox_rules': defineAction({
    id: 'identity.remove_inbox_rules',
    title: 'Remove suspicious inbox rules',
    category: 'eradicate',
    readOnly: false,
    impact: 'low',
    inverse: 'identity.restore_inbox_rules',
    delivery: 'probe',
    input: OnAccount.extend({
      /** Ids of the rules; every suspicious one when left out. */
      only: z.array(z.string().min(1).max(500)).max(256).optional(),
    }),
    output: RulesRemoved,
    target: onAccount,
    react: ['RA_4601'],
    openc2: 'delete x-mailbox-rule',
    cacao: 'eliminate-risk',
    ocsf: { class_uid: 7001, activity_id: 2 },
  }),
  'identity.restore_inbox_rules': defineAction({
    ...TAKES_BACK,
    id: 'identity.restore_inbox_rules',
    title: 'Put inbox rules back',
    impact: 'low',
    input: RulesRemoved,
    output: OnAccount,
    target: onAccount,
    openc2: 'restore x-mailbox-rule',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
} as const;
