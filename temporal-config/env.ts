import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);

const Env = z.object({
  CORDON_DATA_DIR: z.string().min(1).default('.cordon'),
  PORT: port.default(8233),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'expected postgres://user@host:port/database')
    .optional(),
  TEMPORAL_ADDRESS: z.string().min(1).optional(),
  CORDON_TASK_QUEUE: z.string().min(1).default('cordon'),
  CORDON_CONFIG: z.string().min(1).default('cordon.config.ts'),
  CORDON_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

/** What the environment says. Temporal's own variables (TLS, API key, namespace, profile) are read by @temporalio/envconfig. */
export interface Settings {
  dataDir: string;
  port: number;
  host: string;
  databaseUrl: string | undefined;
  /** Set: use that Temporal. Unset: start a dev server. */
  temporalAddress: string | undefined;
  taskQueue: string;
  configFile: string;
  logLevel: z.infer<typeof Env>['CORDON_LOG_LEVEL'];
}

/** A variable has a value that cannot be used; the message names it and the fix. */
export class BadEnvironment extends Error {
  override readonly name = 'BadEnvironment';
}

/** Reads the environment once. Empty variables count as unset. */
export function readEnv(env: NodeJS.ProcessEnv = process.env, cwd = process.cwd()): Settings {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = Env.safeParse(set);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new BadEnvironment(
      `The environment cannot be used. ${lines.join('; ')}. Correct or unset the variable.`,
    );
  }
  const { data } = parsed;
  const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(cwd, path));
  return {
    dataDir: absolute(data.CORDON_DATA_DIR),
    port: data.PORT,
    host: data.HOST,
    databaseUrl: data.DATABASE_URL,
    temporalAddress: data.TEMPORAL_ADDRESS,
    taskQueue: data.CORDON_TASK_QUEUE,
    configFile: absolute(data.CORDON_CONFIG),
    logLevel: data.CORDON_LOG_LEVEL,
  };
}
