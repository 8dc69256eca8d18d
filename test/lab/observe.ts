import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab, LabHost } from './component';
import type { LabProcess } from './processes';
import { succeeds } from './processes';

/** Long enough for a loaded machine; what is cut stays cut. */
const SECONDS = '2';

/** Whether an echo request from there is answered in time. */
export function pings(from: LabHost, address: string): Promise<boolean> {
  return yes(() => from.net(['ping', '-n', '-q', '-c', '1', '-W', SECONDS, address]));
}

/** Whether a new TCP connection from there comes about in time. */
export function connects(from: LabHost, address: string, port: number): Promise<boolean> {
  return yes(() => from.net(['timeout', SECONDS, 'bash', '-c', `: </dev/tcp/${address}/${String(port)}`]));
}

async function yes(attempt: () => Promise<string>): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch {
    // That it does not come about is the answer; that it can come about is seen before and after.
    return false;
  }
}

const ECHO = `require('node:net').createServer((s) => { s.on('error', () => {}); s.pipe(s); }).listen(Number(process.argv[1]), () => console.log('listening'))`;
/** Says each line of stdin to the peer and prints what comes back. */
const TALK = `const [, address, port] = process.argv; const s = require('node:net').connect(Number(port), address);
s.on('connect', () => console.log('connected')); s.on('data', (d) => process.stdout.write(d));
s.on('error', () => {}); process.stdin.pipe(s);`;

/** A service on a host that answers with what it is told. */
export async function echoService(lab: Lab, host: LabHost, port: number): Promise<LabProcess> {
  const service = host.spawnInNet(`echo-${host.name}`, [process.execPath, '-e', ECHO, String(port)]);
  await lab.until(`the echo service of ${host.name}`, () => service.output().includes('listening'));
  return service;
}

/** One TCP connection that is kept open. */
export class Talk {
  private constructor(private readonly process: LabProcess) {}

  static async open(lab: Lab, from: LabHost, to: LabHost, port: number): Promise<Talk> {
    const process_ = from.spawnInNet(`talk-${from.name}-${to.name}-${String(Date.now())}`, [
      ...[process.execPath, '-e', TALK, to.address, String(port)],
    ]);
    await lab.until(`a connection from ${from.name} to ${to.name}`, () =>
      process_.output().includes('connected'),
    );
    return new Talk(process_);
  }

  /** Whether the other end says the word back within the time. */
  async echoes(word: string, withinMs = 2500): Promise<boolean> {
    this.process.child.stdin?.write(`${word}\n`);
    const until = Date.now() + withinMs;
    while (Date.now() < until) {
      if (this.process.output().includes(word)) return true;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return false;
  }

  close(): Promise<void> {
    return this.process.stop();
  }
}

/** Whether OpenSSH on the management station gets an answer from Cordon's agent on the host. */
export function sshAnswers(lab: Lab, host: LabHost): Promise<boolean> {
  return succeeds([
    ...[
      'ssh',
      '-F',
      'none',
      '-i',
      `${lab.folder}/cordon-ssh-key`,
      '-o',
      'BatchMode=yes',
      '-o',
      'ConnectTimeout=10',
    ],
    ...['-o', 'StrictHostKeyChecking=yes', '-o', `UserKnownHostsFile=${lab.folder}/known_hosts`],
    ...[`root@${host.address}`, 'status'],
  ]);
}

/** sha256 of a file as the host itself reads it; `gone` when it is not there. */
export async function hashOn(host: LabHost, path: string): Promise<string> {
  const out = await host.exec([
    'sh',
    '-c',
    'if [ -e "$1" ]; then sha256sum <"$1"; else echo gone; fi',
    'sh',
    path,
  ]);
  return out.trim().split(' ')[0] ?? '';
}

/** What the host's own clamd has written into its log about files below a folder: `found` by signature, or `clean`. */
export function clamdSaw(host: LabHost, below: string): { found: string[]; clean: string[] } {
  const lines = readFileSync(join(host.root, 'var/log/clamd.log'), 'utf8').split('\n');
  const of = (verdict: RegExp): string[] => [
    ...new Set(
      lines
        .filter((line) => line.includes(` ${below}`) || line.startsWith(below))
        .flatMap((line) => verdict.exec(line)?.[1] ?? []),
    ),
  ];
  return { found: of(/(\/.*): \S+ FOUND$/), clean: of(/(\/.*): OK$/) };
}
