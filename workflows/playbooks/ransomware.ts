import { data, endpoint, identity, network } from '../../contracts/actions';
import { category, definePlaybook, technique } from '../kit/define-playbook';

/**
 * Files are being encrypted. Contain first: encryption spreads in minutes, and all hosts are cut off at once.
 *
 * ATT&CK T1486 Data Encrypted for Impact, T1490 Inhibit System Recovery.
 * D3FEND D3-NI Network Isolation, D3-AL Account Locking, D3-ITF/OTF Traffic Filtering, D3-FA File Analysis,
 * D3-CQ Content Quarantine, D3-RD Restore Database.
 * After the CISA ransomware response checklist and CERT Société Générale IRM-17.
 */
export const ransomware = definePlaybook(
  {
    id: 'ransomware',
    version: 1,
    title: 'Ransomware',
    answers: [technique('T1486'), technique('T1490'), category('ransomware')],
  },
  async ({ scope, collect, contain, eradicate, recover, release, watch }) => {
    await collect('Triage before anything changes', scope.hosts, (host) => endpoint.collectTriage({ host }));

    // Together: nobody's answer about one of these may delay the others.
    await Promise.all([
      contain('Cut the hosts off', scope.hosts, (host) => endpoint.isolateHost({ host }), { lease: '72h' }),
      contain(
        'Stop the accounts',
        scope.accounts,
        (account) => [identity.disableAccount({ account }), identity.revokeSessions({ account })],
        { lease: '72h' },
      ),
      contain('Block the attacker', scope.ips, (ip) => network.blockIp({ ip }), { lease: '7d' }),
    ]);

    await eradicate('Clean the hosts', scope.hosts, (host) => endpoint.scanAv({ host }), {
      onFind: 'quarantine',
      lease: '30d',
    });

    const before = scope.firstSeen();
    await recover(
      'Restore what was encrypted',
      scope.datasets,
      (set) => data.restoreBackup({ set, ...(before === undefined ? {} : { before }) }),
      { verify: 'first' },
    );
    await release(scope.hosts, { when: 'clean' });
    await release(scope.accounts);

    await watch('72h', { onRecurrence: 'contain' });
  },
);
