import { z } from 'zod';
import { actionSpec, type ActionId } from './actions';
import type { Impact } from './actions/define';
import { Mode, Role, Severity } from './values';

/** N distinct people, each holding one of the roles. */
export const ApprovalGroup = z.object({
  roles: z.array(Role).min(1),
  count: z.number().int().min(1).max(10),
});
export type ApprovalGroup = z.infer<typeof ApprovalGroup>;

/** What an item needs before it may be done. All groups must be met, by different people. */
export const Requirement = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none'), why: z.string() }),
  z.object({
    kind: z.literal('approvals'),
    groups: z.array(ApprovalGroup).min(1).max(5),
    /** How long a request stays open, in seconds. Silence denies. */
    timeoutSeconds: z.number().int().min(1),
    /** Who started the run may not approve. */
    noSelfApproval: z.boolean(),
    why: z.string(),
  }),
  z.object({ kind: z.literal('never'), why: z.string() }),
]);
export type Requirement = z.infer<typeof Requirement>;

const Match = z
  .object({
    actions: z.array(z.string()).optional(),
    category: z
      .array(z.enum(['detect', 'investigate', 'contain', 'eradicate', 'recover', 'notify', 'generic']))
      .optional(),
    impact: z.array(z.enum(['none', 'low', 'high', 'irreversible'])).optional(),
    readOnly: z.boolean().optional(),
    mode: z.array(Mode).optional(),
    /** Any of these on the target's asset. */
    targetTags: z.array(z.string()).optional(),
    /** Any of these on the connection; `lab` and `simulated` are the ones for which approvals may be switched off. */
    connectionTags: z.array(z.string()).optional(),
    minCriticality: z.number().int().optional(),
    minSeverity: Severity.optional(),
  })
  .strict();

const Rule = z
  .object({
    name: z.string().min(1).max(200),
    when: Match,
    require: z.union([
      z.literal('none'),
      z.literal('never'),
      z
        .object({
          groups: z.array(ApprovalGroup).min(1).max(5),
          timeoutSeconds: z
            .number()
            .int()
            .min(1)
            .max(30 * 24 * 3600),
          noSelfApproval: z.boolean().default(false),
        })
        .strict(),
    ]),
  })
  .strict();

/** The rules, first match wins. A value: it is hashed, stored under its version, and pinned by each run. */
export const Policy = z.object({ rules: z.array(Rule).min(1).max(200) }).strict();
export type Policy = z.output<typeof Policy>;
export type PolicyInput = z.input<typeof Policy>;

/** What a decision of the policy may depend on. The guard takes these facts from SQL and configuration, never from a run's input. */
export interface PolicyFacts {
  action: ActionId;
  mode: Mode;
  severity: Severity;
  /** Criticality of the target's asset; 3 where it is unknown. */
  criticality: number;
  targetTags: readonly string[];
  connectionTags: readonly string[];
}

const includesAny = (wanted: readonly string[] | undefined, have: readonly string[]): boolean =>
  wanted === undefined || wanted.some((one) => have.includes(one));

function matches(when: z.output<typeof Match>, facts: PolicyFacts): boolean {
  const spec = actionSpec(facts.action);
  return (
    includesAny(when.actions, [facts.action]) &&
    includesAny(when.category, [spec.category]) &&
    includesAny(when.impact, [spec.impact]) &&
    (when.readOnly === undefined || when.readOnly === spec.readOnly) &&
    includesAny(when.mode, [facts.mode]) &&
    includesAny(when.targetTags, facts.targetTags) &&
    includesAny(when.connectionTags, facts.connectionTags) &&
    (when.minCriticality === undefined || facts.criticality >= when.minCriticality) &&
    (when.minSeverity === undefined || facts.severity >= when.minSeverity)
  );
}

/** What the policy requires of an item. Pure. An item that no rule speaks of is never done. */
export function requirementFor(policy: Policy, facts: PolicyFacts): Requirement {
  const rule = policy.rules.find((candidate) => matches(candidate.when, facts));
  if (rule === undefined) return { kind: 'never', why: 'no rule of the policy allows it' };
  if (rule.require === 'none' || rule.require === 'never') return { kind: rule.require, why: rule.name };
  return { kind: 'approvals', ...rule.require, why: rule.name };
}

/** A decision on an item, in the order of arrival. */
export interface Vote {
  person: string;
  roles: readonly Role[];
  verdict: 'approve' | 'deny' | 'withdraw';
  /** `person` (also when left out): the person was authenticated. Else `channel:<id>`, which only says that it was this person. */
  voice?: string;
}

const IMPACTS: readonly Impact[] = ['none', 'low', 'high', 'irreversible'];

/** Whether a channel whose highest impact is `maxImpact` may decide. What cannot be taken back, never. */
export function channelMayDecide(impact: Impact, maxImpact: 'low' | 'high'): boolean {
  return IMPACTS.indexOf(impact) <= IMPACTS.indexOf(maxImpact);
}

