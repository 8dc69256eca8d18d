import { hasWeight, type Requirement, type Vote } from './policy';

/** The groups of a requirement in words: `1 lead and 1 hr or legal`. */
const seatsText = ({ groups }: Requirement & { kind: 'approvals' }): string =>
  groups.map(({ count, roles }) => `${String(count)} ${roles.join(' or ')}`).join(' and ');

/**
 * Why an approval or a denial by itself has no weight on an item, in words for who said it; undefined when it has, and for what takes
 * something back. Pure, by the rules that count real decisions.
 */
export function whyNoWeight(
  requirement: Requirement,
  vote: Vote,
  askers: readonly string[] = [],
): string | undefined {
  if (requirement.kind !== 'approvals' || vote.verdict === 'withdraw' || vote.verdict === 'break_glass')
    return undefined;
  if (hasWeight(requirement, vote, askers)) return undefined;
  const { authors = [], noSelfApproval, veto } = requirement;
  const barred = [...authors, ...(noSelfApproval ? askers : [])];
  const { authors: _nobody, ...unbarred } = { ...requirement, noSelfApproval: false };
  if (hasWeight(unbarred, vote)) {
    const who = barred.find((one) => one === vote.person || one === vote.seat);
    if (who === undefined)
      return 'a channel that does not prove who answers may not approve this: answer in Cordon';
    return authors.includes(who)
      ? `${who} wrote this playbook and may not approve`
      : `${who} started this incident, or added to it by hand, and may not approve`;
  }
  const held = vote.roles.length === 0 ? 'no role' : vote.roles.join(', ');
  const mayVeto = vote.verdict === 'deny' && veto !== undefined ? `, or a veto of ${veto.join(' or ')}` : '';
  return `this needs ${seatsText(requirement)}${mayVeto}; ${vote.seat ?? vote.person} is ${held}`;
}
