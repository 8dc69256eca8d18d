import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Component, Contribution, Lab, LabHost } from './component';
import { eicarDatabase } from './eicar';
import { run, type LabProcess, type SpawnOptions } from './processes';

const INIT = join(__dirname, 'host', 'init.sh');
const AGENT = join(__dirname, '..', '..', 'integrations', 'linux-host', 'agent', 'cordon-agent.sh');

/** Where Cordon works from; the only address that an isolated host still talks to. */
export const MANAGEMENT = '198.51.100.13';
export const CLAMD_PORT = 3310;
const BRIDGE = 'lab0';

interface Spec {
  name: string;
  address: string;
  services: readonly ('rsyslogd' | 'sshd' | 'clamd')[];
}

/** Documentation addresses (RFC 5737), and no route that leads out. */
const HOSTS: readonly Spec[] = [
  { name: 'fin-ws-042', address: '198.51.100.11', services: ['rsyslogd', 'sshd', 'clamd'] },
  { name: 'fin-fs-01', address: '198.51.100.12', services: ['rsyslogd', 'sshd', 'clamd'] },
  { name: 'bastion', address: '198.51.100.15', services: ['rsyslogd', 'sshd', 'clamd'] },
  { name: 'peer', address: '198.51.100.14', services: [] },
  { name: 'attacker', address: '203.0.113.66', services: [] },
];
const NETWORKS = ['198.51.100.0/24', '203.0.113.0/24'];

/** A running host: namespaces held by its first process. */
class Host implements LabHost {
  readonly name: string;
  readonly address: string;
  /** Cordon can act on it. */
  readonly managed: boolean;

  constructor(
    spec: Spec,
    readonly root: string,
    private readonly pid: number,
    readonly process: LabProcess,
    private readonly spawn: Lab['spawn'],
  ) {
    this.name = spec.name;
    this.address = spec.address;
    this.managed = spec.services.length > 0;
  }

  readonly exec = (argv: readonly string[], options?: SpawnOptions): Promise<string> =>
    run(['nsenter', '-t', String(this.pid), '-a', ...argv], options);
  readonly net = (argv: readonly string[], options?: SpawnOptions): Promise<string> =>
    run(['nsenter', '-t', String(this.pid), '-n', ...argv], options);
  readonly spawnInNet = (name: string, argv: readonly string[]): LabProcess =>
    this.spawn(name, ['nsenter', '-t', String(this.pid), '-n', ...argv]);
}

type Needs = Pick<Lab, 'folder' | 'until' | 'spawn'>;

/** The machines of the lab and the network that joins them to the management station. */
export class Hosts implements Component {
  readonly name = 'hosts (sshd, nftables, clamd)';
  readonly byName = new Map<string, Host>();
  /** Cordon's key pair on disk: `key` and `key.pub`. */
  readonly key: string;

  constructor(private readonly lab: Needs) {
    this.key = join(lab.folder, 'cordon-ssh-key');
  }

