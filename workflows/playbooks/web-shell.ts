import { data, endpoint, host as server, network, ticket, vuln } from '../../contracts/actions';
import { defineQuestion } from '../kit/ask';
import { category, definePlaybook, technique } from '../kit/define-playbook';
import { listed } from '../kit/listed';
import { lockOut, ownerOf } from '../kit/lock-out';

const executed = defineQuestion({
  id: 'web_shell_execution',
  title: 'Did foreign code run on the server?',
  why: 'Where it ran, the server is taken off the network. Where it was only tried, it stays up behind the blocks.',
  fields: { ran: { type: 'choice', label: 'Foreign code', options: ['unknown', 'yes', 'no'] } },
  roles: ['analyst', 'lead'],
  within: '1h',
  onSilence: { ran: 'unknown' },
});
const reach = defineQuestion({
  id: 'web_shell_reach',
  title: 'Which accounts could the server use?',
  why: 'Passwords of its services and its database were readable on it. They are reset, or the attacker comes back by them.',
  fields: {
    accounts: { type: 'text', label: 'Accounts of its services and databases, by commas', required: false },
  },
  roles: ['engineer', 'lead'],
  within: '8h',
  onSilence: {},
});
const flaw = defineQuestion({
  id: 'web_shell_flaw',
  title: 'The flaw is still found, or was not looked for. Is it closed by other means?',
  why: 'A server that goes back with its flaw is taken again within hours.',
  fields: { closed: { type: 'boolean', label: 'Closed by hand, or shielded by a rule in front' } },
  roles: ['engineer', 'lead'],
  within: '3d',
  onSilence: { closed: false },
});
const back = defineQuestion({
  id: 'web_shell_return',
  title: 'How is the server brought back?',
  why: 'Cleaning finds what is known. Where the attacker was root, only a new system is sure.',
  fields: {
    way: {
      type: 'choice',
      label: 'Way back',
      options: ['keep it off', 'cleaned', 'restore its data', 'reimage it'],
    },
  },
  roles: ['engineer', 'lead'],
  within: '3d',
  onSilence: { way: 'keep it off' },
});

/**
 * Somebody got into a server through its web application. Sources are blocked; where foreign code ran, the server is taken off the
 * network, and so is every other one that has the same file. It goes back when the flaw is closed and the scans are clean, never before.
 *
 * ATT&CK T1505.003 Web Shell, T1190 Exploit Public-Facing Application.
 * D3FEND D3-ITF Inbound Traffic Filtering, D3-NI Network Isolation, D3-FH File Hashing, D3-PT Process Termination,
 * D3-CQ Content Quarantine, D3-SU Software Update, D3-CRO Credential Rotation, D3-RD Restore Database, D3-RDI Restore Disk Image.
 * After CERT Société Générale IRM-6, the CISA vulnerability response playbook, and the NSA and ASD guidance on web shells.
 */
export const webShell = definePlaybook(
  {
    id: 'web_shell',
    version: 1,
    title: 'Web shell or vulnerable server',
    answers: [technique('T1505.003'), technique('T1190'), category('web_attack')],
  },
  async ({ scope, collect, contain, ask, decide, note, widen, eradicate, recover, release, watch }) => {
    const before = scope.firstSeen();
    // Memory is lost with the process, and logs of a web server roll over fast.
    await collect('Memory and logs before anything changes', scope.hosts, (host) => [
      endpoint.collectMemory({ host }),
      endpoint.collectLogs({ host, ...(before === undefined ? {} : { since: before }) }),
    ]);

    const takeOff = async (): Promise<void> => {
      const isSeen = decide('Does an alert show foreign code?', scope.files.size + scope.processes.size > 0);
      const ran = isSeen ? 'yes' : (await ask(executed)).ran;
      if (ran === 'no') return;
      await contain('Take it off the network', scope.hosts, (host) => endpoint.isolateHost({ host }), {
        lease: '72h',
      });
    };
    await Promise.all([
      contain('Block the sources', scope.ips, (ip) => network.blockIp({ ip }), { lease: '7d' }),
      contain(
        'Have the flaw shielded',
        scope.hosts,
        ({ name }) =>
          ticket.open({ title: `Shield ${name}`, text: 'Add a rule for the attack in front of the server.' }),
        { lease: '7d' },
      ),
      collect('Hunt its files on sister servers', scope.hashes, (sha256) => endpoint.huntHash({ sha256 }), {
        found: ({ output: { hosts } }) => ({ hosts }),
      }),
      takeOff(),
    ]);
    await collect('Disk image', scope.hosts, (host) => endpoint.collectDisk({ host }));

    const secrets = async (): Promise<void> => {
      const { accounts } = await ask(reach);
      await widen('Accounts that the server could use', { accounts: listed(accounts).map(ownerOf) });
      await eradicate('Rotate what it could read', scope.accounts, lockOut);
    };
    const clean = async (): Promise<void> => {
      await eradicate('End its processes', scope.processes, ({ host, pid, name, path, sha256 }) =>
        endpoint.killProcess({ host, process: { pid, name, path, sha256 } }),
      );
      await eradicate(
        'Take its files away',
        scope.files,
        ({ host, path }) => {
          const on = scope.hosts.get(host ?? '')?.value;
          return on === undefined || path === undefined ? [] : endpoint.quarantineFile({ host: on, path });
        },
        { lease: '30d' },
      );
      await eradicate('Clean the server', scope.hosts, (host) => endpoint.scanAv({ host }), {
        onFind: 'quarantine',
        lease: '30d',
      });
      await eradicate('Close the flaw', scope.hosts, (host) => server.patch({ host }));
    };
    await Promise.all([secrets(), clean()]);

    const scans = await collect('Look for the flaw', scope.hosts, (host) => vuln.scan({ host }), {
      within: '1d',
    });
    const areClean = scans.length >= scope.hosts.size && scans.every(({ output }) => output.clean);
    const isClosed = decide('Is the flaw closed?', areClean) || (await ask(flaw)).closed;
    const way = isClosed ? (await ask(back)).way : 'keep it off';
    if (way === 'keep it off') note('The server stays off the network until somebody releases it');
    else {
      if (way === 'restore its data')
        await recover(
          'Restore its data',
          scope.datasets,
          (set) => data.restoreBackup({ set, ...(before === undefined ? {} : { before }) }),
          { verify: 'first' },
        );
      if (way === 'reimage it')
        await recover('Set it up anew', scope.hosts, (host) => server.reimage({ host }));
      if (way !== 'cleaned')
        await recover('Scan what came back', scope.hosts, (host) => endpoint.scanAv({ host }));
      await release(scope.hosts, { when: 'clean' });
    }
    await watch('72h', { onRecurrence: 'contain' });
  },
);
