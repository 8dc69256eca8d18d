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

/** One thing that is in force here, at the product, or at both. */
export const LeaseAuditRow = z.object({
  connection: z.string(),
  simulated: z.boolean(),
  action: ActionId,
  target: Target,
  /** Null where no lease of ours knows of it. */
  lease: z.string().nullable(),
  /** What the leases say. */
  here: z.enum(['in_force', 'releasing', 'none']),
  /** What the product says; `unknown` where it could not be asked. */
  there: z.enum(['in_force', 'gone', 'unknown']),
  /**
   * agrees. lost: contained here and not there. unleased: contained there and by no lease of ours; somebody else may have done
   * it. unread: the product did not answer.
   */
  finding: z.enum(['agrees', 'lost', 'unleased', 'unread']),
  /** Why it could not be read. */
  detail: z.string().nullable(),
  /** Incidents that hold the lease. */
  holders: z.array(z.string()),
});
export type LeaseAuditRow = z.infer<typeof LeaseAuditRow>;

/** A comparison of the leases with the products. It changes nothing at a product. */
export const LeaseAudit = z.object({
  id: z.string(),
  /** `person:<id>`, or `cordon` for the hourly one. */
  askedBy: z.string(),
  askedAt: z.string(),
  /** Null while it is under way. */
  finishedAt: z.string().nullable(),
  items: z.array(LeaseAuditRow),
});
export type LeaseAudit = z.infer<typeof LeaseAudit>;