  /** Makes the network and all hosts; resolves when their services answer. */
  async start(): Promise<Contribution> {
    await run(['ip', 'link', 'set', 'lo', 'up']);
    await run(['ip', 'link', 'add', BRIDGE, 'type', 'bridge']);
    await run(['ip', 'addr', 'add', `${MANAGEMENT}/24`, 'dev', BRIDGE]);
    await run(['ip', 'link', 'set', BRIDGE, 'up']);
    for (const network of NETWORKS)
      await run(['ip', 'route', 'replace', network, 'dev', BRIDGE, 'src', MANAGEMENT]);
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'cordon', '-f', this.key]);
    await Promise.all(HOSTS.map((spec) => this.#startHost(spec)));
    for (const host of this.#managed()) {
      for (const port of [22, CLAMD_PORT])
        await this.lab.until(`port ${String(port)} of ${host.name}`, () => answers(host.address, port));
    }
    const known = this.#managed().map(({ address, root }) => {
      const key = readFileSync(join(root, 'etc/ssh/ssh_host_ed25519_key.pub'), 'utf8');
      return `${address} ${key.split(' ').slice(0, 2).join(' ')}\n`;
    });
    writeFileSync(join(this.lab.folder, 'known_hosts'), known.join(''));
    return {
      connections: await this.#connections(),
      assets: this.#managed().map(({ name, address }) => ({
        id: name,
        kind: 'host',
        aliases: [`${name}.lab.example.com`],
        ips: [address],
        criticality: 4,
      })),
      inForce: () => this.#inForce(),
    };
  }

  #managed(): Host[] {
    return [...this.byName.values()].filter(({ managed }) => managed);
  }

  async #connections(): Promise<Contribution['connections']> {
    const entries = await Promise.all(
      this.#managed().map(async ({ name, address, root }) => {
        const file = join(root, 'etc/ssh/ssh_host_ed25519_key.pub');
        const hostKeySha256 = (await run(['ssh-keygen', '-lf', file])).split(' ')[1] ?? '';
        return {
          name,
          ssh: { address, hostKeySha256 },
          clamd: { address, port: CLAMD_PORT, paths: ['/home', '/srv'] },
        };
      }),
    );
    return [
      {
        id: 'linux-hosts',
        use: 'linux_host',
        config: {
          hosts: Object.fromEntries(entries.map(({ name, ssh }) => [name, ssh])),
          privateKey: { $file: this.key },
        },
      },
      {
        id: 'antivirus',
        use: 'clamav',
        config: { hosts: Object.fromEntries(entries.map(({ name, clamd }) => [name, clamd])) },
      },
    ];
  }

  /** What the kernels and the quarantine folders of the hosts hold. */
  async #inForce(): Promise<string[]> {
    const found = this.#managed().map(async ({ name, root, net }): Promise<string[]> => {
      const isolated = (await net(['nft', 'list', 'tables'])).includes('cordon_quarantine');
      const store = join(root, 'var/lib/cordon-agent/files');
      const entries = existsSync(store) ? readdirSync(store).filter((file) => file.endsWith('.json')) : [];
      const paths = entries.map((file) => {
        const { path64 } = JSON.parse(readFileSync(join(store, file), 'utf8')) as { path64: string };
        return Buffer.from(path64, 'base64').toString('utf8');
      });
      return [
        ...(isolated ? [`endpoint.isolate_host host:${name}`] : []),
        ...paths.map((path) => `endpoint.quarantine_file file:${name}${path}`),
      ];
    });
    return (await Promise.all(found)).flat();
  }

  /** Ends every host with all that runs on it. */
  async stop(): Promise<void> {
    await Promise.all([...this.byName.values()].map(({ process }) => process.stop()));
    this.byName.clear();
  }

  #root(name: string): string {
    return join(this.lab.folder, 'hosts', name);
  }

  async #startHost(spec: Spec): Promise<void> {
    const root = this.#root(spec.name);
    await this.#furnish(root, spec);
    const init = this.lab.spawn(`host-${spec.name}`, [
      ...['unshare', '--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child'],
      ...['sh', INIT, root, spec.name, ...spec.services],
    ]);
    const says = (word: string) => (): boolean => {
      if (init.ended() !== undefined) throw new Error(`host ${spec.name} ended: ${init.output()}`);
      return init.output().split('\n').includes(word);
    };
    await this.lab.until(`the root of ${spec.name}`, says('root'));
    const pid = Number(
      readFileSync(`/proc/${String(init.pid)}/task/${String(init.pid)}/children`, 'utf8').trim(),
    );
    const host = new Host(spec, root, pid, init, (...given) => this.lab.spawn(...given));
    this.byName.set(spec.name, host);
    await plug(host, pid, this.byName.size);
    init.child.stdin?.write('network\n');
    await this.lab.until(`the services of ${spec.name}`, says('up'));
  }

  /** What is the host's own: accounts, keys, the services' settings, and Cordon's agent as its README installs it. */
  async #furnish(root: string, { name, address, services }: Spec): Promise<void> {
    const put = (path: string, text: string, mode = 0o644): void => {
      const file = join(root, path);
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, text);
      chmodSync(file, mode);
    };
    for (const [file, lines] of Object.entries(ACCOUNTS)) put(`etc/${file}`, `${lines.join('\n')}\n`);
    put('etc/hostname', `${name}\n`);
    put('etc/nsswitch.conf', 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n');
    for (const path of ['ld.so.cache', 'alternatives'])
      if (existsSync(join('/etc', path)))
        cpSync(join('/etc', path), join(root, 'etc', path), { recursive: true, verbatimSymlinks: true });
    if (services.length === 0) return;
    mkdirSync(join(root, 'etc/ssh'), { recursive: true });
    await run([
      'ssh-keygen',
      '-q',
      '-t',
      'ed25519',
      '-N',
      '',
      '-C',
      name,
      '-f',
      join(root, 'etc/ssh/ssh_host_ed25519_key'),
    ]);
    put('etc/ssh/sshd_config', SSHD);
    put('etc/rsyslog.conf', RSYSLOG);
    put('etc/clamav/clamd.conf', clamdConf(address));
    for (const [file, text] of Object.entries(eicarDatabase())) put(`var/lib/clamav/${file}`, text);
    put(
      'etc/cordon-agent.conf',
      `MANAGEMENT='${MANAGEMENT}'\nSSH_PORT=22\nMANAGEMENT_PORTS=${String(CLAMD_PORT)}\nSTORE=/var/lib/cordon-agent\n`,
      0o600,
    );
    mkdirSync(join(root, 'local-sbin'), { recursive: true });
    copyFileSync(AGENT, join(root, 'local-sbin/cordon-agent.sh'));
    chmodSync(join(root, 'local-sbin/cordon-agent.sh'), 0o755);
    const publicKey = readFileSync(`${this.key}.pub`, 'utf8').trim();
    put(
      'root/.ssh/authorized_keys',
      `restrict,command="/usr/local/sbin/cordon-agent.sh /etc/cordon-agent.conf" ${publicKey}\n`,
      0o600,
    );
    mkdirSync(join(root, 'srv'), { recursive: true });
    mkdirSync(join(root, 'home'), { recursive: true });
  }
}

