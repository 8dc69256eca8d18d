import { LOAD, of, POLICY, type Mutant } from './mutant';

export const POLICIES: readonly Mutant[] = [
  ...of('contracts/policy.ts', [
    [
      'silence denies by itself',
      "requirement.silence === 'allow' && !withdrawn",
      '!withdrawn',
      POLICY,
      'denies unless the policy says otherwise',
    ],
    [
      'who takes it back is not silent',
      "requirement.silence === 'allow' && !withdrawn",
      "requirement.silence === 'allow'",
      POLICY,
      'is not silence when somebody',
    ],
    [
      'silence by name only',
      'if (when.actions === undefined)',
      'if (false)',
      POLICY,
      'may allow only what the rule names',
    ],
    [
      'silence takes nothing that stays',
      'if (action in ACTIONS && isFinal(action as ActionId))',
      'if (false)',
      POLICY,
      'may allow only what the rule names',
    ],
    [
      'the owner of this asset',
      'owners.includes(vote.person)',
      "vote.roles.includes('owner')",
      POLICY,
      'decides for what is theirs only',
    ],
    [
      'the owner in person',
      'isOwn(vote) && owners.includes(',
      'owners.includes(',
      POLICY,
      'is not who a channel says they are',
    ],
    [
      'a veto denies',
      ' || vote.roles.some((role) => requirement.veto?.includes(role) === true)',
      '',
      POLICY,
      'denies, and does not approve',
    ],
    ['a veto is no seat', 'newest.filter(mayApprove)', 'newest', POLICY, 'is also the starter’s'],
  ]),
  ...of('cli/up/check-policy.ts', [
    [
      'seats for all',
      "if (countVotes(requirement, votes) !== 'met')",
      'if (false)',
      LOAD,
      'fewer people than seats',
    ],
    [
      'seats without the starter',
      "countVotes(requirement, votes, id) !== 'met'",
      'false && id',
      LOAD,
      'whoever starts it is needed',
    ],
    ['an owner is a person', 'if (stranger !== undefined)', 'if (false)', LOAD, 'an owner who is nobody'],
    ['an asset has an owner', 'if (orphan !== undefined)', 'if (false)', LOAD, 'an asset without an owner'],
  ]),
  ...of('contracts/policy-time.ts', [
    [
      'a night belongs to the day on which it begins',
      'on(weekday - 1)',
      'on(weekday)',
      POLICY,
      'a Friday night in Berlin',
    ],
    ['the clocks of the zone', '      timeZone: zone,\n', '', POLICY, 'the clocks are those of the zone'],
  ]),
];
