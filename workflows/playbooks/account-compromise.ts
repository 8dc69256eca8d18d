import { endpoint, identity, network } from '../../contracts/actions';
import { category, definePlaybook, technique } from '../kit/define-playbook';

/**
 * Somebody else uses an account. The account is disabled before its sessions end, so that none can be opened again;
 * the hosts it was used on are looked at, but stay on the network.
 *
 * ATT&CK T1078 Valid Accounts, T1110 Brute Force, T1556 Modify Authentication Process.
 * D3FEND D3-AL Account Locking, D3-ANCI Authentication Cache Invalidation, D3-ULA Unlock Account, D3-FA File Analysis.
 * After CERT Société Générale IRM-22.
 */
export const accountCompromise = definePlaybook(
  {
    id: 'account_compromise',
    version: 1,
    title: 'Account compromise',
    answers: [
      technique('T1078'),
      technique('T1110'),
      technique('T1556'),
      category('account_compromise'),
      category('credential_attack'),
    ],
  },
  async ({ scope, collect, contain, eradicate, release, watch }) => {
    await collect('Triage of the hosts it was used on', scope.hosts, (host) =>
      endpoint.collectTriage({ host }),
    );

    await Promise.all([
      contain('Stop the account', scope.accounts, (account) => identity.disableAccount({ account }), {
        lease: '72h',
      }),
      contain('Block the origin', scope.ips, (ip) => network.blockIp({ ip }), { lease: '7d' }),
    ]);
    await contain('End its sessions', scope.accounts, (account) => identity.revokeSessions({ account }), {
      lease: '72h',
    });

    await eradicate('Scan the hosts', scope.hosts, (host) => endpoint.scanAv({ host }), {
      onFind: 'quarantine',
      lease: '30d',
    });

    await release(scope.accounts);

    await watch('30d', { onRecurrence: 'contain' });
  },
);
