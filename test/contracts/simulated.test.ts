import { ACTIONS, actionSpec, type ActionId } from '../../contracts/actions';
import { simulatedOutput } from '../../contracts/simulated';
import type { JsonObject } from '../../contracts/values';

const host = { name: 'ws-1' };
const file = { host, path: '/a', sha256: 'a'.repeat(64), token: 't' };
const account = { name: 'kim' };
const set = { name: 'finance', host: 'fin-fs-01', path: '/srv' };
const INPUTS: { readonly [A in ActionId]: JsonObject } = {
  'endpoint.isolate_host': { host },
  'endpoint.release_host': { host },
  'endpoint.scan_av': { host },
  'endpoint.quarantine_file': { host, path: '/a' },
  'endpoint.restore_file': file,
  'endpoint.collect_triage': { host },
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
