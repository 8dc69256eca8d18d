import { z } from 'zod';
import { ACTIONS, actionSpec, type ActionId } from './actions';
import { CATEGORIES } from './alert';
import type { Impact } from './actions/define';
import { isWithin, TimeWindow, wallClock, windowText } from './policy-time';
import { Mode, Role, Severity } from './values';

/** N distinct people, each holding one of the roles. */
export const ApprovalGroup = z.object({
  roles: z.array(Role).min(1),
  count: z.number().int().min(1).max(10),
});
export type ApprovalGroup = z.infer<typeof ApprovalGroup>;

const MAX_SECONDS = 30 * 24 * 3600;
const seconds = z.number().int().min(1).max(MAX_SECONDS);

/** Who is told, so long after the request was made and while it is still open. */
export const EscalationStep = z
  .object({
    afterSeconds: seconds,
    people: z.array(z.string()).min(1).optional(),
    channels: z.array(z.string()).min(1).optional(),
  })
  .strict()
  .refine(({ people, channels }) => people !== undefined || channels !== undefined, {
    message: 'names neither people nor channels: say who is told',
  });
export type EscalationStep = z.infer<typeof EscalationStep>;

const ASKING = {
  groups: z.array(ApprovalGroup).min(1).max(5),
  /** What it means when nobody has decided in time; `deny` when left out. */
  silence: z.enum(['deny', 'allow']).optional(),
  /** Roles whose deny denies although they could not approve. A deny by somebody who could approve always does. */
  veto: z.array(Role).min(1).optional(),
  escalation: z.array(EscalationStep).min(1).max(10).optional(),
  /** Roles of which one person alone may have it done at once. It leaves a review that another lead must close. */
  breakGlass: z.array(Role).min(1).optional(),
};

/** Who may not approve: who started the run, or a declared author of the playbook's version. */
const Barred = z.enum(['starter', 'author']);

/** What an item needs before it may be done. All groups must be met, by different people. */
export const Requirement = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none'), why: z.string() }),
  z.object({
    kind: z.literal('approvals'),
    ...ASKING,
    /** How long a request stays open, in seconds. */
    timeoutSeconds: z.number().int().min(1),
    /** Who started the run, or brought something into it by hand, may not approve. */
    noSelfApproval: z.boolean(),
    /** Who the `owner` of the roles is, by id. */
    owners: z.array(z.string()).optional(),
    /** Authors of the playbook's version, by id, who may not approve. */
    authors: z.array(z.string()).optional(),
    why: z.string(),
  }),
  z.object({ kind: z.literal('never'), why: z.string() }),
]);
export type Requirement = z.infer<typeof Requirement>;

const Confidence = z.number().int().min(0).max(100);

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
    maxSeverity: Severity.optional(),
    /** Bounds of the incident's confidence, 0-100, both included; see `PolicyFacts.confidence`. */
    minConfidence: Confidence.optional(),
    maxConfidence: Confidence.optional(),
    /** Any of these among the categories of the incident's alerts. */
    incidentCategory: z.array(z.enum(CATEGORIES)).min(1).optional(),
    /** In any of these windows, by the moment at which the request was made. */
    time: z.array(TimeWindow).min(1).max(20).optional(),
  })
  .strict();
type Match = z.output<typeof Match>;

const BySeverity = z
  .object({
    1: seconds.optional(),
    2: seconds.optional(),
    3: seconds.optional(),
    4: seconds.optional(),
    5: seconds.optional(),
    /** For severities that are not named. */
    default: seconds,
  })
  .strict();

const INVERSES = new Set<string>(Object.values(ACTIONS).flatMap(({ inverse }) => inverse ?? []));

/** Whether an action leaves something that no other action takes back. */
export function isFinal(action: ActionId): boolean {
  const { impact, inverse, readOnly } = actionSpec(action);
  const leavesNothing = readOnly || impact === 'none' || INVERSES.has(action);
  return impact === 'irreversible' || (inverse === null && !leavesNothing);
}

