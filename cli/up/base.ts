import { mkdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { CHANNELS } from '../../channels';
import { AssetIndex } from '../../contracts/assets';
import type { Config } from '../../contracts/config';
import type { CallContext } from '../../contracts/integration';
import { INTEGRATIONS } from '../../integrations';
import { SOURCES } from '../../sources';
import { isDatabaseAway, openStore, type Store } from '../../store/store';
import { PLAYBOOKS } from '../../workflows/registry';
import type { Settings } from '../../temporal-config/env';
import type { Cleanups } from './cleanups';
import { resolveDrills } from './check-drills';
import { BadConfig, checkConfig, readConfigFile } from './load-config';
import type { Say } from './log';

const AGAIN_MS = 1_000;

/** What every process of Cordon stands on. */
export interface Base {
  settings: Settings;
  store: Store;
  config: Config;
  assets: AssetIndex;
  log: CallContext['log'];
  say: Say;
  cleanups: Cleanups;
}

/** What is told to wait no longer. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** Opens the database. One on the network that does not answer is waited for; what is wrong with it otherwise is thrown at once. */
export async function openDatabase(
  { databaseUrl, dataDir }: Pick<Settings, 'databaseUrl' | 'dataDir'>,
  { say, signal, cleanups }: { say: Say; signal: AbortSignal; cleanups: Cleanups },
): Promise<Store> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  say(databaseUrl === undefined ? `Opening the database in ${dataDir}…` : 'Opening PostgreSQL…');
  for (let told = false; ;) {
    try {
      const store = await openStore(databaseUrl === undefined ? { dataDir } : { databaseUrl });
      cleanups.add(() => store.close());
      return store;
    } catch (error) {
      if (databaseUrl === undefined || !isDatabaseAway(error)) throw error;
      if (!told) say('PostgreSQL does not answer. Waiting for it…');
      told = true;
    }
    await pauseUnless(signal);
  }
}

/** A pause between two tries; throws Stopped when the process is told to end meanwhile. */
export async function pauseUnless(signal: AbortSignal): Promise<void> {
  try {
    await pause(AGAIN_MS, undefined, { signal });
  } catch (error) {
    throw new Stopped('told to stop while it was starting', { cause: error });
  }
}

/** The configuration, checked against what this build has. */
export function loadConfig(
  settings: Pick<Settings, 'configFile'>,
  { raw = readConfigFile(settings.configFile), env = {} }: { raw?: unknown; env?: NodeJS.ProcessEnv } = {},
): { config: Config; assets: AssetIndex } {
  const known = { integrations: INTEGRATIONS, sources: SOURCES, channels: CHANNELS, playbooks: PLAYBOOKS };
  const config = checkConfig(raw, settings.configFile, known, { ...env, ...process.env });
  const { drills, mistakes } = resolveDrills(config, settings.configFile, PLAYBOOKS);
  if (mistakes.length > 0) throw new BadConfig(settings.configFile, mistakes);
  return { config: { ...config, drills }, assets: new AssetIndex(config.assets) };
}
