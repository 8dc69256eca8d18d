import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Secret } from '../../contracts/secret';
import linuxHost from '../../integrations/linux-host';
import { fakeConnectTools } from '../contract/call-context';
import { Server, utils, type Connection, type ServerChannel } from 'ssh2';

const UNSHARE = 'unshare';
const AGENT = resolve(__dirname, '../../integrations/linux-host/agent/cordon-agent.sh');
export const HOST_MANAGED = '198.51.100.11';
export const MANAGEMENT = '198.51.100.13';
export const HOST_SEEN_BY_PEER = '203.0.113.1';

/** Why the agent can't run for real on this machine; undefined when it can. */
export function missingForNamespaces(): string | undefined {
  for (const tool of ['unshare', 'nsenter', 'nft', 'ip', 'flock']) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  }
  const tried = spawnSync(UNSHARE, ['-Urn', 'nft', 'add table inet probe'], { encoding: 'utf8' });
  return tried.status === 0 ? undefined : 'nft is not permitted in a user namespace';
}

const ECHO = `require('node:net').createServer((s) => { s.on('error', () => {}); s.pipe(s); })`;
/** Says each line of stdin to the peer and prints what comes back. */
const TALK = `const [, address, port] = process.argv; const s = require('node:net').connect(Number(port), address);
s.on('data', (d) => process.stdout.write(d)); s.on('error', () => {}); process.stdin.pipe(s);`;

/** One open TCP connection between two namespaces. */
export class Talk {
  readonly #child: ChildProcess;
  #heard = '';
  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (data: Buffer) => (this.#heard += data.toString()));
  }
  /** Whether the other end echoes the word within the time. */
  async echoes(word: string, withinMs: number): Promise<boolean> {
    this.#child.stdin?.write(`${word}\n`);
    const until = Date.now() + withinMs;
    while (Date.now() < until) {
      if (this.#heard.includes(word)) return true;
      await new Promise((done) => setTimeout(done, 20));
    }
    return false;
  }
  end(): void {
    this.#child.kill('SIGKILL');
  }
}

/** A host, a management station and a peer as network namespaces of an unprivileged user, joined by wires. */
export class Estate {
  readonly #children: ChildProcess[] = [];
  private constructor(
    private readonly host: ChildProcess,
    private readonly management: ChildProcess,
    private readonly peer: ChildProcess,
  ) {
    this.#children.push(host, management, peer);
  }

  static async start(): Promise<Estate> {
    const hold = async (argv: string[]): Promise<ChildProcess> => {
      const [program = '', ...args] = argv;
      const child = spawn(program, [...args, 'sh', '-c', 'echo up; exec sleep 900'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      return child;
    };
    const host = await hold([UNSHARE, '-Urn']);
    const inside = ['nsenter', '-t', String(host.pid), '-U', '--preserve-credentials', 'unshare', '-n'];
    const estate = new Estate(host, await hold(inside), await hold(inside));
    estate.#wire();
    for (const port of ['22', '8080']) {
      const server = estate.spawnIn('host', [
        'node',
        '-e',
        `${ECHO}.listen(${port}, () => console.log('up'))`,
      ]);
      if (server.stdout !== null) await once(server.stdout, 'data');
    }
    return estate;
  }

  #wire(): void {
    const { pid } = this.host;
    const wire = (other: 'management' | 'peer', name: string, ours: string, theirs: string): void => {
      const otherPid = String(this[other].pid);
      this.run('host', [
        'ip',
        'link',
        'add',
        name,
        'type',
        'veth',
        'peer',
        'name',
        'eth0',
        'netns',
        otherPid,
      ]);
      this.run('host', ['ip', 'addr', 'add', ours, 'dev', name]);
      this.run('host', ['ip', 'link', 'set', name, 'up']);
      this.run(other, ['ip', 'addr', 'add', theirs, 'dev', 'eth0']);
      this.run(other, ['ip', 'link', 'set', 'eth0', 'up']);
    };
    if (pid === undefined) throw new Error('the namespace did not start');
    this.run('host', ['ip', 'link', 'set', 'lo', 'up']);
    wire('management', 'to-mgmt', `${HOST_MANAGED}/24`, `${MANAGEMENT}/24`);
    wire('peer', 'to-peer', `${HOST_SEEN_BY_PEER}/30`, '203.0.113.2/30');
  }

  #enter(where: 'host' | 'management' | 'peer'): string[] {
    return ['nsenter', '-t', String(this[where].pid), '-U', '-n', '--preserve-credentials'];
  }

