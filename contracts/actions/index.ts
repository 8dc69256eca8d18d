import { z } from 'zod';
import type { Target } from '../values';
import type { ActionSpec } from './define';
import { cloudActions } from './cloud';
import { dataActions } from './data';
import { emailActions } from './email';
import { endpointActions } from './endpoint';
import { hostActions } from './host';
import { identityActions } from './identity';
import { investigationActions } from './investigation';
import { networkActions } from './network';
import { notifyActions } from './notify';
import { processActions } from './process';
import { trafficActions } from './traffic';

export type { ActionSpec } from './define';

/** The vendor-neutral catalogue. Ids are frozen once released: they are in histories, journals and leases. */
export const ACTIONS = {
  ...endpointActions,
  ...investigationActions,
  ...processActions,
  ...hostActions,
  ...identityActions,
  ...networkActions,
  ...trafficActions,
  ...emailActions,
  ...cloudActions,
  ...dataActions,
  ...notifyActions,
} as const;

export type Actions = typeof ACTIONS;
export type ActionId = keyof Actions;
export type ActionInput<A extends ActionId> = z.output<Actions[A]['input']>;
export type ActionOutput<A extends ActionId> = z.output<Actions[A]['output']>;
type InverseOf<A extends ActionId> = Actions[A]['inverse'];

/** Actions that another one takes back: these leave a lease. */
export type ReversibleActionId = { [A in ActionId]: InverseOf<A> extends ActionId ? A : never }[ActionId];

// Compile-time proof that each inverse exists and accepts what its action returned.
type InverseAccepts = {
  [A in ReversibleActionId]: InverseOf<A> extends infer I
    ? I extends ActionId
      ? ActionOutput<A> extends ActionInput<I>
        ? true
        : { error: 'the inverse does not accept the output of'; action: A }
      : never
    : never;
};
type InverseExists = {
  [A in ActionId]: InverseOf<A> extends ActionId | null ? true : { error: 'no such inverse'; action: A };
};
/**
 * Holds the two proofs; a mistake in the catalogue is a type error here that names the action.
 * @public
 */
export const CATALOGUE_PROOF: {
  accepts: { [A in ReversibleActionId]: true };
  exists: { [A in ActionId]: true };
} extends { accepts: InverseAccepts; exists: InverseExists }
  ? true
  : never = true;

export const ActionId = z.enum(Object.keys(ACTIONS) as [ActionId, ...ActionId[]]);

/** A description of something to do; nothing happens until a phase takes it through the rules. */
export interface ActionCall<A extends ActionId = ActionId> {
  readonly action: A;
  readonly input: ActionInput<A>;
}

/** The catalogue entry, typed loosely enough to be used with any action id. */
export type AnyActionSpec = ActionSpec<ActionId, z.ZodType, z.ZodType, ActionId | null>;

/** Looks an action up by id. */
export function actionSpec(id: ActionId): AnyActionSpec {
  return ACTIONS[id];
}

/** What a call would be done to. Throws a ZodError when the input does not fit the action. */
export function targetOf(call: ActionCall): Target {
  const spec = actionSpec(call.action);
  return spec.target(spec.input.parse(call.input));
}

type Call<A extends ActionId> = (input: z.input<Actions[A]['input']>) => ActionCall<A>;
const call =
  <A extends ActionId>(action: A): Call<A> =>
  (input) => ({ action, input: input as ActionInput<A> });

/** Words of a playbook: each only describes an action. */
export const endpoint = {
  isolateHost: call('endpoint.isolate_host'),
  releaseHost: call('endpoint.release_host'),
  scanAv: call('endpoint.scan_av'),
  quarantineFile: call('endpoint.quarantine_file'),
  restoreFile: call('endpoint.restore_file'),
  collectTriage: call('endpoint.collect_triage'),
  deleteFile: call('endpoint.delete_file'),
  lockDevice: call('endpoint.lock_device'),
  unlockDevice: call('endpoint.unlock_device'),
  wipeDevice: call('endpoint.wipe_device'),
  collectMemory: call('endpoint.collect_memory'),
  collectDisk: call('endpoint.collect_disk'),
  collectLogs: call('endpoint.collect_logs'),
  huntHash: call('endpoint.hunt_hash'),
  killProcess: call('endpoint.kill_process'),
  suspendProcess: call('endpoint.suspend_process'),
  resumeProcess: call('endpoint.resume_process'),
  blockHash: call('endpoint.block_hash'),
  unblockHash: call('endpoint.unblock_hash'),
} as const;
/** @public */
export const host = {
  patch: call('host.patch'),
  reimage: call('host.reimage'),
} as const;
/** @public */
export const vuln = {
  scan: call('vuln.scan'),
} as const;
export const identity = {
  disableAccount: call('identity.disable_account'),
  enableAccount: call('identity.enable_account'),
  revokeSessions: call('identity.revoke_sessions'),
  resetPassword: call('identity.reset_password'),
  requireMfaRegistration: call('identity.require_mfa_registration'),
  reducePrivileges: call('identity.reduce_privileges'),
  restorePrivileges: call('identity.restore_privileges'),
  revokeOauthGrants: call('identity.revoke_oauth_grants'),
  exportInboxRules: call('identity.export_inbox_rules'),
  removeInboxRules: call('identity.remove_inbox_rules'),
  restoreInboxRules: call('identity.restore_inbox_rules'),
} as const;
export const network = {
  blockIp: call('network.block_ip'),
  unblockIp: call('network.unblock_ip'),
  blockDomain: call('network.block_domain'),
  unblockDomain: call('network.unblock_domain'),
  blockUrl: call('network.block_url'),
  unblockUrl: call('network.unblock_url'),
  segmentHost: call('network.segment_host'),
  unsegmentHost: call('network.unsegment_host'),
  measureTraffic: call('network.measure_traffic'),
  rateLimit: call('network.rate_limit'),
  liftRateLimit: call('network.lift_rate_limit'),
  redirectTraffic: call('network.redirect_traffic'),
  restoreTraffic: call('network.restore_traffic'),
} as const;
/** @public */
export const email = {
  findMessages: call('email.find_messages'),
  purgeMessage: call('email.purge_message'),
  restoreMessage: call('email.restore_message'),
  blockSender: call('email.block_sender'),
  unblockSender: call('email.unblock_sender'),
} as const;
/** @public */
export const cloud = {
  deactivateKey: call('cloud.deactivate_key'),
  activateKey: call('cloud.activate_key'),
  denyPrincipal: call('cloud.deny_principal'),
  liftDeny: call('cloud.lift_deny'),
  revokeRoleSessions: call('cloud.revoke_role_sessions'),
  collectTrail: call('cloud.collect_trail'),
  blockPublicAccess: call('cloud.block_public_access'),
  allowPublicAccess: call('cloud.allow_public_access'),
} as const;
export const data = {
  verifyBackup: call('data.verify_backup'),
  restoreBackup: call('data.restore_backup'),
  revertRestore: call('data.revert_restore'),
} as const;
/** @public */
export const notify = {
  send: call('notify.send'),
} as const;
/** @public */
export const ticket = {
  open: call('ticket.open'),
} as const;
