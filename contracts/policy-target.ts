import type { Asset } from './assets';
import { requirementFor, type Policy, type PolicyFacts, type Requirement } from './policy';

/** How much is asked for: what might be one of several things is treated as the one that asks for most. */
function weight(requirement: Requirement): number {
  if (requirement.kind === 'none') return 0;
  if (requirement.kind === 'never') return Infinity;
  // It is done when nobody says anything: less than anything that somebody must say.
  if (requirement.silence === 'allow') return 1;
  const leads = requirement.groups.filter(({ roles }) => !roles.includes('analyst'));
  const seats = (groups: typeof requirement.groups): number =>
    groups.reduce((sum, { count }) => sum + count, 0);
  return seats(requirement.groups) * 10 + seats(leads);
}

/** What is known of a target. */
export interface PolicyTarget {
  /** The asset that it surely is. */
  asset: Asset | undefined;
  /** Every asset that it might be. */
  mayBe: readonly Asset[];
}

type Known = Omit<PolicyFacts, 'criticality' | 'targetTags' | 'owner'>;

/** Confidences that an incident may have of which no alert tells one: one for each answer that a rule may give. */
function confidencesOf({ rules }: Policy, { confidence }: Known): number[] {
  if (confidence !== null) return [confidence];
  const edges = rules.flatMap(({ when: { minConfidence = 0, maxConfidence = 100 } }) => [
    minConfidence,
    maxConfidence + 1,
  ]);
  return [...new Set([0, ...edges])].filter((edge) => edge <= 100);
}

/** What the policy requires of an item on a target, and the facts by which it does. Where it may be several assets,
 * or no alert tells the confidence, the most. */
export function requirementOn(
  policy: Policy,
  known: Known,
  { asset, mayBe }: PolicyTarget,
): { requirement: Requirement; facts: PolicyFacts } {
  return (asset === undefined ? [undefined, ...mayBe] : [asset])
    .flatMap((one) => confidencesOf(policy, known).map((confidence) => ({ one, confidence })))
    .map(({ one, confidence }) => {
      const facts: PolicyFacts = {
        ...known,
        confidence,
        criticality: one?.criticality ?? 3,
        targetTags: one?.tags ?? [],
        owner: one?.owner,
      };
      return { requirement: requirementFor(policy, facts), facts };
    })
    .reduce((most, one) => (weight(one.requirement) > weight(most.requirement) ? one : most));
}
