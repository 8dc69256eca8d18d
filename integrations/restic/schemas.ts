import { z } from 'zod';
import { Secret } from '../../contracts/secret';
import { Sha256 } from '../../contracts/values';

const absolute = z.string().regex(/^\/[^\0]*[^/\0]$/, 'expected an absolute path that does not end in /');

const Dataset = z
  .object({
    /** The folder in use, on this machine. */
    path: absolute,
    /** Where the snapshots have it; the same path when left out. */
    snapshotPath: absolute.optional(),
    /** Only snapshots that this host has made. */
    host: z.string().min(1).max(255).optional(),
  })
  .strict();
export type Dataset = z.output<typeof Dataset>;

export const ResticConfig = z
  .object({
    repository: z.string().min(1).max(4096),
    password: z.instanceof(Secret),
    /** More of the child's environment, such as AWS_ACCESS_KEY_ID. Nothing of ours is inherited but PATH. */
    env: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.instanceof(Secret)).default({}),
    program: z.string().min(1).default('restic'),
    datasets: z
      .record(z.string().min(1), Dataset)
      .refine((sets) => Object.keys(sets).length > 0, 'name a dataset'),
    /** For each call of restic; reading a whole repository takes hours. */
    timeoutMs: z
      .number()
      .int()
      .min(100)
      .max(86_400_000)
      .default(6 * 3_600_000),
  })
  .strict();
export type ResticConfig = z.output<typeof ResticConfig>;

export const Snapshots = z
  .array(
    z.object({
      id: Sha256,
      time: z.iso.datetime({ offset: true }),
      hostname: z.string(),
      paths: z.array(z.string()),
    }),
  )
  .nullable();

/** What is remembered beside the dataset of one restore, so that a crash at any step can be continued or read. */
export const Marker = z.object({
  status: z.enum(['restoring', 'restored', 'reverting', 'reverted']),
  actionKey: z.string(),
  incident: z.string(),
  snapshot: Sha256,
  files: z.number().int().nonnegative(),
  treeSha256: Sha256,
});
export type Marker = z.output<typeof Marker>;
