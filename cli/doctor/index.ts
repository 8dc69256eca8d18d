import { join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import type { Kysely } from 'kysely';
import packageJson from '../../package.json';
import { CHANNELS } from '../../channels';
import type { Config } from '../../contracts/config';
import { INTEGRATIONS } from '../../integrations';
import { SOURCES } from '../../sources';
import type { Schema } from '../../store/schema';
import { BadEnvironment, readEnv, type Settings } from '../../temporal-config/env';
import { PLAYBOOKS } from '../../workflows/registry';
import { resolveDrills } from '../up/check-drills';
import { BadConfig, checkConfig, readConfigFile } from '../up/load-config';
import { examine, type Finding } from './finding';
import { sanity } from './sanity';
import { circuits, connections, database, dataFolder, openForLooking, temporal } from './services';

export interface DoctorReport {
  ok: boolean;
  items: Finding[];
}

const broken = (what: string, detail: string): Finding => ({ status: 'broken', what, detail });

function node(version: string): Finding {
  const wanted = packageJson.engines.node.replace('>=', '').split('.').map(Number);
  const have = version.split('.').map(Number);
  const enough =
    (have[0] ?? 0) > (wanted[0] ?? 0) || (have[0] === wanted[0] && (have[1] ?? 0) >= (wanted[1] ?? 0));
  return enough
    ? { status: 'ok', what: 'Node.js', detail: version }
    : broken('Node.js', `${version}; Cordon needs ${packageJson.engines.node}`);
}

/** The first start makes the secret of the demo source; before that it is not missing. */
function withDemoSecret(env: NodeJS.ProcessEnv, dataDir: string): NodeJS.ProcessEnv {
  const file = join(dataDir, 'demo-hook-secret');
  const secret = existsSync(file) ? readFileSync(file, 'utf8') : 'made at the first start';
  return { CORDON_DEMO_HOOK_SECRET: secret, ...env };
}

/** Where a simulated product would be: `up` starts it and knows. */
const NOT_STARTED = 'http://127.0.0.1:9';

interface RawConnection {
  use?: unknown;
  config?: { url?: unknown };
}

/** Gives simulated connections the address that `up` gives them. */
function withSimulated(raw: unknown): unknown {
  const connections = (raw as { connections?: RawConnection[] } | undefined)?.connections;
  if (!Array.isArray(connections)) return raw;
  const amended = connections.map((one) => {
    const simulated = typeof one.use === 'string' && INTEGRATIONS.get(one.use)?.simulated === true;
    return simulated && one.config?.url === undefined
      ? { ...one, config: { ...one.config, url: NOT_STARTED } }
      : one;
  });
  return { ...(raw as object), connections: amended };
}

function loadConfig(settings: Settings, env: NodeJS.ProcessEnv): { config?: Config; items: Finding[] } {
  const { configFile } = settings;
  try {
    const known = { integrations: INTEGRATIONS, sources: SOURCES, channels: CHANNELS, playbooks: PLAYBOOKS };
    const raw = withSimulated(readConfigFile(configFile));
    const config = checkConfig(raw, configFile, known, withDemoSecret(env, settings.dataDir));
    const { mistakes } = resolveDrills(config, configFile, PLAYBOOKS);
    if (mistakes.length > 0) throw new BadConfig(configFile, mistakes);
    const counts = `${String(config.connections.length)} connections, ${String(config.sources.length)} sources, ${String(config.people.length)} people`;
    return { config, items: [{ status: 'ok', what: 'configuration', detail: `${configFile}: ${counts}` }] };
  } catch (error) {
    const mistakes =
      error instanceof BadConfig ? error.mistakes : [error instanceof Error ? error.message : String(error)];
    return { items: mistakes.map((mistake) => broken('configuration', mistake)) };
  }
}

/** Looks at everything that Cordon needs, changes nothing, and names every mistake. */
export async function doctor(env: NodeJS.ProcessEnv = process.env): Promise<DoctorReport> {
  const items: Finding[] = [node(process.versions.node)];
  const done = (): DoctorReport => ({ ok: !items.some(({ status }) => status === 'broken'), items });
  let settings: Settings;
  try {
    settings = readEnv(env);
  } catch (error) {
    if (!(error instanceof BadEnvironment)) throw error;
    items.push(broken('environment', error.message));
    return done();
  }
  const { config, items: found } = loadConfig(settings, env);
  items.push(...found, await dataFolder(settings));
  const db: Kysely<Schema> | undefined =
    settings.databaseUrl === undefined ? undefined : openForLooking(settings.databaseUrl);
  try {
    items.push(...(await Promise.all([database(settings, db), temporal(settings, env)])));
    if (config !== undefined) {
      items.push(
        ...config.sources.map(({ id, use }): Finding => ({
          status: 'ok',
          what: `source ${id}`,
          detail: `${use}, secrets present`,
        })),
      );
      items.push(
        ...(await connections(config, INTEGRATIONS, db, NOT_STARTED)),
        ...(await circuits(db)),
        ...sanity(config),
      );
    }
  } finally {
    // A database that does not answer does not let go of its connections either.
    await examine('', () => db?.destroy().then(() => '') ?? '', 1000);
  }
  return done();
}