/** One seat's worth of approval; it may sit where any one of its role sets fits. */
type Approver = readonly (readonly Role[])[];

const isOwn = ({ voice }: Vote): boolean => voice === undefined || voice === 'person';

/**
 * Who approves, each once. An authenticated person is one. A channel that does not authenticate people is one, whatever people
 * it names, and channels that name the same person are one together. Who has decided in person is not spoken for.
 */
function approversOf(newest: readonly Vote[]): Approver[] {
  const own = newest.filter(isOwn);
  const inPerson = new Set(own.map(({ person }) => person));
  const said = newest.filter(
    (vote) => !isOwn(vote) && vote.verdict === 'approve' && !inPerson.has(vote.person),
  );
  let voices: { names: Set<string>; roles: (readonly Role[])[] }[] = [];
  for (const { voice, person, roles } of said) {
    const names = [`voice ${voice ?? ''}`, `person ${person}`];
    const same = voices.filter((one) => names.some((name) => one.names.has(name)));
    const merged = {
      names: new Set([...names, ...same.flatMap((one) => [...one.names])]),
      roles: [roles, ...same.flatMap((one) => one.roles)],
    };
    voices = [...voices.filter((one) => !same.includes(one)), merged];
  }
  return [
    ...own.filter(({ verdict }) => verdict === 'approve').map(({ roles }) => [roles]),
    ...voices.map(({ roles }) => roles),
  ];
}

/**
 * Whether the votes meet the requirement. One deny by somebody who might have approved denies the item.
 * Approvers are assigned to groups by augmenting paths, so that who votes first does not matter. Where the starter of the run
 * may not approve, a channel that cannot prove who spoke does not count either when a person started it.
 */
export function countVotes(
  requirement: Requirement,
  votes: readonly Vote[],
  startedBy?: string,
): 'met' | 'open' | 'denied' {
  if (requirement.kind === 'none') return 'met';
  if (requirement.kind === 'never') return 'denied';
  const seats = requirement.groups.flatMap((group) => Array.from({ length: group.count }, () => group.roles));
  const notByStarter = requirement.noSelfApproval && startedBy !== undefined;
  const mayVote = (vote: Vote): boolean =>
    seats.some((roles) => roles.some((role) => vote.roles.includes(role))) &&
    !(notByStarter && (vote.person === startedBy || (!isOwn(vote) && vote.verdict === 'approve')));
  const newest = [
    ...new Map(
      votes.filter(mayVote).map((vote) => [`${isOwn(vote) ? '' : (vote.voice ?? '')} ${vote.person}`, vote]),
    ).values(),
  ];
  if (newest.some((vote) => vote.verdict === 'deny')) return 'denied';
  const seatOf = new Map<number, Approver>();
  const seat = (approver: Approver, seen: Set<number>): boolean =>
    seats.some((roles, index) => {
      if (seen.has(index) || !approver.some((held) => roles.some((role) => held.includes(role))))
        return false;
      seen.add(index);
      const sitting = seatOf.get(index);
      if (sitting !== undefined && !seat(sitting, seen)) return false;
      seatOf.set(index, approver);
      return true;
    });
  for (const approver of approversOf(newest)) seat(approver, new Set());
  return seatOf.size === seats.length ? 'met' : 'open';
}

const HOUR = 3600;

/** The policy that ships: read-only never asks, low impact asks one analyst, high impact one lead, irreversible two people. */
export const DEFAULT_POLICY: PolicyInput = {
  rules: [
    { name: 'reading changes nothing', when: { readOnly: true }, require: 'none' },
    { name: 'no impact', when: { impact: ['none'] }, require: 'none' },
    {
      name: 'irreversible: two people, one of them a lead',
      when: { impact: ['irreversible'] },
      require: {
        groups: [
          { roles: ['lead'], count: 1 },
          { roles: ['analyst', 'lead'], count: 1 },
        ],
        timeoutSeconds: 4 * HOUR,
        noSelfApproval: true,
      },
    },
    {
      name: 'high impact: one lead',
      when: { impact: ['high'] },
      require: { groups: [{ roles: ['lead'], count: 1 }], timeoutSeconds: 4 * HOUR },
    },
    {
      name: 'low impact: one analyst',
      when: { impact: ['low'] },
      require: { groups: [{ roles: ['analyst', 'lead'], count: 1 }], timeoutSeconds: 8 * HOUR },
    },
  ],
};

/** A rule to put first where approvals are switched off for connections that are a lab or simulated. */
export const APPROVALS_OFF_FOR_LAB: PolicyInput['rules'][number] = {
  name: 'a lab or simulated connection: approvals are switched off',
  when: { connectionTags: ['lab', 'simulated'] },
  require: 'none',
};
