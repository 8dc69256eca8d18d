import { Config } from '../contracts/config';
import type { Plan, PlanInput } from '../contracts/plan';
import { INTEGRATIONS } from '../integrations';
import { planOffline } from '../planner';
import { SOURCES } from '../sources';
import { readEnv } from '../temporal-config/env';
import { PLAYBOOKS } from '../workflows/registry';
import { BadConfig, readConfigFile } from './up/load-config';

/** A plan of the configuration file alone, without a server. No secret of it is read. */
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
  };
  return planOffline(deps, input);
}