  spawnIn(
    where: 'host' | 'management' | 'peer',
    argv: string[],
    env: Record<string, string> = {},
  ): ChildProcess {
    const [program = '', ...args] = [...this.#enter(where), ...argv];
    const child = spawn(program, args, { stdio: 'pipe', env: { PATH: process.env['PATH'] ?? '', ...env } });
    this.#children.push(child);
    return child;
  }

  run(where: 'host' | 'management' | 'peer', argv: string[], env: Record<string, string> = {}): string {
    const [program = '', ...args] = [...this.#enter(where), ...argv];
    const done = spawnSync(program, args, {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', ...env },
    });
    if (done.status !== 0) throw new Error(`${argv.join(' ')}: ${done.stderr}${done.stdout}`);
    return done.stdout;
  }

  /** Whether a new connection from there to the host's port comes about within half a second. */
  reaches(from: 'management' | 'peer', port: number): boolean {
    const address = from === 'peer' ? HOST_SEEN_BY_PEER : HOST_MANAGED;
    const probe = `: </dev/tcp/${address}/${port}`;
    const [program = '', ...args] = this.#enter(from).concat('timeout', '0.5', 'bash', '-c', probe);
    return spawnSync(program, args).status === 0;
  }

  talk(from: 'management' | 'peer', port: number): Talk {
    const address = from === 'peer' ? HOST_SEEN_BY_PEER : HOST_MANAGED;
    return new Talk(this.spawnIn(from, ['node', '-e', TALK, address, String(port)]));
  }

  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

/** The agent's configuration and store of one test. */
export class AgentFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'cordon-agent-'));
  readonly conf = join(this.path, 'agent.conf');
  readonly store = join(this.path, 'store');
  constructor(management = MANAGEMENT) {
    writeFileSync(this.conf, `MANAGEMENT='${management}'\nSTORE='${this.store}'\n`);
  }
  /** What sshd runs for a command. */
  argv(...more: string[]): string[] {
    return ['sh', AGENT, this.conf, ...more];
  }
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface Keys {
  private: string;
  public: string;
}
/** One in 250 of the keys that ssh2 makes cannot be read again: it drops a leading zero. */
export function generateKeys(): Keys {
  for (let tries = 0; tries < 10; tries++) {
    const keys = utils.generateKeyPairSync('ed25519');
    if (!(utils.parseKey(keys.public) instanceof Error)) return keys;
  }
  throw new Error('ssh2 made ten keys that it cannot read');
}

export function fingerprint(publicKey: string): string {
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

export const hostKeys = generateKeys();
export const cordonKeys = generateKeys();
export const host = { name: 'fin-ws-042' };

export interface Settings {
  port: number;
  hostKeySha256?: string;
  privateKey?: string;
  callTimeoutMs?: number;
  proxyCommand?: string[];
}

/** The integration, connected to one host on this machine. */
export function connect({ port, hostKeySha256, privateKey, callTimeoutMs, proxyCommand }: Settings) {
  const config = linuxHost.config.parse({
    hosts: {
      'fin-ws-042.example.com': {
        address: '127.0.0.1',
        port,
        hostKeySha256: hostKeySha256 ?? fingerprint(hostKeys.public),
        ...(proxyCommand === undefined ? {} : { proxyCommand }),
      },
    },
    privateKey: new Secret(privateKey ?? cordonKeys.private),
    connectTimeoutMs: 3000,
    callTimeoutMs: callTimeoutMs ?? 3000,
    triageTimeoutMs: 20_000,
  });
  return linuxHost.connect(config, fakeConnectTools());
}

/** What the server does with a command: run it, or misbehave in one of these ways. */
export type Mood =
  'good' | 'hang' | 'garbage' | 'other_json' | 'lost_reply' | 'dropped' | 'no_agent' | 'flood';

/** An SSH server in this process that accepts one key and hands commands to `runCommand`. */
export class FakeSshServer {
  mood: Mood = 'good';
  readonly commands: string[] = [];
  readonly #open = new Set<Connection>();
  readonly #server: Server;

  constructor(
    hostKeys: Keys,
    accepted: Keys,
    private readonly runCommand: (command: string) => ChildProcess,
  ) {
    const parsed = utils.parseKey(accepted.public);
    if ('message' in parsed) throw parsed;
    const allowed = parsed;
    this.#server = new Server({ hostKeys: [hostKeys.private] }, (connection) => {
      this.#open.add(connection);
      connection.on('close', () => this.#open.delete(connection));
      connection.on('error', () => undefined);
      connection.on('authentication', (attempt) => {
        if (attempt.method !== 'publickey') {
          attempt.reject(['publickey']);
          return;
        }
        const known = allowed.getPublicSSH().equals(attempt.key.data);
        const { signature, blob } = attempt;
        const signed = signature === undefined || (blob !== undefined && allowed.verify(blob, signature));
        if (known && signed) attempt.accept();
        else attempt.reject();
      });
      connection.on('session', (accept) => {
        accept().on('exec', (take, _refuse, { command }) => {
          this.commands.push(command);
          this.#answer(take(), command, connection);
        });
      });
    });
  }

  #answer(channel: ServerChannel, command: string, connection: Connection): void {
    const say = (text: string, code: number): void => {
      channel.write(text);
      channel.exit(code);
      channel.end();
    };
    switch (this.mood) {
      case 'hang':
        return;
      case 'garbage':
        say('Welcome to fin-ws-042!\n', 0);
        return;
      case 'other_json':
        say('{"ok":true,"isolated":"yes"}\n', 0);
        return;
      case 'no_agent':
        say('', 127);
        return;
      case 'flood': {
        const more = (): void => {
          while (channel.writable && channel.write(Buffer.alloc(65_536, 'x')));
          if (channel.writable) channel.once('drain', more);
        };
        more();
        return;
      }
      case 'dropped':
        connection.end();
        return;
      case 'good':
      case 'lost_reply': {
        const child = this.runCommand(command);
        const reply: Buffer[] = [];
        child.stdout?.on('data', (data: Buffer) => reply.push(data));
        child.on('close', (code) => {
          if (this.mood === 'lost_reply') connection.end();
          else say(Buffer.concat(reply).toString(), code ?? 1);
        });
      }
    }
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const connection of this.#open) connection.end();
    this.#server.close();
    await Promise.resolve();
  }
}
