import { dirname } from 'node:path';
import { Config } from '../contracts/config';
import type { Plan, PlanInput } from '../contracts/plan';
import { INTEGRATIONS } from '../integrations';
import { planOffline } from '../planner';
import { Unasked } from '../planner/connections';
import { SOURCES } from '../sources';
import { readEnv } from '../temporal-config/env';
import { PLAYBOOKS } from '../workflows/registry';
import { among, connectionAsker, type ConfigOf } from './up/ask-connection';
import { BadConfig, readConfigFile, withSecrets } from './up/load-config';

/** A connection's configuration with its secrets, read when it is asked and for it alone. */
const withSecretsOf =
  (connections: Config['connections'], configFile: string, env: NodeJS.ProcessEnv): ConfigOf =>
  (id) => {
    const found = among(connections)(id);
    const simulated = INTEGRATIONS.get(found.use)?.simulated ?? false;
    if (simulated && found.config['url'] === undefined)
      throw new Unasked('simulated: Cordon starts it with itself');
    const mistakes: string[] = [];
    const config = withSecrets(found.config, 'config', { folder: dirname(configFile), env, mistakes });
    if (mistakes.length > 0) throw new Unasked(mistakes.join('; '));
    return { ...found, config: config as typeof found.config };
  };

/**
 * A plan of the configuration file alone, without a server. No secret of it is read, but those of the connections that it is to ask,
 * where they are.
 */
export function plan(input: PlanInput, env: NodeJS.ProcessEnv = process.env): Promise<Plan> {
  const { configFile } = readEnv(env);
  const parsed = Config.safeParse(readConfigFile(configFile));
  if (!parsed.success)
    throw new BadConfig(
      configFile,
      parsed.error.issues.map((issue) => `${issue.path.join('.') || 'default export'}: ${issue.message}`),
    );
  const deps = {
    config: parsed.data,
    integrations: INTEGRATIONS,
    sources: SOURCES,
    playbooks: PLAYBOOKS,
    ask: connectionAsker(withSecretsOf(parsed.data.connections, configFile, env), INTEGRATIONS),
  };
  return planOffline(deps, input);
}
