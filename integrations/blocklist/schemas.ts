import { z } from 'zod';

/** Config of one published list. */
export const BlocklistConfig = z.strictObject({
  /** Name of the list, as it appears in its address. */
  list: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and -')
    .default('blocked'),
  /** An entry leaves the list by itself after so long; it stays until it is taken off when left out. */
  expireAfterHours: z
    .number()
    .positive()
    .max(24 * 365)
    .optional(),
});