const Rule = z
  .object({
    name: z.string().min(1).max(200),
    when: Match,
    require: z.union([
      z.literal('none'),
      z.literal('never'),
      z
        .object({
          ...ASKING,
          /** In seconds: one number, or one by the incident's severity. */
          timeoutSeconds: z.union([seconds, BySeverity]),
          /** `true` is `['starter']`. */
          noSelfApproval: z.union([z.boolean(), z.array(Barred).min(1)]).default(false),
          /** `refuse`: while nobody holds any role of a group it is never done. When left out, such a policy does not start. */
          unheld: z.literal('refuse').optional(),
        })
        .strict(),
    ]),
  })
  .strict()
  .superRefine(({ when, require }, context) => {
    if (typeof require === 'string' || require.silence !== 'allow') return;
    const refuse = (message: string): void => {
      context.addIssue({ code: 'custom', path: ['require', 'silence'], message });
    };
    if (when.actions === undefined)
      refuse("silence may allow only what the rule names: list the actions in when.actions, or take 'deny'");
    for (const action of when.actions ?? [])
      if (action in ACTIONS && isFinal(action as ActionId))
        refuse(`silence can never allow ${action}: it cannot be taken back`);
  });
export type PolicyRule = z.output<typeof Rule>;

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
  /** When the request was made; now, when there is none yet. */
  at: Date;
  /** Id of the person who owns the target's asset. */
  owner?: string | undefined;
  /**
   * The incident's confidence: the highest that its attached alerts tell, 0-100. Null where none tells one: it may be any, and what
   * asks for most holds (`requirementOn`).
   */
  confidence: number | null;
  /** Categories of the incident's attached alerts; none once all were detached, and then no rule by category is about it. */
  incidentCategories: readonly AlertCategory[];
  /** Authors of the version of the playbook that runs; null where it is not known who they are. */
  authors: readonly string[] | null;
  /** Roles that active people hold; `owner` is nobody's. */
  heldRoles: readonly Role[];
}
/** What an alert is about, in one word. */
export type AlertCategory = (typeof CATEGORIES)[number];

const meets = (wanted: readonly string[] | undefined, have: readonly string[]): boolean =>
  wanted === undefined || wanted.some((one) => have.includes(one));
const list = (words: readonly (string | number)[] | undefined): string =>
  words === undefined || words.length === 0 ? 'none' : words.join(', ');

/** One condition of a rule: whether it holds, and in words why it does not. */
interface Condition {
  holds: (when: Match, facts: PolicyFacts) => boolean;
  whyNot: (when: Match, facts: PolicyFacts) => string;
}

