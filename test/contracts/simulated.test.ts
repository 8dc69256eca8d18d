import { ACTIONS, actionSpec, type ActionId } from '../../contracts/actions';
import { simulatedOutput } from '../../contracts/simulated';
import type { JsonObject } from '../../contracts/values';

const host = { name: 'ws-1' };
const file = { host, path: '/a', sha256: 'a'.repeat(64), token: 't' };
const account = { name: 'kim' };
const set = { name: 'finance', host: 'fin-fs-01', path: '/srv' };
const process = { pid: 4711, name: 'beacon.exe' };
const key = { id: 'AKIAEXAMPLE', principal: 'arn:aws:iam::123456789012:user/deploy' };
const principal = { name: key.principal };
const bucket = { name: 'press-kit' };
const message = { id: 'm1@mail.example.net', sender: 'a@mail.example.net' };
const sha256 = 'b'.repeat(64);
const INPUTS: { readonly [A in ActionId]: JsonObject } = {
  'endpoint.isolate_host': { host },
  'endpoint.release_host': { host },
  'endpoint.scan_av': { host },
  'endpoint.quarantine_file': { host, path: '/a' },
  'endpoint.restore_file': file,
  'endpoint.collect_triage': { host },
  'endpoint.delete_file': { host, path: '/a' },
  'endpoint.lock_device': { host },
  'endpoint.unlock_device': { host },
  'endpoint.wipe_device': { host },
  'endpoint.collect_memory': { host },
  'endpoint.collect_disk': { host },
  'endpoint.collect_logs': { host, since: '2026-11-25T08:00:00Z' },
  'endpoint.hunt_hash': { sha256 },
  'endpoint.kill_process': { host, process },
  'endpoint.suspend_process': { host, process },
  'endpoint.resume_process': { host, process },
  'endpoint.block_hash': { sha256 },
  'endpoint.unblock_hash': { sha256 },
  'vuln.scan': { host },
  'host.patch': { host, patches: ['CVE-2026-0001'] },
  'host.reimage': { host },
  'identity.reset_password': { account },
  'identity.require_mfa_registration': { account },
  'identity.reduce_privileges': { account },
  'identity.restore_privileges': { account, removed: ['Domain Admins'] },
  'identity.revoke_oauth_grants': { account },
  'identity.export_inbox_rules': { account },
  'identity.remove_inbox_rules': { account },
  'identity.restore_inbox_rules': { account, rules: [] },
  'network.block_domain': { domain: 'c2.example.net' },
  'network.unblock_domain': { domain: 'c2.example.net' },
  'network.block_url': { url: 'https://c2.example.net/a' },
  'network.unblock_url': { url: 'https://c2.example.net/a' },
  'network.segment_host': { host },
  'network.unsegment_host': { host },
  'network.measure_traffic': { host },
  'network.rate_limit': { host },
  'network.lift_rate_limit': { host, perSecond: 10 },
  'network.redirect_traffic': { host },
  'network.restore_traffic': { host, through: 'scrubbing' },
  'email.find_messages': { message },
  'email.purge_message': { message },
  'email.restore_message': { message, mailboxes: 2 },
  'email.block_sender': { sender: 'a@mail.example.net' },
  'email.unblock_sender': { sender: 'a@mail.example.net' },
  'cloud.deactivate_key': { key },
  'cloud.activate_key': { key },
  'cloud.deny_principal': { principal },
  'cloud.lift_deny': { principal },
  'cloud.revoke_role_sessions': { principal },
  'cloud.collect_trail': { principal },
  'cloud.block_public_access': { bucket },
  'cloud.allow_public_access': { bucket },
  'ticket.open': { title: 's', text: 't' },
  'identity.disable_account': { account },
  'identity.enable_account': { account },
  'identity.revoke_sessions': { account },
  'network.block_ip': { ip: '203.0.113.9' },
  'network.unblock_ip': { ip: '203.0.113.9' },
  'data.verify_backup': { set },
  'data.restore_backup': { set, before: '2026-11-25T08:00:00Z' },
  'data.revert_restore': { set, snapshot: 's', files: 1 },
  'notify.send': { to: ['a@example.com'], subject: 's', text: 't' },
};

test.each(Object.keys(ACTIONS) as ActionId[])(
  '%s: what is pretended fits, and can be taken back',
  (action) => {
    const { input, output, inverse } = actionSpec(action);
    const given = input.parse(INPUTS[action]) as JsonObject;
    const said = output.parse(simulatedOutput({ action, input: given }, '2026-11-25T08:00:00Z'));
    if (inverse !== null) expect(() => actionSpec(inverse).input.parse(said)).not.toThrow();
  },
);
