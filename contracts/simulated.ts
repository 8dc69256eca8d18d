import type { ActionId } from './actions';
import type { JsonObject } from './values';

const SHA = '0'.repeat(64);

/** What a product would say if all went well, with an output that fits the action. `at` is a time, in ISO 8601. */
export function simulatedOutput(call: { action: ActionId; input: JsonObject }, at: string): JsonObject {
  switch (call.action) {
    case 'endpoint.scan_av':
      return { ...call.input, clean: true, findings: [], errors: [], engine: 'simulated' };
    case 'endpoint.quarantine_file':
      return { sha256: SHA, ...call.input };
    case 'endpoint.collect_triage':
      return { ...call.input, evidence: [] };
    case 'data.verify_backup':
      return { ...call.input, snapshot: 'simulated', takenAt: at, intact: true, clean: true, findings: [] };
    case 'data.restore_backup':
      return { snapshot: 'simulated', files: 0, ...call.input };
    case 'notify.send':
      return { accepted: call.input['to'] ?? [], rejected: [] };
    default:
      return call.input;
  }
}
