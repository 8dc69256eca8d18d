import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const HUB = '/usr/share/crowdsec/hub';
const PATTERNS = '/etc/crowdsec/patterns';
const CROWDSEC = '/usr/bin/crowdsec';
const CSCLI = '/usr/bin/cscli';
/** What Debian's package brings to see failed log-ins at sshd. */
const ITEMS = [
  'parsers/s00-raw/crowdsecurity/syslog-logs.yaml',
  'parsers/s01-parse/crowdsecurity/sshd-logs.yaml',
  'parsers/s02-enrich/crowdsecurity/dateparse-enrich.yaml',
  'scenarios/crowdsecurity/ssh-bf.yaml',
];

/** Why there is no CrowdSec on this machine; undefined when there is one. */
export const NO_CROWDSEC = [CROWDSEC, CSCLI, PATTERNS, ...ITEMS.map((item) => join(HUB, item))]
  .filter((path) => !existsSync(path))
  .map((path) => `no ${path}; install crowdsec`)
  .at(0);

/** Machine account for Cordon. */
export const CROWDSEC_MACHINE = 'cordon';

export interface EnforcedDecision {
  id: number;
  origin: string;
  type: string;
  value: string;
  scenario: string;
  duration: string;
}

export interface CrowdsecFiles {
  readonly url: string;
  /** Password of the machine account. */
  readonly password: string;
  /** Starts the product in the foreground. */
  readonly command: readonly string[];
  /** Starts the administrator's tool. */
  readonly cscli: readonly string[];
  /** Adds the accounts: for the detector itself, for Cordon, and for a bouncer. */
  readonly accounts: readonly (readonly string[])[];
  /** Decisions in force, as a bouncer sees them: on one address, or all. */
  decisions(ip?: string): Promise<EnforcedDecision[]>;
}

export interface CrowdsecLayout {
  folder: string;
  port: number;
  /** Logs to watch; without any it is a local API only. */
  logs?: readonly string[];
  /** How long CrowdSec itself bans whom it detects; left out, it only alerts. */
  remediate?: string;
}

