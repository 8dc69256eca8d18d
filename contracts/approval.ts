import { z } from 'zod';
import { ActionId } from './actions';
import { Requirement } from './policy';
import { JsonObject, Phase, Role, Target } from './values';

/** A request for decisions on the items of a group. SQL is the truth; see `store/`. */
export const ApprovalItemStatus = z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled']);
export type ApprovalItemStatus = z.infer<typeof ApprovalItemStatus>;

export const ApprovalItem = z.object({
  /** sha256 of RFC 8785 JSON of action, connection, target, parameters, lease, policy version. */
  itemHash: z.string(),
  action: ActionId,
  title: z.string(),
  connection: z.string(),
  simulated: z.boolean(),
  target: Target,
  input: JsonObject,
  leaseSeconds: z.number().int().positive().nullable(),
  impact: z.enum(['none', 'low', 'high', 'irreversible']),
  /** Another action takes it back, or it is itself what takes something back. */
  reversible: z.boolean(),
  requirement: Requirement,
  status: ApprovalItemStatus,
  decisions: z.array(
    z.object({
      id: z.string(),
      person: z.string(),
      /** In whose seat, where that is not the person's own; the roles are then those of the seat. */
      for: z.string().optional(),
      roles: z.array(Role),
      verdict: z.enum(['approve', 'deny', 'withdraw', 'break_glass']),
      reason: z.string().optional(),
      channel: z.string(),
      at: z.string(),
    }),
  ),
});
export type ApprovalItem = z.infer<typeof ApprovalItem>;

/** Who decided, in words: `bo`, or `bo for lea`. */
export const speakerOf = ({ person, for: seat }: ApprovalItem['decisions'][number]): string =>
  seat === undefined ? person : `${person} for ${seat}`;

export const ApprovalRequest = z.object({
  id: z.string(),
  incident: z.string(),
  incidentTitle: z.string(),
  mode: z.enum(['drill', 'live']),
  group: z.string(),
  phase: Phase,
  title: z.string(),
  reason: z.string(),
  planHash: z.string(),
  policyVersion: z.string(),
  status: z.enum(['open', 'settled']),
  createdAt: z.string(),
  expiresAt: z.string(),
  items: z.array(ApprovalItem),
});
export type ApprovalRequest = z.infer<typeof ApprovalRequest>;

/** One person has items done at once, where the policy lets their role. A review stays open until another lead closes it. */
export const BreakGlassInput = z
  .object({
    decisionId: z.uuid(),
    /** All pending items when left out. */
    items: z.array(z.string()).min(1).max(500).optional(),
    reason: z.string().trim().min(1).max(2000),
  })
  .strict();

/** What every way to decide takes. `decisionId` makes a repeated call count once. */
export const DecisionBody = z
  .object({
    decisionId: z.uuid(),
    verdict: z.enum(['approve', 'deny', 'withdraw']),
    /** All pending items when left out. */
    items: z.array(z.string()).min(1).max(500).optional(),
    /** When given, the decision is refused unless the request still has this plan. */
    planHash: z.string().optional(),
    reason: z.string().max(2000).optional(),
  })
  .strict();

/** One decision by one person on some items of a request, who says it in person. */
export const DecisionInput = DecisionBody.extend({
  /** In whose seat, by their delegation. When left out: one's own, or where that has no weight, one that was lent. */
  for: z.string().min(1).max(63).optional(),
}).refine((input) => input.verdict !== 'withdraw' || input.for === undefined, {
  path: ['for'],
  message: 'a withdrawal takes back what you have said, in whatever seat: leave it out',
});
export type DecisionInput = z.infer<typeof DecisionInput>;

/** What becomes of a request's open items when nobody decides in time, in words. */
export function silenceOf({ items }: Pick<ApprovalRequest, 'items'>): 'silence denies' | 'silence allows' {
  const allows = items.every(
    ({ requirement }) => requirement.kind === 'approvals' && requirement.silence === 'allow',
  );
  return allows ? 'silence allows' : 'silence denies';
}