const CONDITIONS: readonly Condition[] = [
  {
    holds: (when, { action }) => meets(when.actions, [action]),
    whyNot: (when) => `it is about ${list(when.actions)}`,
  },
  {
    holds: (when, { action }) => meets(when.category, [actionSpec(action).category]),
    whyNot: (when, { action }) =>
      `the category is ${actionSpec(action).category}, not ${list(when.category)}`,
  },
  {
    holds: (when, { action }) => meets(when.impact, [actionSpec(action).impact]),
    whyNot: (when, { action }) => `the impact is ${actionSpec(action).impact}, not ${list(when.impact)}`,
  },
  {
    holds: (when, { action }) => when.readOnly === undefined || when.readOnly === actionSpec(action).readOnly,
    whyNot: (when) => (when.readOnly === true ? 'the action changes something' : 'the action only reads'),
  },
  {
    holds: (when, { mode }) => meets(when.mode, [mode]),
    whyNot: (when, { mode }) => `the mode is ${mode}, not ${list(when.mode)}`,
  },
  {
    holds: (when, { targetTags }) => meets(when.targetTags, targetTags),
    whyNot: (when, { targetTags }) =>
      `the target's tags are ${list(targetTags)}; it wants one of ${list(when.targetTags)}`,
  },
  {
    holds: (when, { connectionTags }) => meets(when.connectionTags, connectionTags),
    whyNot: (when, { connectionTags }) =>
      `the connection's tags are ${list(connectionTags)}; it wants one of ${list(when.connectionTags)}`,
  },
  {
    holds: (when, { criticality }) => when.minCriticality === undefined || criticality >= when.minCriticality,
    whyNot: (when, { criticality }) =>
      `the target's criticality is ${criticality}, below ${when.minCriticality ?? 0}`,
  },
  {
    holds: (when, { severity }) => when.minSeverity === undefined || severity >= when.minSeverity,
    whyNot: (when, { severity }) => `the severity is ${severity}, below ${when.minSeverity ?? 0}`,
  },
  {
    holds: (when, { severity }) => when.maxSeverity === undefined || severity <= when.maxSeverity,
    whyNot: (when, { severity }) => `the severity is ${severity}, above ${when.maxSeverity ?? 0}`,
  },
  {
    holds: (when, { confidence }) =>
      when.minConfidence === undefined || (confidence ?? 0) >= when.minConfidence,
    whyNot: (when, { confidence }) =>
      `the confidence is ${confidence ?? 'not told'}, below ${when.minConfidence ?? 0}`,
  },
  {
    holds: (when, { confidence }) =>
      when.maxConfidence === undefined || (confidence ?? 0) <= when.maxConfidence,
    whyNot: (when, { confidence }) =>
      `the confidence is ${confidence ?? 'not told'}, above ${when.maxConfidence ?? 0}`,
  },
  {
    holds: (when, { incidentCategories }) => meets(when.incidentCategory, incidentCategories),
    whyNot: (when, { incidentCategories }) =>
      `the incident's alerts are about ${list(incidentCategories)}, not ${list(when.incidentCategory)}`,
  },
  {
    holds: (when, { at }) => when.time === undefined || when.time.some((window) => isWithin(window, at)),
    whyNot: (when, { at }) => {
      const windows = when.time ?? [];
      const zones = [...new Set(windows.map(({ zone }) => zone))];
      return `it is ${zones.map((zone) => wallClock(zone, at)).join(', ')}; it holds ${windows.map(windowText).join('; ')}`;
    },
  },
];

/** Whether a rule keeps somebody from approving. */
export const isBarred = (
  noSelfApproval: boolean | readonly z.output<typeof Barred>[],
  who: z.output<typeof Barred>,
): boolean =>
  typeof noSelfApproval === 'boolean' ? noSelfApproval && who === 'starter' : noSelfApproval.includes(who);

/** Groups of which nobody holds any role. An owner is named by the asset, not by a role that is held. */
export const unheldGroups = (groups: readonly ApprovalGroup[], held: readonly Role[]): ApprovalGroup[] =>
  groups.filter(({ roles }) => !roles.some((role) => role === 'owner' || held.includes(role)));

function requirementByRule({ name, when, require }: PolicyRule, facts: PolicyFacts): Requirement {
  if (require === 'none' || require === 'never') return { kind: require, why: name };
  const { timeoutSeconds, breakGlass, noSelfApproval, unheld, ...asking } = require;
  const missing = unheld === 'refuse' ? unheldGroups(asking.groups, facts.heldRoles) : [];
  if (missing.length > 0)
    return {
      kind: 'never',
      why: `${name}; nobody here is ${missing.map(({ roles }) => roles.join(' or ')).join(', nobody is ')}`,
    };
  const notByAuthor = isBarred(noSelfApproval, 'author');
  if (notByAuthor && facts.authors === null)
    return {
      kind: 'never',
      why: `${name}; the playbook's authors may not approve, and who they are is not known`,
    };
  // What stays is done by one person alone only where the rule means just that.
  const inEmergency = breakGlass !== undefined && (!isFinal(facts.action) || when.actions !== undefined);
  return {
    kind: 'approvals',
    ...asking,
    ...(inEmergency ? { breakGlass } : {}),
    noSelfApproval: isBarred(noSelfApproval, 'starter'),
    ...(notByAuthor && facts.authors !== null && facts.authors.length > 0
      ? { authors: [...facts.authors] }
      : {}),
    timeoutSeconds:
      typeof timeoutSeconds === 'number'
        ? timeoutSeconds
        : (timeoutSeconds[facts.severity as 1 | 2 | 3 | 4 | 5] ?? timeoutSeconds.default),
    ...(facts.owner !== undefined && asksOwner(asking) ? { owners: [facts.owner] } : {}),
    why: name,
  };
}

