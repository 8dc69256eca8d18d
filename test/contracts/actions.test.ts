import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACTIONS, actionSpec } from '../../contracts/actions';
import { targetKindOf } from '../../contracts/identity';

test('what takes an action back', () => {
  const pairs = Object.values(ACTIONS).map(({ id, inverse }) => [id, inverse]);
  expect(Object.fromEntries(pairs.filter(([, inverse]) => inverse !== null))).toEqual({
    'endpoint.isolate_host': 'endpoint.release_host',
    'endpoint.quarantine_file': 'endpoint.restore_file',
    'identity.disable_account': 'identity.enable_account',
    'network.block_ip': 'network.unblock_ip',
    'data.restore_backup': 'data.revert_restore',
    'endpoint.suspend_process': 'endpoint.resume_process',
    'endpoint.block_hash': 'endpoint.unblock_hash',
    'endpoint.lock_device': 'endpoint.unlock_device',
    'identity.reduce_privileges': 'identity.restore_privileges',
    'identity.remove_inbox_rules': 'identity.restore_inbox_rules',
    'network.block_domain': 'network.unblock_domain',
    'network.block_url': 'network.unblock_url',
    'network.segment_host': 'network.unsegment_host',
    'network.rate_limit': 'network.lift_rate_limit',
    'network.redirect_traffic': 'network.restore_traffic',
    'email.purge_message': 'email.restore_message',
    'email.block_sender': 'email.unblock_sender',
    'cloud.deactivate_key': 'cloud.activate_key',
    'cloud.deny_principal': 'cloud.lift_deny',
    'cloud.block_public_access': 'cloud.allow_public_access',
  });
});

test('what may be blocked for a while only lapses; nothing else is ever lifted by silence', () => {
  const lapsing = Object.values(ACTIONS).filter(({ mayLapse }) => mayLapse);
  expect(lapsing.map(({ id }) => id)).toEqual(['network.block_ip']);
});

test('only what reads is free of impact, and what stops somebody’s work is high', () => {
  const of = (impact: string): string[] =>
    Object.values(ACTIONS)
      .filter((spec) => spec.impact === impact)
      .map(({ id }) => id);
  expect(of('none').filter((id) => !actionSpec(id as never).readOnly)).toEqual([
    'notify.send',
    'ticket.open',
  ]);
  expect(of('irreversible')).toEqual(['endpoint.delete_file', 'endpoint.wipe_device', 'host.reimage']);
  expect(of('high')).toEqual([
    'endpoint.isolate_host',
    'endpoint.restore_file',
    'endpoint.lock_device',
    'endpoint.kill_process',
    'endpoint.resume_process',
    'endpoint.block_hash',
    'host.patch',
    'identity.disable_account',
    'identity.reset_password',
    'identity.require_mfa_registration',
    'identity.reduce_privileges',
    'identity.restore_privileges',
    'network.segment_host',
    'network.redirect_traffic',
    'cloud.deactivate_key',
    'cloud.activate_key',
    'cloud.deny_principal',
    'cloud.lift_deny',
    'cloud.block_public_access',
    'cloud.allow_public_access',
    'data.restore_backup',
    'data.revert_restore',
  ]);
});

test('the page of actions says what the catalogue says', () => {
  const page = readFileSync(join(__dirname, '../../docs/actions.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+\.\w+)` .*$/gm)].map(([row]) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
  expect(rows).toEqual(
    Object.values(ACTIONS).map(({ id, impact, inverse, delivery }) => [
      id,
      targetKindOf(id),
      impact,
      inverse ?? 'none',
      delivery,
    ]),
  );
});