/** Writes the configuration of a CrowdSec of its own: loopback, SQLite, no central API. */
export function layOutCrowdsec({ folder, port, logs = [], remediate }: CrowdsecLayout): CrowdsecFiles {
  const etc = join(folder, 'etc');
  for (const name of ['data', 'hub', 'etc/notifications', 'etc/plugins', 'etc/postoverflows'])
    mkdirSync(join(folder, name), { recursive: true });
  cpSync(PATTERNS, join(etc, 'patterns'), { recursive: true, dereference: true });
  for (const item of ITEMS) {
    // Without the author's folder: the product counts the levels.
    const [kind = '', ...rest] = item.split('/');
    const place = join(etc, kind, ...(rest.length === 3 ? [rest[0] ?? ''] : []), rest.at(-1) ?? '');
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(join(HUB, item), place);
  }
  const files: Record<string, string> = {
    'hub/.index.json': '{"parsers":{},"scenarios":{},"collections":{},"postoverflows":{}}',
    'etc/console.yaml': '',
    'etc/creds.yaml': '',
    'etc/simulation.yaml': 'simulation: false\n',
    'etc/profiles.yaml': profile(remediate),
    'etc/acquis.yaml': `filenames: ${JSON.stringify(logs)}\nlabels: {type: syslog}\n`,
    'etc/config.yaml': config(folder, port),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const url = `http://127.0.0.1:${String(port)}`;
  const [password, bouncerKey] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  const cscli = [CSCLI, '-c', join(etc, 'config.yaml')];
  const creds = join(etc, 'creds.yaml');
  return {
    url,
    password,
    cscli,
    command: [CROWDSEC, '-c', join(etc, 'config.yaml'), ...(logs.length === 0 ? ['-no-cs'] : [])],
    accounts: [
      [...cscli, 'machines', 'add', 'detector', '--auto', '--force', '-f', creds],
      [...cscli, 'machines', 'add', CROWDSEC_MACHINE, '--password', password, '--force', '-f', '/dev/null'],
      [...cscli, 'bouncers', 'add', 'bouncer', '-k', bouncerKey],
    ],
    decisions: async (ip) => {
      const query = ip === undefined ? '' : `?ip=${encodeURIComponent(ip)}`;
      const reply = await fetch(`${url}/v1/decisions${query}`, {
        headers: { 'X-Api-Key': bouncerKey },
        signal: AbortSignal.timeout(10_000),
      });
      if (!reply.ok) throw new Error(`the bouncer is answered ${String(reply.status)}`);
      return ((await reply.json()) ?? []) as EnforcedDecision[];
    },
  };
}

const profile = (remediate: string | undefined): string => `name: default
filters: ['${remediate === undefined ? 'false' : 'Alert.Remediation == true && Alert.GetScope() == "Ip"'}']
decisions: [{type: ban, duration: ${remediate ?? '4h'}}]
on_success: break
`;

const config = (folder: string, port: number): string => `
common: {daemonize: false, log_media: stdout, log_level: info, working_dir: .}
config_paths:
  config_dir: ${folder}/etc/
  data_dir: ${folder}/data/
  simulation_path: ${folder}/etc/simulation.yaml
  hub_dir: ${folder}/hub/
  index_path: ${folder}/hub/.index.json
  notification_dir: ${folder}/etc/notifications/
  plugin_dir: ${folder}/etc/plugins/
crowdsec_service: {acquisition_path: ${folder}/etc/acquis.yaml, parser_routines: 1}
cscli: {output: json, color: "no"}
db_config: {type: sqlite, db_path: ${folder}/data/crowdsec.db, use_wal: true, flush: {max_items: 5000, max_age: 7d}}
api:
  client: {insecure_skip_verify: false, credentials_path: ${folder}/etc/creds.yaml}
  server:
    log_level: info
    listen_uri: "127.0.0.1:${String(port)}"
    profiles_path: ${folder}/etc/profiles.yaml
    console_path: ${folder}/etc/console.yaml
    trusted_ips: [127.0.0.1]
prometheus: {enabled: false}
`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Crowdsec extends CrowdsecFiles {
  /** Runs the administrator's tool and gives its stdout. */
  admin(...args: string[]): Promise<string>;
  /** Ends the product, and starts it again on the same data unless it runs. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its files. */
  remove(): Promise<void>;
}

/** Starts a CrowdSec of its own in a folder of its own. */
export async function startCrowdsec(
  options: Pick<CrowdsecLayout, 'logs' | 'remediate'> = {},
): Promise<Crowdsec> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-crowdsec-'));
  const files = layOutCrowdsec({ folder, port: await freePort(), ...options });
  const run = async ([program = '', ...args]: readonly string[]): Promise<string> =>
    (await promisify(execFile)(program, args, { timeout: 30_000 })).stdout;
  for (const account of files.accounts) await run(account);
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  const stop = async (): Promise<void> => {
    child?.kill('SIGTERM');
    await ended;
    child = undefined;
  };
  const start = async (): Promise<void> => {
    if (child !== undefined) return;
    const [program = '', ...args] = files.command;
    const log = openSync(join(folder, 'log'), 'a');
    const started = spawn(program, args, { stdio: ['ignore', log, log] });
    child = started;
    ended = new Promise((resolve) => started.once('exit', () => resolve()));
    for (let round = 0; ; round++) {
      if (
        await files.decisions('192.0.2.1').then(
          () => true,
          () => false,
        )
      )
        return;
      if (round > 300 || started.exitCode !== null) throw new Error('crowdsec does not start');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await start();
  return {
    ...files,
    admin: (...args) => run([...files.cscli, ...args]),
    stop,
    start,
    remove: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
