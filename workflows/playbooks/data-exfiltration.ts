import { cloud, endpoint, identity, network, ticket } from '../../contracts/actions';
import { defineQuestion } from '../kit/ask';
import { category, definePlaybook, technique } from '../kit/define-playbook';
import { lockOut } from '../kit/lock-out';

const taken = defineQuestion({
  id: 'exfiltration_data',
  title: 'What was taken, and is it on legal hold?',
  why: 'Personal data starts a legal clock (72 hours under GDPR Article 33). What is not on hold may be deleted by routine before it is needed as evidence.',
  fields: {
    personal: { type: 'choice', label: 'Personal data', options: ['unknown', 'yes', 'no'] },
    hold: { type: 'boolean', label: 'A legal hold is in place' },
  },
  roles: ['legal', 'lead'],
  within: '12h',
  onSilence: { personal: 'unknown', hold: false },
});
const access = defineQuestion({
  id: 'exfiltration_access',
  title: 'May the accounts have access again?',
  why: 'Given back too early, or as wide as before, the rest of the data goes the same way.',
  fields: { back: { type: 'boolean', label: 'The way out is closed, and access is narrower than before' } },
  roles: ['lead'],
  within: '3d',
  onSilence: { back: false },
});

/**
 * Data leaves the organisation. The way out is closed at once, on the host, at the edge and in the cloud; evidence is kept, because a
 * regulator or a court may ask. Accounts have access again only when a lead says that it is narrower; keys are never activated and
 * buckets never opened again by themselves.
 *
 * ATT&CK T1020 Automated Exfiltration, T1041 Exfiltration Over C2 Channel, T1048 Over Alternative Protocol, T1052 Over Physical Medium,
 * T1530 Data from Cloud Storage, T1537 Transfer Data to Cloud Account, T1567 Over Web Service.
 * D3FEND D3-OTF Outbound Traffic Filtering, D3-DNSDL DNS Denylisting, D3-NI Network Isolation, D3-AL Account Locking,
 * D3-ANCI Authentication Cache Invalidation, D3-CR Credential Revocation, D3-CQ Content Quarantine, D3-FA File Analysis.
 * After CERT Société Générale IRM-11, the AWS playbooks on data access and personal data breach, and NIST SP 800-61r3.
 */
export const dataExfiltration = definePlaybook(
  {
    id: 'data_exfiltration',
    version: 1,
    title: 'Data exfiltration',
    answers: [
      ...(['T1020', 'T1041', 'T1048', 'T1052', 'T1530', 'T1537', 'T1567'] as const).map(technique),
      category('exfiltration'),
    ],
  },
  async ({ scope, collect, contain, ask, decide, note, eradicate, release, watch }) => {
    const before = scope.firstSeen();
    const since = before === undefined ? {} : { since: before };
    // Both at once, and five minutes at most: each minute more is data that is gone.
    await Promise.all([
      collect('Memory and logs before anything changes', scope.hosts, (host) => [
        endpoint.collectMemory({ host }),
        endpoint.collectLogs({ host, ...since }),
      ]),
      collect(
        'What was done in the cloud',
        scope.principals,
        (principal) => cloud.collectTrail({ principal, ...since }),
        {
          found: ({ target: { name }, output: { keys, principals } }) => ({
            keys: keys.map((id) => ({ id, principal: name })),
            principals: principals.map((made) => ({ name: made })),
          }),
        },
      ),
    ]);

    const legal = async (): Promise<void> => {
      const { personal, hold } = await ask(taken);
      if (decide('Does the legal clock run?', personal !== 'no'))
        note(`Personal data: ${personal}. The clock runs from when this was known: tell data protection now`);
      if (!decide('Is there a legal hold?', hold))
        note('There is no legal hold: what routine deletes is lost as evidence');
    };
    // Together: nobody's answer about one of these may delay the others.
    await Promise.all([
      contain('Block the addresses it goes to', scope.ips, (ip) => network.blockIp({ ip }), { lease: '7d' }),
      contain('Block the domains it goes to', scope.domains, (domain) => network.blockDomain({ domain }), {
        lease: '30d',
      }),
      contain('Block the pages it goes to', scope.urls, (url) => network.blockUrl({ url }), { lease: '30d' }),
      contain('Isolate where it comes from', scope.hosts, (host) => endpoint.isolateHost({ host }), {
        lease: '72h',
      }),
      contain(
        'Stop the accounts',
        scope.accounts,
        (account) => [identity.disableAccount({ account }), identity.revokeSessions({ account })],
        { lease: '72h' },
      ),
      contain('Deactivate the keys', scope.keys, (key) => cloud.deactivateKey({ key }), { lease: '30d' }),
      contain(
        'End the sessions in the cloud',
        scope.principals,
        (principal) => cloud.revokeRoleSessions({ principal }),
        { lease: '72h' },
      ),
      contain(
        'Close the buckets to the public',
        scope.buckets,
        (bucket) => cloud.blockPublicAccess({ bucket }),
        {
          lease: '30d',
        },
      ),
      legal(),
    ]);

    await collect('Disk image, off the network', scope.hosts, (host) => endpoint.collectDisk({ host }));
    await Promise.all([
      eradicate(
        'Take staged data and tools away',
        scope.files,
        ({ host, path }) => {
          const on = scope.hosts.get(host ?? '')?.value;
          return on === undefined || path === undefined ? [] : endpoint.quarantineFile({ host: on, path });
        },
        { lease: '30d' },
      ),
      eradicate('Take credentials and tokens away', scope.accounts, (account) => [
        ...lockOut(account),
        identity.revokeOauthGrants({ account }),
      ]),
      eradicate('Ask for the data to be taken down', scope.urls, (url) =>
        ticket.open({ title: `Take down ${url}`.slice(0, 300), text: `Our data may be there: ${url}` }),
      ),
    ]);
    await eradicate('Clean the hosts', scope.hosts, (host) => endpoint.scanAv({ host }), {
      onFind: 'quarantine',
      lease: '30d',
    });

    await release(scope.hosts, { when: 'clean' });
    const { back } = await ask(access);
    if (decide('May access be given back?', back)) await release(scope.accounts);
    else note('The accounts stay disabled until somebody releases them');
    await watch('30d', { onRecurrence: 'contain' });
  },
);
