import { account, alertView, dataset, host } from '../support/incident-fixtures';
import { playbookScenarios } from '../support/playbook-scenarios';

describe('ransomware', () => {
  playbookScenarios({
    ref: 'ransomware@1',
    alert: alertView(1, {
      hosts: [host('fin-ws-042')],
      accounts: [account('a.meyer')],
      datasets: [dataset('finance')],
      ips: ['203.0.113.9'],
    }),
    steps: [
      'collect_triage/host:fin-ws-042',
      'isolate_host/host:fin-ws-042',
      'disable_account/account:a.meyer',
      'revoke_sessions/account:a.meyer',
      'block_ip/ip:203.0.113.9',
      'scan_av/host:fin-ws-042',
      'verify_backup/dataset:finance',
      'restore_backup/dataset:finance',
      'release/isolate_host/host:fin-ws-042',
      'release/disable_account/account:a.meyer',
    ],
    contain: 'isolate_host/host:fin-ws-042',
    next: 'scan_av/host:fin-ws-042',
    gated: 'verify_backup/dataset:finance',
    again: [
      'isolate_host/host:fin-ws-042#2',
      'disable_account/account:a.meyer#2',
      'revoke_sessions/account:a.meyer#2',
      'block_ip/ip:203.0.113.9#2',
      'scan_av/host:fin-ws-042#2',
      'release/isolate_host/host:fin-ws-042#2',
      'release/disable_account/account:a.meyer#2',
    ],
    late: {
      alert: alertView(2, { hosts: [host('hr-ws-007')] }),
      whileWaiting: 'isolate_host/host:hr-ws-007',
      steps: [
        'collect_triage/host:fin-ws-042',
        'disable_account/account:a.meyer',
        'revoke_sessions/account:a.meyer',
        'block_ip/ip:203.0.113.9',
        'collect_triage/host:hr-ws-007',
        'isolate_host/host:hr-ws-007',
        'isolate_host/host:fin-ws-042',
        'scan_av/host:fin-ws-042',
        'scan_av/host:hr-ws-007',
        'verify_backup/dataset:finance',
        'restore_backup/dataset:finance',
        'release/isolate_host/host:fin-ws-042',
        'release/isolate_host/host:hr-ws-007',
        'release/disable_account/account:a.meyer',
      ],
    },
  });
});