/** Whether the owner of the asset has a say in it. */
export const asksOwner = ({
  groups,
  veto = [],
}: {
  groups: readonly ApprovalGroup[];
  veto?: readonly Role[] | undefined;
}): boolean => veto.includes('owner') || groups.some(({ roles }) => roles.includes('owner'));

/** Why a rule is not about an item, by its first condition that does not hold; undefined when it is. */
export function whyNotRule({ when }: PolicyRule, facts: PolicyFacts): string | undefined {
  return CONDITIONS.find(({ holds }) => !holds(when, facts))?.whyNot(when, facts);
}

/** What the policy requires of an item. Pure. An item that no rule speaks of is never done. */
export function requirementFor(policy: Policy, facts: PolicyFacts): Requirement {
  const rule = policy.rules.find(({ when }) => CONDITIONS.every(({ holds }) => holds(when, facts)));
  return rule === undefined
    ? { kind: 'never', why: 'no rule of the policy allows it' }
    : requirementByRule(rule, facts);
}

/** A decision on an item, in the order of arrival. */
export interface Vote {
  person: string;
  roles: readonly Role[];
  verdict: 'approve' | 'deny' | 'withdraw' | 'break_glass';
  /** `person` (also when left out): the person was authenticated. Else `channel:<id>`, which only says that it was this person. */
  voice?: string;
  /** Whose seat it sits in, with whose roles, where that is not the person's own: who delegated to the person. */
  seat?: string;
}

const IMPACTS: readonly Impact[] = ['none', 'low', 'high', 'irreversible'];

/** Whether a channel whose highest impact is `maxImpact` may decide. What cannot be taken back, never. */
export function channelMayDecide(impact: Impact, maxImpact: 'low' | 'high'): boolean {
  return IMPACTS.indexOf(impact) <= IMPACTS.indexOf(maxImpact);
}

/** One seat's worth of approval; it may sit where any one of its role sets fits. */
type Approver = readonly (readonly Role[])[];

const isOwn = ({ voice }: Vote): boolean => voice === undefined || voice === 'person';
const seatOf = ({ person, seat }: Vote): string => seat ?? person;

/**
 * Who approves, each once. An authenticated person is one, and so are all who sit in the same seat. A channel that does not
 * authenticate people is one, whatever people it names, and channels that name the same person are one together. Who has decided
 * in person, or whose delegate has, is not spoken for.
 */
function approversOf(standing: readonly Vote[], mayApprove: (vote: Vote) => boolean): Approver[] {
  const own = standing.filter(isOwn);
  const inPerson = new Set(own.flatMap((vote) => [vote.person, seatOf(vote)]));
  const approving = standing.filter((vote) => vote.verdict === 'approve' && mayApprove(vote));
  const seated = new Map<string, (readonly Role[])[]>();
  for (const vote of approving.filter(isOwn))
    seated.set(seatOf(vote), [...(seated.get(seatOf(vote)) ?? []), vote.roles]);
  const said = approving.filter((vote) => !isOwn(vote) && !inPerson.has(vote.person));
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
  return [...seated.values(), ...voices.map(({ roles }) => roles)];
}

type Approvals = Requirement & { kind: 'approvals' };

/** The roles with which a vote counts here: `owner` is nobody's role but that of the asset's owner, and only in person or by a delegate. */
function rolesOn({ owners = [] }: Approvals, vote: Vote): Role[] {
  const owns = isOwn(vote) && owners.includes(seatOf(vote));
  return [...vote.roles.filter((role) => role !== 'owner'), ...(owns ? (['owner'] as const) : [])];
}

