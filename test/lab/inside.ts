import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config, ConfigInput } from '../../contracts/config';
import { Authority } from './authority';
import type { Component, Contribution, Scenario } from './component';
import { BACKUP_ENV, BackupsComponent } from './components/backups';
import { DIRECTORY_ENV, DirectoryComponent } from './components/directory';
import { MAIL_ENV, MailComponent } from './components/mail';
import { Cordon } from './cordon';
import { Station } from './lab';
import { account } from './scenarios/account';
import { mailing } from './scenarios/mailing';
import { malware } from './scenarios/malware';
import { ransomware } from './scenarios/ransomware';
import { SOURCE_ENV, SOURCES } from './sources';
import { Table } from './table';

const STOPPED_MS = 5000;
const ROOT = join(__dirname, '..', '..');

/** Brings the lab up, plays the scenarios, undoes them and takes the lab down again. Runs in namespaces of its own. */
export async function inside(folder: string, signal: AbortSignal): Promise<Table> {
  const started = Date.now();
  const say = (line: string): void => {
    console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  };
  const table = new Table(say);
  const station = new Station(folder, signal, say);
  const cordon = new Cordon(station);
  const running: Pick<Component, 'name' | 'stop'>[] = [];
  const start = async <H extends Contribution>(component: Component<H>): Promise<H> => {
    running.push(component);
    const begun = Date.now();
    const handle = await component.start(station);
    say(`${component.name} is up (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
    return handle;
  };
  try {
    const authority = new Authority(folder);
    const directoryUp = start(new DirectoryComponent(authority));
    directoryUp.catch(() => undefined);
    const hosts = await start(station.machines);
    writeNamespaces(folder);
    const mail = await start(new MailComponent(authority));
    const backups = await start(new BackupsComponent());
    const directory = await directoryUp;
    const parts: Contribution[] = [hosts, directory, mail, backups, LIST];
    running.push({ name: 'Cordon', stop: () => cordon.stop() });
    Object.assign(process.env, DIRECTORY_ENV, MAIL_ENV, BACKUP_ENV, SOURCE_ENV);
    await cordon.start(writeConfig(folder, parts));
    say('Cordon is up');
    await play([malware, account(directory), ransomware(backups), mailing(mail)], {
      station,
      cordon,
      table,
      parts,
    });
  } catch (error) {
    table.fail('the run', error);
  } finally {
    await takeDown(running, station, table);
  }
  return table;
}

interface Stage {
  station: Station;
  cordon: Cordon;
  table: Table;
  parts: readonly Contribution[];
}

/** All stories at once up to where everything is in force, then all undos at once. */
async function play(scenarios: readonly Scenario[], { station, cordon, table, parts }: Stage): Promise<void> {
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      table.fail(what, error);
      return undefined;
    }
  };
  const compare = (what: string): Promise<undefined> =>
    attempt<undefined>(what, async () => {
      const leases = (await cordon.leases()).map(({ action, target }) => `${action} ${target.key}`);
      const real = (await Promise.all(parts.map(async ({ inForce }) => (await inForce?.()) ?? []))).flat();
      table.row(what, {
        during: [leases.sort().join('\n') || 'nothing', real.sort().join('\n') || 'nothing'],
      });
    });
  const undos = await Promise.all(
    scenarios.map((scenario) => attempt(scenario.name, () => scenario.run(station, cordon, table))),
  );
  await compare('leases equal what the products have in force');
  await Promise.all(
    undos.map(async (undo, index) => {
      if (undo !== undefined) await attempt(`undo: ${scenarios[index]?.name ?? ''}`, undo);
    }),
  );
  await compare('leases equal what the products have in force after the undos');
  await attempt('the journal', async () => {
    const report = await cordon.api<{ ok: boolean }>('GET', '/journal/verify');
    table.row('the journal verifies', { after: [report.ok, true] });
  });
}

/** Last: a product that blocks addresses by itself goes first. */
const LIST: Contribution = { connections: [{ id: 'published-list', use: 'blocklist' }] };

function writeConfig(folder: string, parts: readonly Contribution[]): string {
  const config: Omit<ConfigInput, 'policy'> = {
    connections: parts.flatMap(({ connections }) => connections ?? []),
    sources: [...SOURCES, ...parts.flatMap(({ sources }) => sources ?? [])],
    assets: parts.flatMap(({ assets }) => assets ?? []),
  };
  const file = join(folder, 'cordon.config.ts');
  const from = (name: keyof Config | 'config'): string => JSON.stringify(join(ROOT, 'contracts', name));
  writeFileSync(
    file,
    `import { defineConfig } from ${from('config')};\nimport { DEFAULT_POLICY } from ${from('policy')};\n` +
      `export default defineConfig({ ...${JSON.stringify(config, undefined, 2)}, policy: DEFAULT_POLICY });\n`,
    { mode: 0o600 },
  );
  return file;
}

/** Stops everything, the newest first, and makes sure that nothing runs any more. */
async function takeDown(
  running: readonly Pick<Component, 'name' | 'stop'>[],
  station: Station,
  table: Table,
): Promise<void> {
  for (const component of [...running].reverse()) {
    try {
      await component.stop();
    } catch (error) {
      table.fail(`stopping ${component.name}`, error);
    }
  }
  await station.stopRest();
  let left = processes();
  await station
    .until('every process to end', () => (left = processes()).length === 0, STOPPED_MS)
    .catch(() => undefined);
  table.row('everything has ended when it was told to', { after: [left.join('\n') || 'yes', 'yes'] });
}

/** What runs in the lab besides ourselves, the first process, and the compiler that reads our own files. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && pid !== '1' && Number(pid) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return command === '' || /esbuild --service/.test(command) ? [] : [command.slice(0, 100)];
      } catch {
        // It has ended since the folder was read.
        return [];
      }
    });
}

/** Which namespaces are ours, for the check from outside afterwards. */
function writeNamespaces(folder: string): void {
  const found = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    for (const kind of ['net', 'mnt', 'pid'])
      try {
        found.add(readlinkSync(`/proc/${pid}/ns/${kind}`));
      } catch {
        // It has ended since the folder was read.
      }
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'namespaces.json'), JSON.stringify([...found]));
}

/** What the outside reads of a run. */
export function writeRows(folder: string, table: Table): void {
  writeFileSync(join(folder, 'rows.json'), JSON.stringify({ rows: table.rows, skipped: table.skipped }));
}

export function readRows(folder: string): { rows: Table['rows']; skipped: string[] } {
  return JSON.parse(readFileSync(join(folder, 'rows.json'), 'utf8')) as {
    rows: Table['rows'];
    skipped: string[];
  };
}
