import type { AlertView } from '../../contracts/alert';
import type { WaveItem } from '../../contracts/messages';
import { runVirtually } from '../../workflows/kit/virtual-host';
import { PLAYBOOKS } from '../../workflows/registry';
import { account, alertView, dataset, host, incidentInput } from '../support/incident-fixtures';

const scope: AlertView['scope'] = {
  hosts: [host('a1')],
  accounts: [account('kim')],
  datasets: [dataset('share')],
  ips: ['203.0.113.9'],
  files: [],
};
const HOUR = 3600;

/** A step as it is read in a runbook: group, item, occurrence, and what is asked of it. */
const line = (
  { id, occurrence, leaseSeconds, release, onlyWhenClean, input }: WaveItem,
  group: string,
): string =>
  [
    `${group} ${id}#${String(occurrence)}`,
    ...(leaseSeconds === null ? [] : [`for ${String(leaseSeconds / HOUR)} h`]),
    ...(release && onlyWhenClean ? ['when clean'] : []),
    ...('snapshot' in input ? [`from ${input['snapshot'] as string}`] : []),
    ...('before' in input ? ['from before it began'] : []),
  ].join(' ');

/** Plays a playbook whose first scan finds a file, to the end of its watch. */
async function runbook(ref: string): Promise<{ steps: string[]; days: number }> {
  const steps: string[] = [];
  const run = await runVirtually(incidentInput([alertView(1, scope)], { playbook: ref }), PLAYBOOKS, {
    answer: (item, { group }) => {
      steps.push(line(item, group));
      if (item.action !== 'endpoint.scan_av' || item.occurrence > 1) return undefined;
      const findings = [{ path: '/tmp/x', signature: 'Eicar-Test' }];
      return { output: { ...item.input, clean: false, findings, errors: [], engine: 'e' } };
    },
  });
  expect(run.stuck).toBeNull();
  return { steps, days: run.tookMs / 86_400_000 };
}

test('malware_on_endpoint@1, step by step', async () => {
  expect(await runbook('malware_on_endpoint@1')).toEqual({
    steps: [
      'collect/triage_before_anything_changes collect_triage/host:a1#1',
      'contain/isolate_the_host isolate_host/host:a1#1 for 72 h',
      'contain/block_its_command_and_control block_ip/ip:203.0.113.9#1 for 168 h',
      'eradicate/scan_and_quarantine scan_av/host:a1#1',
      'eradicate/scan_and_quarantine quarantine_file/file:a1/tmp/x#1 for 720 h',
      'eradicate/scan_and_quarantine scan_av/host:a1#2',
      'release/release_hosts release/isolate_host/host:a1#1 when clean',
    ],
    days: 3,
  });
});

test('account_compromise@1, step by step', async () => {
  expect(await runbook('account_compromise@1')).toEqual({
    steps: [
      'collect/triage_of_the_hosts_it_was_used_on collect_triage/host:a1#1',
      'contain/stop_the_account disable_account/account:kim#1 for 72 h',
      'contain/block_the_origin block_ip/ip:203.0.113.9#1 for 168 h',
      'contain/end_its_sessions revoke_sessions/account:kim#1',
      'eradicate/scan_the_hosts scan_av/host:a1#1',
      'eradicate/scan_the_hosts quarantine_file/file:a1/tmp/x#1 for 720 h',
      'eradicate/scan_the_hosts scan_av/host:a1#2',
      'release/release_accounts release/disable_account/account:kim#1',
    ],
    days: 30,
  });
});

test('ransomware@1, step by step', async () => {
  expect(await runbook('ransomware@1')).toEqual({
    steps: [
      'collect/triage_before_anything_changes collect_triage/host:a1#1',
      'contain/cut_the_hosts_off isolate_host/host:a1#1 for 72 h',
      'contain/stop_the_accounts disable_account/account:kim#1 for 72 h',
      'contain/stop_the_accounts revoke_sessions/account:kim#1',
      'contain/block_the_attacker block_ip/ip:203.0.113.9#1 for 168 h',
      'eradicate/clean_the_hosts scan_av/host:a1#1',
      'eradicate/clean_the_hosts quarantine_file/file:a1/tmp/x#1 for 720 h',
      'eradicate/clean_the_hosts scan_av/host:a1#2',
      'recover/restore_what_was_encrypted verify_backup/dataset:share#1 from before it began',
      'recover/restore_what_was_encrypted restore_backup/dataset:share#1 from simulated from before it began',
      'release/release_hosts release/isolate_host/host:a1#1 when clean',
      'release/release_accounts release/disable_account/account:kim#1',
    ],
    days: 3,
  });
});
