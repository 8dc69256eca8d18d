import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config, ConfigInput } from '../../contracts/config';
import { Authority } from './authority';
import type { Component, Contribution } from './component';
import { BACKUP_ENV, BackupsComponent } from './components/backups';
import { CrowdsecComponent } from './components/crowdsec';
import { DIRECTORY_ENV, DirectoryComponent } from './components/directory';
import { MAIL_ENV, MailComponent } from './components/mail';
import { Cordon } from './cordon';
import { Station } from './lab';
import { play } from './play';
import { account } from './scenarios/account';
import { bruteForce } from './scenarios/brute-force';
import { mailing } from './scenarios/mailing';
import { malware } from './scenarios/malware';
import { ransomware } from './scenarios/ransomware';
import { SOURCE_ENV, SOURCES } from './sources';
import { Table } from './table';
import { takeDown, writeNamespaces } from './take-down';

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
  const starting: Promise<unknown>[] = [];
  const start = async <H extends Contribution>(component: Component<H>): Promise<H> => {
    running.push(component);
    const begun = Date.now();
    const coming = component.start(station);
    starting.push(coming);
    const handle = await coming;
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
    const crowdsec = await start(new CrowdsecComponent());
    const parts: Contribution[] = [hosts, directory, mail, backups, crowdsec, LIST];
    running.push({ name: 'Cordon', stop: () => cordon.stop() });
    Object.assign(process.env, DIRECTORY_ENV, MAIL_ENV, BACKUP_ENV, SOURCE_ENV);
    const configFile = writeConfig(folder, parts);
    await cordon.start(configFile);
    say('Cordon is up');
    const stage = { station, cordon, table, parts, configFile };
    await play(
      [malware, account(directory), ransomware(backups), mailing(mail), bruteForce(crowdsec)],
      stage,
    );
  } catch (error) {
    table.fail('the run', error);
  } finally {
    // What is half up is let come up: it can then be told to end.
    await Promise.allSettled(starting);
    await takeDown(running, station, table);
  }
  return table;
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