async function plug(host: Host, pid: number, number: number): Promise<void> {
  const wire = `lab0p${String(number)}`;
  await run(['ip', 'link', 'add', wire, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)]);
  await run(['ip', 'link', 'set', wire, 'master', BRIDGE, 'up']);
  await host.net(['ip', 'link', 'set', 'lo', 'up']);
  await host.net(['ip', 'addr', 'add', `${host.address}/32`, 'dev', 'eth0']);
  await host.net(['ip', 'link', 'set', 'eth0', 'up']);
  for (const network of NETWORKS) await host.net(['ip', 'route', 'add', network, 'dev', 'eth0']);
}

/** Whether a TCP connection from the management station comes about. */
async function answers(address: string, port: number): Promise<boolean> {
  return run(['bash', '-c', `: </dev/tcp/${address}/${String(port)}`], { timeoutMs: 2000 }).then(
    () => true,
    () => false,
  );
}

const ACCOUNTS = {
  passwd: [
    'root:x:0:0:root:/root:/bin/sh',
    'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin',
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
  ],
  shadow: ['root:*:20000:0:99999:7:::', 'sshd:*:20000:0:99999:7:::'],
  group: ['root:x:0:', 'tty:x:5:', 'adm:x:4:', 'nogroup:x:65534:'],
};

const SSHD = `Port 22
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
SyslogFacility AUTH
PidFile none
`;

const RSYSLOG = `module(load="imuxsock")
$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
auth,authpriv.* /var/log/auth.log
*.*;auth,authpriv.none /var/log/syslog
`;

const clamdConf = (address: string): string => `Foreground yes
LogFile /var/log/clamd.log
LogClean yes
TCPSocket ${String(CLAMD_PORT)}
TCPAddr ${address}
DatabaseDirectory /var/lib/clamav
TemporaryDirectory /tmp
OfficialDatabaseOnly no
MaxThreads 4
SelfCheck 600
`;