interface Tally {
  count: 'met' | 'open' | 'denied';
  /** Somebody's last word is no, or that they take back what they had said, whether or not it stands: that is not silence. */
  opposed: boolean;
}

interface Powers {
  mayApprove: (vote: Vote) => boolean;
  mayDeny: (vote: Vote) => boolean;
  mayBreakGlass: (vote: Vote) => boolean;
}

/** What votes can do here, by the roles with which they count. Where who asked for it or an author may not approve, neither may their delegate. */
function powersUnder(requirement: Approvals, askers: readonly string[]): Powers {
  const { groups, veto, breakGlass, noSelfApproval, authors = [] } = requirement;
  const barred = [...authors, ...(noSelfApproval ? askers : [])];
  const isBarredVote = (vote: Vote): boolean => barred.includes(vote.person) || barred.includes(seatOf(vote));
  const mayApprove = (vote: Vote): boolean =>
    groups.some(({ roles }) => roles.some((role) => vote.roles.includes(role))) &&
    !isBarredVote(vote) &&
    !(barred.length > 0 && !isOwn(vote) && vote.verdict === 'approve');
  return {
    mayApprove,
    mayDeny: (vote) => mayApprove(vote) || vote.roles.some((role) => veto?.includes(role) === true),
    mayBreakGlass: (vote) =>
      isOwn(vote) &&
      vote.seat === undefined &&
      !isBarredVote(vote) &&
      vote.roles.some((role) => breakGlass?.includes(role) === true),
  };
}

/** The last word of each person and voice, of what has weight. What is taken back is what was said, in the seat where it was said. */
function newestOf(votes: readonly Vote[], { mayDeny, mayBreakGlass }: Powers): Vote[] {
  const newest = new Map<string, Vote>();
  for (const vote of votes) {
    const key = `${isOwn(vote) ? '' : (vote.voice ?? '')} ${vote.person}`;
    const before = newest.get(key);
    if (vote.verdict === 'withdraw' && before !== undefined)
      newest.set(key, { ...before, verdict: 'withdraw' });
    else if (mayDeny(vote) || mayBreakGlass(vote)) newest.set(key, vote);
  }
  return [...newest.values()];
}

/** Without what delegates say for somebody who has decided in their own seat. */
function standingOf(newest: readonly Vote[]): Vote[] {
  const here = new Set(newest.filter((vote) => isOwn(vote) && seatOf(vote) === vote.person).map(seatOf));
  return newest.filter((vote) => seatOf(vote) === vote.person || !here.has(seatOf(vote)));
}

function tally(requirement: Approvals, votes: readonly Vote[], askers: readonly string[]): Tally {
  const seats = requirement.groups.flatMap((group) => Array.from({ length: group.count }, () => group.roles));
  const powers = powersUnder(requirement, askers);
  const { mayApprove, mayDeny, mayBreakGlass } = powers;
  const counted = votes.map((vote) => ({ ...vote, roles: rolesOn(requirement, vote) }));
  const newest = newestOf(counted, powers);
  const standing = standingOf(newest);
  const opposed = newest.some(({ verdict }) => verdict === 'withdraw' || verdict === 'deny');
  if (standing.some((vote) => vote.verdict === 'deny' && mayDeny(vote))) return { count: 'denied', opposed };
  if (standing.some((vote) => vote.verdict === 'break_glass' && mayBreakGlass(vote)))
    return { count: 'met', opposed };
  const filled = new Map<number, Approver>();
  const seat = (approver: Approver, seen: Set<number>): boolean =>
    seats.some((roles, index) => {
      if (seen.has(index) || !approver.some((held) => roles.some((role) => held.includes(role))))
        return false;
      seen.add(index);
      const sitting = filled.get(index);
      if (sitting !== undefined && !seat(sitting, seen)) return false;
      filled.set(index, approver);
      return true;
    });
  for (const approver of approversOf(standing, mayApprove)) seat(approver, new Set());
  return { count: filled.size === seats.length ? 'met' : 'open', opposed };
}

