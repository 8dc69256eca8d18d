import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);

const Env = z
  .object({
    CORDON_DATA_DIR: z.string().min(1).default('.cordon'),
    PORT: port.default(8233),
    HOST: z.string().min(1).default('127.0.0.1'),
    DATABASE_URL: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'expected postgres://user@host:port/database')
      .optional(),
    TEMPORAL_ADDRESS: z.string().min(1).optional(),
    CORDON_TASK_QUEUE: z.string().min(1).default('cordon'),
    CORDON_DEPLOYMENT: z.string().min(1).max(200).optional(),
    CORDON_BUILD_ID: z.string().min(1).max(200).optional(),
    CORDON_VERSIONING: z.enum(['pinned', 'auto_upgrade']).default('pinned'),
    CORDON_CONFIG: z.string().min(1).default('cordon.config.ts'),
    CORDON_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .refine((env) => (env.CORDON_DEPLOYMENT === undefined) === (env.CORDON_BUILD_ID === undefined), {
    path: ['CORDON_BUILD_ID'],
    message: 'set it together with CORDON_DEPLOYMENT, or neither',
  });

/** Which version of the code a worker runs, and what becomes of runs that began on an older one. */
export interface Versioning {
  deployment: string;
  buildId: string;
  /** pinned: they end on the version on which they began. auto_upgrade: they move on to the current one and must replay there. */
  behavior: 'pinned' | 'auto_upgrade';
}

/** What the environment says. Temporal's own variables (TLS, API key, namespace, profile) are read by @temporalio/envconfig. */
export interface Settings {
  dataDir: string;
  port: number;
  host: string;
  databaseUrl: string | undefined;
  /** Set: use that Temporal. Unset: start a dev server. */
  temporalAddress: string | undefined;
  taskQueue: string;
  /** Set: this worker is one version of a deployment. https://docs.temporal.io/worker-versioning */
  versioning: Versioning | undefined;
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
    versioning:
      data.CORDON_DEPLOYMENT === undefined || data.CORDON_BUILD_ID === undefined
        ? undefined
        : {
            deployment: data.CORDON_DEPLOYMENT,
            buildId: data.CORDON_BUILD_ID,
            behavior: data.CORDON_VERSIONING,
          },
    configFile: absolute(data.CORDON_CONFIG),
    logLevel: data.CORDON_LOG_LEVEL,
  };
}
