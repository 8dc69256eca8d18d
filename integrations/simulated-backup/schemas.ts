import { z } from 'zod';

/** One restore of a dataset. `reference` is the key that the caller gave it. */
export const Restore = z.object({
  id: z.string(),
  reference: z.string(),
  snapshot: z.string(),
  files: z.number().int().nonnegative(),
  tree_sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Restore = z.infer<typeof Restore>;

/** A restore under way or over. */
export const RestoreJob = z.object({
  id: z.string(),
  reference: z.string(),
  status: z.enum(['running', 'completed', 'failed']),
  restore: Restore.nullable(),
});
export type RestoreJob = z.infer<typeof RestoreJob>;

/** What the product knows of a dataset: the restores in force, oldest first, and the jobs under way. */
export const DatasetState = z.object({
  name: z.string(),
  restores: z.array(Restore),
  running: z.array(RestoreJob),
});
export type DatasetState = z.infer<typeof DatasetState>;

export const Verification = z.object({
  snapshot: z.string(),
  taken_at: z.iso.datetime({ offset: true }),
  intact: z.boolean(),
  clean: z.boolean().nullable(),
  findings: z.array(z.string()),
});