/** Whether a vote by itself has weight for what it says: an approval could fill a seat, a deny would deny. */
export function hasWeight(requirement: Requirement, vote: Vote, askers: readonly string[] = []): boolean {
  if (requirement.kind !== 'approvals') return false;
  const { mayApprove, mayDeny } = powersUnder(requirement, askers);
  const counted = { ...vote, roles: rolesOn(requirement, vote) };
  return vote.verdict === 'deny' ? mayDeny(counted) : mayApprove(counted);
}

/**
 * Whether the votes meet the requirement. One deny by somebody who might have approved, or who has a veto, denies the item; else
 * one person who may break the glass, and does, meets it.
 * Approvers are assigned to groups by augmenting paths, so that who votes first does not matter. Where who asked for it (`askers`:
 * who started the run, or brought something into it by hand) or an author may not approve, a channel that cannot prove who spoke does not count either when there is such a person.
 * A vote in the seat of somebody who delegated counts with that one's roles: a person has one vote, a seat is filled once, and
 * who decides in their own seat is not decided for.
 */
export function countVotes(
  requirement: Requirement,
  votes: readonly Vote[],
  askers: readonly string[] = [],
): 'met' | 'open' | 'denied' {
  if (requirement.kind === 'none') return 'met';
  if (requirement.kind === 'never') return 'denied';
  return tally(requirement, votes, askers).count;
}

/**
 * What the votes amount to once the time to decide is over. Silence denies unless the requirement says that it allows, and it
 * is silence only while nobody has denied or taken an approval back.
 */
export function countAtExpiry(
  requirement: Requirement & { kind: 'approvals' },
  votes: readonly Vote[],
  askers: readonly string[] = [],
): 'met' | 'denied' | 'expired' | 'silence_allows' {
  const { count, opposed } = tally(requirement, votes, askers);
  if (count !== 'open') return count;
  return requirement.silence === 'allow' && !opposed ? 'silence_allows' : 'expired';
}

const HOUR = 3600;

/** Beside the rest: somebody of HR or the legal department. Put before the rules that don't look at the incident's category. */
const withHrOrLegal = (
  name: string,
  impact: 'low' | 'high' | 'irreversible',
  groups: ApprovalGroup[],
  more: { timeoutSeconds: number; noSelfApproval?: boolean },
): PolicyInput['rules'][number] => ({
  name: `insider, ${name}`,
  when: { incidentCategory: ['insider'], impact: [impact] },
  require: { groups: [...groups, { roles: ['hr', 'legal'], count: 1 }], ...more, unheld: 'refuse' },
});

const INSIDER = [
  withHrOrLegal(
    'irreversible: two people, one of them a lead, and HR or legal',
    'irreversible',
    [
      { roles: ['lead'], count: 1 },
      { roles: ['analyst', 'lead'], count: 1 },
    ],
    { timeoutSeconds: 4 * HOUR, noSelfApproval: true },
  ),
  withHrOrLegal('high impact: one lead, and HR or legal', 'high', [{ roles: ['lead'], count: 1 }], {
    timeoutSeconds: 4 * HOUR,
  }),
  withHrOrLegal(
    'low impact: one analyst, and HR or legal',
    'low',
    [{ roles: ['analyst', 'lead'], count: 1 }],
    {
      timeoutSeconds: 8 * HOUR,
    },
  ),
];

/** The policy that ships: read-only never asks, low impact asks one analyst, high impact one lead, irreversible two people; about insiders HR or legal besides. */
export const DEFAULT_POLICY: PolicyInput = {
  rules: [
    { name: 'reading changes nothing', when: { readOnly: true }, require: 'none' },
    { name: 'no impact', when: { impact: ['none'] }, require: 'none' },
    ...INSIDER,
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
