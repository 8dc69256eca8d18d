import { z } from 'zod';
import { IpAddress } from '../values';
import { CONTAINS, defineAction, Evidence, READS, TAKES_BACK, Token } from './define';
import { OnBucket, onBucket, OnKey, onKey, OnPrincipal, onPrincipal } from './on';

const Deactivated = OnKey.extend({ token: Token.optional() });
const Denied = OnPrincipal.extend({ token: Token.optional() });
const Closed = OnBucket.extend({ token: Token.optional() });

export const cloudActions = {
  'cloud.deactivate_key': defineAction({
    ...CONTAINS,
    id: 'cloud.deactivate_key',
    title: 'Deactivate cloud key',
    impact: 'high',
    inverse: 'cloud.activate_key',
    input: OnKey,
    output: Deactivated,
    target: onKey,
    d3fend: ['D3-CR', 'D3-CRO'],
    react: ['RA_4601'],
    openc2: 'deny x-credential',
    ocsf: { class_uid: 7001, activity_id: 1 },
  }),
  'cloud.activate_key': defineAction({
    ...TAKES_BACK,
    id: 'cloud.activate_key',
    title: 'Activate cloud key',
    impact: 'high',
    input: Deactivated,
    output: OnKey,
    target: onKey,
    d3fend: ['D3-RIC'],
    openc2: 'allow x-credential',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
  'cloud.deny_principal': defineAction({
    ...CONTAINS,
    id: 'cloud.deny_principal',
    title: 'Deny everything to a cloud principal',
    impact: 'high',
    inverse: 'cloud.lift_deny',
    input: OnPrincipal,
    output: Denied,
    target: onPrincipal,
    d3fend: ['D3-UAP'],
    react: ['RA_3601'],
    openc2: 'deny x-principal',
    ocsf: { class_uid: 7001, activity_id: 1 },
  }),
  'cloud.lift_deny': defineAction({
    ...TAKES_BACK,
    id: 'cloud.lift_deny',
    title: 'Lift the deny of a cloud principal',
    impact: 'high',
    input: Denied,
    output: OnPrincipal,
    target: onPrincipal,
    d3fend: ['D3-RUAA'],
    react: ['RA_5601'],
    openc2: 'allow x-principal',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
  'cloud.revoke_role_sessions': defineAction({
    id: 'cloud.revoke_role_sessions',
    title: 'Revoke sessions of a cloud principal',
    category: 'contain',
    readOnly: false,
    impact: 'low',
    inverse: null,
    // Each call ends what is older than itself: a repeat does no harm.
    delivery: 'at_least_once',
    input: OnPrincipal,
    output: OnPrincipal.extend({
      /** Sessions from before this moment are worth nothing. */
      before: z.iso.datetime({ offset: true }),
    }),
    target: onPrincipal,
    d3fend: ['D3-ANCI', 'D3-ST', 'D3-CR'],
    react: ['RA_4601'],
    openc2: 'deny x-session',
    cacao: 'restrict-access',
    ocsf: { class_uid: 7001, activity_id: 2 },
  }),
  'cloud.collect_trail': defineAction({
    ...READS,
    id: 'cloud.collect_trail',
    title: 'Collect what a cloud principal did',
    input: OnPrincipal.extend({ since: z.iso.datetime({ offset: true }).optional() }),
    output: OnPrincipal.extend({
      /** Calls in the trail since then. */
      events: z.number().int().nonnegative(),
      lastAt: z.iso.datetime({ offset: true }).nullable(),
      ips: z.array(IpAddress).max(1000),
      /** Principals that it made, or whose role it took on: where an intruder may go on. */
      principals: z.array(z.string().min(1).max(900)).max(1000),
      /** Ids of keys that it made. */
      keys: z.array(z.string().min(1).max(255)).max(1000),
      evidence: Evidence,
    }),
    target: onPrincipal,
    d3fend: ['D3-UBA'],
    openc2: 'query x-trail',
    cacao: 'analyze-collected-data',
  }),
  'cloud.block_public_access': defineAction({
    ...CONTAINS,
    id: 'cloud.block_public_access',
    title: 'Close a bucket to the public',
    impact: 'high',
    inverse: 'cloud.allow_public_access',
    input: OnBucket,
    output: Closed,
    target: onBucket,
    d3fend: ['D3-UAP'],
    openc2: 'deny x-bucket',
    ocsf: { class_uid: 7001, activity_id: 1 },
  }),
  'cloud.allow_public_access': defineAction({
    ...TAKES_BACK,
    id: 'cloud.allow_public_access',
    title: 'Open a bucket to the public again',
    impact: 'high',
    input: Closed,
    output: OnBucket,
    target: onBucket,
    openc2: 'allow x-bucket',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
} as const;
