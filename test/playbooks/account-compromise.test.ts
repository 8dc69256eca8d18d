import { account, alertView, host } from '../support/incident-fixtures';
import { playbookScenarios } from '../support/playbook-scenarios';

const kind = { category: 'account_compromise', techniques: ['T1078'] } satisfies Parameters<
  typeof alertView
>[2];

describe('account_compromise', () => {
  playbookScenarios({
    ref: 'account_compromise@1',
    alert: alertView(
      1,
      { hosts: [host('vpn-gw-1')], accounts: [account('b.kim')], ips: ['192.0.2.44'] },
      kind,
    ),
    steps: [
      'collect_triage/host:vpn-gw-1',
      'disable_account/account:b.kim',
      'block_ip/ip:192.0.2.44',
      'revoke_sessions/account:b.kim',
      'scan_av/host:vpn-gw-1',
      'release/disable_account/account:b.kim',
    ],
    contain: 'disable_account/account:b.kim',
    next: 'revoke_sessions/account:b.kim',
    gated: 'release/disable_account/account:b.kim',
    again: [
      'disable_account/account:b.kim#2',
      'block_ip/ip:192.0.2.44#2',
      'revoke_sessions/account:b.kim#2',
      'scan_av/host:vpn-gw-1#2',
      'release/disable_account/account:b.kim#2',
    ],
    late: {
      alert: alertView(2, { hosts: [host('hr-ws-007')], accounts: [account('c.diaz')] }, kind),
      whileWaiting: 'disable_account/account:c.diaz',
      steps: [
        'collect_triage/host:vpn-gw-1',
        'block_ip/ip:192.0.2.44',
        'collect_triage/host:hr-ws-007',
        'disable_account/account:c.diaz',
        'disable_account/account:b.kim',
        'revoke_sessions/account:b.kim',
        'revoke_sessions/account:c.diaz',
        'scan_av/host:vpn-gw-1',
        'scan_av/host:hr-ws-007',
        'release/disable_account/account:b.kim',
        'release/disable_account/account:c.diaz',
      ],
    },
  });
});
