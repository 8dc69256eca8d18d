import { ESCALATION, LOAD, of, POLICY, QUORUM, type Mutant } from './mutant';

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
  ...of('store/escalations.ts', [
    [
      'told once',
      '.set({ told_at: at })',
      '.set({ told_at: null })',
      ESCALATION,
      'two escalations, each told once in its order',
    ],
    [
      'not after the end',
      '.filter(({ due }) => due < request.expiresAt)',
      '',
      ESCALATION,
      'one that runs out first',
    ],
    [
      'not when it is over',
      "or.or([or('status', '=', 'settled'), or('expires_at', '<=', at)])",
      "or('status', '=', 'none')",
      ESCALATION,
      'a request that is settled escalates no further',
    ],
  ]),
  ...of('store/outbox.ts', [
    [
      'notices are for people',
      "      .where('kind', '<>', 'notice')\n",
      '',
      ESCALATION,
      'a notice is not for Temporal',
    ],
  ]),
  ...of('activities/create-activities.ts', [
    [
      'each chore for itself',
      'await Promise.allSettled([escalateDue(store), leases.sweep()])',
      "[{ status: 'fulfilled', value: await escalateDue(store) }, { status: 'fulfilled', value: await leases.sweep() }]",
      ESCALATION,
      'leases are swept all the same',
    ],
  ]),
  ...of('contracts/policy.ts', [
    [
      'not who started it',
      'vote.person === startedBy || ',
      '',
      QUORUM,
      'counts as a slow and plain count does',
    ],
    [
      'who votes first does not matter',
      'if (sitting !== undefined && !seat(sitting, seen)) return false;',
      'if (sitting !== undefined) return false;',
      QUORUM,
      'counts as a slow and plain count does',
    ],
    ['not spoken for', ' && !inPerson.has(vote.person)', '', QUORUM, 'counts as a slow and plain count does'],
    [
      'one deny denies',
      "if (newest.some((vote) => vote.verdict === 'deny'))",
      'if (false)',
      QUORUM,
      'counts as a slow and plain count does',
    ],
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
