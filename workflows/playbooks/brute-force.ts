import { endpoint, identity, network } from '../../contracts/actions';
import type { ScopeAccount } from '../../contracts/alert';
import { defineQuestion } from '../kit/ask';
import { anyOf, category, definePlaybook, technique } from '../kit/define-playbook';
import { listed } from '../kit/listed';

const LOGGED_IN = anyOf(technique('T1078'), category('account_compromise'));

const attempts = defineQuestion({
  id: 'brute_force_success',
  title: 'Did one of the attempts succeed?',
  why: 'Accounts that were entered are stopped. The others are not: whoever locks all that were tried does the attacker’s work.',
  fields: {
    succeeded: { type: 'choice', label: 'A log-in after the failures', options: ['no', 'yes', 'unknown'] },
    accounts: { type: 'text', label: 'Accounts that were entered, separated by commas', required: false },
  },
  roles: ['analyst', 'lead'],
  within: '2h',
  onSilence: { succeeded: 'unknown' },
});
const origin = defineQuestion({
  id: 'brute_force_origin',
  title: 'Do the attempts come from one of our own hosts?',
  why: 'An address outside is blocked already. A host inside that guesses passwords is somebody’s foothold and is isolated.',
  fields: { hosts: { type: 'text', label: 'Our hosts that they come from, if any', required: false } },
  roles: ['analyst', 'lead'],
  within: '2h',
  onSilence: {},
});
const exposure = defineQuestion({
  id: 'brute_force_exposure',
  title: 'Is the way in closed?',
  why: 'Blocks lapse. As long as the service is exposed, or takes a password alone, it starts again from elsewhere.',
  fields: {
    closed: {
      type: 'boolean',
      label: 'Old authentication is off, the service is hidden or wants a second factor',
    },
  },
  roles: ['engineer', 'lead'],
  within: '3d',
  onSilence: { closed: false },
});

/**
 * Somebody guesses passwords, of one account or a few of many. Sources are blocked at once; accounts are stopped only where a log-in
 * succeeded, now or later, because locking all that were tried would lock the organisation out.
 *
 * ATT&CK T1110 Brute Force (T1110.001 guessing, T1110.003 spraying, T1110.004 stuffing).
 * D3FEND D3-ITF Inbound Traffic Filtering, D3-ANCI Authentication Cache Invalidation, D3-AL Account Locking, D3-NI Network Isolation.
 * After NIST SP 800-61r3, CERT Société Générale IRM-22, and CISA's guidance on password spraying (AA24-290A).
 */
export const bruteForce = definePlaybook(
  {
    id: 'brute_force',
    version: 1,
    title: 'Brute force or password spray',
    answers: [technique('T1110'), category('credential_attack')],
  },
  async ({
    scope,
    collect,
    contain,
    decide,
    note,
    ask,
    alerted,
    widen,
    waitFor,
    subPlaybook,
    eradicate,
    release,
  }) => {
    const since = scope.firstSeen();
    await collect('Log-in records before they roll over', scope.hosts, (host) =>
      endpoint.collectLogs({ host, ...(since === undefined ? {} : { since }) }),
    );
    let sources: ReadonlySet<string> = new Set();
    const insideSource = async (): Promise<void> => {
      const { hosts } = await ask(origin);
      sources = await widen('Hosts that the attempts come from', {
        hosts: listed(hosts).map((name) => ({ name })),
      });
      if (!decide('Do the attempts come from inside?', sources.size > 0)) return;
      await contain(
        'Isolate the source inside',
        scope.hosts,
        (host) => (sources.has(host.key) ? endpoint.isolateHost({ host }) : []),
        { lease: '72h' },
      );
      await eradicate(
        'Clean the source inside',
        scope.hosts,
        (host) => (sources.has(host.key) ? endpoint.scanAv({ host }) : []),
        { onFind: 'quarantine', lease: '30d' },
      );
    };

    const enteredAccounts = async (): Promise<void> => {
      let named: ReadonlySet<string> = new Set();
      // Read again with each alert: a log-in that succeeds tomorrow is answered tomorrow.
      const isEntered = (account: ScopeAccount): boolean =>
        named.has(account.key) || alerted(LOGGED_IN, account);
      const areEntered = (): boolean => scope.accounts.targets().some(({ value }) => isEntered(value));

      // Whichever says it first: a person, or an alert.
      const answer = areEntered()
        ? undefined
        : await Promise.race([
            ask(attempts),
            waitFor({ alert: LOGGED_IN, within: '3h' }).then(() => undefined),
          ]);
      named = await widen('Accounts that were entered', {
        accounts: listed(answer?.accounts).map((name) => ({ name })),
      });
      const known = areEntered() ? 'yes' : answer?.succeeded === 'no' ? 'none was' : 'no';
      const isUnknown =
        decide('Is it known which accounts were entered?', known, ['none was', 'yes', 'no']) === 'no';
      await Promise.all([
        contain(
          'End the sessions of all that were tried',
          scope.accounts,
          (account) => (isUnknown ? identity.revokeSessions({ account }) : []),
          { lease: '72h' },
        ),
        subPlaybook('account_compromise@1', {
          only: {
            accounts: isEntered,
            hosts: ({ key }) => areEntered() && !sources.has(key),
            ips: () => false,
          },
        }),
      ]);
    };
    // Together: a block that waits for its approval must not delay the question who was entered.
    await Promise.all([
      contain('Block the sources', scope.ips, (ip) => network.blockIp({ ip }), { lease: '7d' }),
      insideSource(),
      enteredAccounts(),
    ]);

    const { closed } = await ask(exposure);
    if (!closed)
      note('The way in stays open: until it is closed, blocks that lapse are all that is in the way');
    await release(scope.hosts, { when: 'clean' });
    // The watch of thirty days is the one that account_compromise asks for.
  },
);
