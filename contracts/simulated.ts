import type { ActionId } from './actions';
import type { Json, JsonObject } from './values';

const SHA = '0'.repeat(64);
const NO_RATES = { bitsPerSecond: 0, packetsPerSecond: 0, requestsPerSecond: 0 };

/** What comes beside the input where all went well and nothing was found. */
const BESIDES: { readonly [A in ActionId]?: JsonObject } = {
  'endpoint.scan_av': { clean: true, findings: [], errors: [], engine: 'simulated' },
  'endpoint.collect_triage': { evidence: [] },
  'endpoint.collect_memory': { evidence: [] },
  'endpoint.collect_disk': { evidence: [] },
  'endpoint.collect_logs': { evidence: [] },
  'endpoint.hunt_hash': { hosts: [], asked: 0, silent: 0 },
  'vuln.scan': { clean: true, findings: [], errors: [], scanner: 'simulated' },
  'host.patch': { installed: [], rebootPending: false },
  'identity.require_mfa_registration': { removed: [] },
  'identity.reduce_privileges': { removed: [] },
  'identity.revoke_oauth_grants': { applications: [] },
  'identity.export_inbox_rules': { rules: [], evidence: [] },
  'identity.remove_inbox_rules': { rules: [] },
  'network.measure_traffic': { attack: 'none', current: NO_RATES, baseline: NO_RATES, sources: [] },
  'network.redirect_traffic': { through: 'simulated' },
  'email.find_messages': { recipients: [], domains: [], urls: [], attachments: [] },
  'email.purge_message': { mailboxes: 0 },
  'cloud.collect_trail': { events: 0, lastAt: null, ips: [], principals: [], keys: [], evidence: [] },
  'data.verify_backup': { snapshot: 'simulated', intact: true, clean: true, findings: [] },
  'ticket.open': { ticket: 'simulated' },
};
/** Outputs in which the input's own value counts, where it has one. */
const DEFAULTS: { readonly [A in ActionId]?: JsonObject } = {
  'endpoint.quarantine_file': { sha256: SHA },
  'data.restore_backup': { snapshot: 'simulated', files: 0 },
  'host.reimage': { image: 'simulated' },
  'network.rate_limit': { perSecond: 100 },
};
/** Outputs that say when. */
const MOMENTS: { readonly [A in ActionId]?: string } = {
  'data.verify_backup': 'takenAt',
  'endpoint.wipe_device': 'wipedAt',
  'cloud.revoke_role_sessions': 'before',
};

/** What a product would say if all went well, with an output that fits the action. `at` is a time, in ISO 8601. */
export function simulatedOutput(call: { action: ActionId; input: JsonObject }, at: string): JsonObject {
  const { action, input } = call;
  if (action === 'notify.send') return { accepted: input['to'] ?? [], rejected: [] };
  const moment = MOMENTS[action];
  const when: Record<string, Json> = moment === undefined ? {} : { [moment]: at };
  return { ...DEFAULTS[action], ...input, ...BESIDES[action], ...when };
}
