import { z } from 'zod';
import { ActionId } from './actions';
import { JsonObject, Target } from './values';

/**
 * in_force: applied and verified. releasing: the inverse is under way or failed and is tried again.
 * released: verified gone. Leases that `weDidIt` is false for were in force before us: never undone by us.
 */
export const LeaseStatus = z.enum(['in_force', 'releasing', 'released']);

export const Lease = z.object({
  id: z.string(),
  connection: z.string(),
  simulated: z.boolean(),
  action: ActionId,
  inverse: ActionId,
  inverseInput: JsonObject,
  target: Target,
  status: LeaseStatus,
  weDidIt: z.boolean(),
  /** Null: until somebody releases it. */
  expiresAt: z.string().nullable(),
  createdAt: z.string(),
  releasedAt: z.string().nullable(),
  lastError: z.string().nullable(),
  holders: z.array(
    z.object({
      incident: z.string(),
      acquiredAt: z.string(),
      releasedAt: z.string().nullable(),
      reason: z.string(),
    }),
  ),
});
export type Lease = z.infer<typeof Lease>;
