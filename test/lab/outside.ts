import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { obtainDevServer } from '../../temporal-config/dev-server';
import { readRows, Table } from './table';

const PROGRAMS = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  ip: 'iproute2',
  ping: 'iputils-ping',
  nft: 'nftables',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  clamd: 'clamav-daemon',
  samba: 'samba-ad-dc',
  'samba-tool': 'samba-ad-dc',
  rsyslogd: 'rsyslog',
  restic: 'restic',
  openssl: 'openssl',
  crowdsec: 'crowdsec',
} as const;
const UNSHARE = 'unshare';
const INSTALL = join(__dirname, 'install.sh');
const LIMIT_MS = 10 * 60_000;
const GONE_MS = 10_000;

/** Checks what is there, runs the lab in namespaces of its own, and proves that nothing is left of it. Resolves to the exit code. */
export async function outside(): Promise<number> {
  const missing = await prepare();
  if (missing !== undefined) {
    console.error(`npm run lab cannot run here: ${missing}`);
    return 1;
  }
  const folder = mkdtempSync(join(tmpdir(), 'cordon-lab-'));
  const table = new Table((line) => console.log(line));
  const how = await runInside(folder);
  if (existsSync(join(folder, 'rows.json'))) {
    const { rows, skipped } = readRows(folder);
    table.rows.push(...rows);
    table.skipped.push(...skipped);
  } else table.fail('the run', new Error(`it ended before its end (${how})`));
  const left = await leftovers(folder);
  table.row('nothing is left: processes, namespaces, mounts', {
    after: [left.join('\n') || 'nothing', 'nothing'],
  });
  const { passed, failed, skipped } = table.counts;
  console.log(table.toString());
  if (failed > 0) console.log(`The logs of this run are in ${keepLogs(folder)}`);
  // With a mount in it, it would be the machine's files that are removed.
  if (mountsOf(folder).length === 0) rmSync(folder, { recursive: true, force: true });
  const results = process.env['LAB_RESULTS'];
  if (results !== undefined && results !== '') writeFileSync(results, JSON.stringify(table.counts));
  console.log(`lab: ${String(passed)} passed, ${String(failed)} failed, ${String(skipped)} skipped`);
  return failed === 0 ? 0 : 1;
}

/** What keeps the lab from running, in words; undefined when nothing does. Installs what is missing. */
async function prepare(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'it needs Linux.';
  if (process.getuid?.() !== 0)
    return 'it needs root, for network namespaces and the servers in them. Try: sudo npm run lab';
  const lacking = (): string[] =>
    Object.entries(PROGRAMS)
      .filter(([program]) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
      .map(([program, debian]) => `${program} (package ${debian})`);
  if (lacking().length > 0) {
    console.log(`Missing: ${lacking().join(', ')}. Installing…`);
    spawnSync(INSTALL, { stdio: 'inherit' });
    if (lacking().length > 0) return `these are missing: ${lacking().join(', ')}.`;
  }
  const tried = spawnSync(
    UNSHARE,
    ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--mount-proc', 'nft', 'add table inet probe'],
    { encoding: 'utf8' },
  );
  if (tried.status !== 0) return `namespaces or nftables are not permitted here: ${tried.stderr.trim()}`;
  // The lab has no way out, so what must be fetched is fetched before.
  try {
    await obtainDevServer((line) => console.log(line));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Runs the inner part; a person's Ctrl-C, SIGTERM and the time limit make it take everything down. Resolves to how it ended. */
function runInside(folder: string): Promise<string> {
  // The shell as the first process of the namespace clears away what other processes leave behind.
  const argv = [
    ...['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc'],
    ...[
      'sh',
      '-c',
      '"$@"; exit $?',
      'sh',
      process.execPath,
      '-r',
      'tsx/cjs',
      join(__dirname, 'main.ts'),
      folder,
    ],
  ];
  // A group of its own: a Ctrl-C at the terminal is ours to pass on.
  const child = spawn(UNSHARE, argv, { stdio: ['pipe', 'inherit', 'inherit'], detached: true });
  return new Promise((resolve) => {
    let asked = 0;
    const end = (): void => {
      asked += 1;
      if (asked > 1) child.kill('SIGKILL');
      else {
        console.log('Stopping: taking everything down (again: at once)…');
        child.stdin.end();
      }
    };
    const limit = setTimeout(end, LIMIT_MS);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeListener(name, end);
      resolve(signal ?? `code ${String(code)}`);
    });
  });
}

/** What is still there of the run, ten seconds later at most. */
async function leftovers(folder: string): Promise<string[]> {
  const file = join(folder, 'namespaces.json');
  const own = new Set(['pid', 'net', 'mnt'].map((kind) => readlinkSync(`/proc/self/ns/${kind}`)));
  const namespaces = new Set(
    existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as string[]).filter((name) => !own.has(name))
      : [],
  );
  const deadline = Date.now() + GONE_MS;
  for (;;) {
    const left = [...processesOf(folder, namespaces), ...mountsOf(folder), ...linksOf()];
    if (left.length === 0 || Date.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Copies what Cordon and the hosts have logged to a folder of its own. */
function keepLogs(folder: string): string {
  const kept = mkdtempSync(join(tmpdir(), 'cordon-lab-logs-'));
  const take = (from: string, to: string): void => {
    if (existsSync(join(folder, from))) cpSync(join(folder, from), join(kept, to), { recursive: true });
  };
  take('log', '.');
  take('cordon/cordon.log', 'cordon.json.log');
  const hosts = join(folder, 'hosts');
  for (const host of existsSync(hosts) ? readdirSync(hosts) : []) take(join('hosts', host, 'var/log'), host);
  return kept;
}

function processesOf(folder: string, namespaces: ReadonlySet<string>): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const inside = ['pid', 'net', 'mnt'].some((kind) =>
          namespaces.has(readlinkSync(`/proc/${pid}/ns/${kind}`)),
        );
        return inside || command.includes(folder) ? [`process ${pid}: ${command.slice(0, 100)}`] : [];
      } catch {
        // It has ended since the folder was read, or is a kernel thread without a namespace to read.
        return [];
      }
    });
}

const mountsOf = (folder: string): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(folder))
    .map((line) => `mount ${line}`);

const linksOf = (): string[] =>
  readdirSync('/sys/class/net')
    .filter((name) => name.startsWith('lab0'))
    .map((name) => `interface ${name}`);
