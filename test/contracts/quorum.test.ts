import fc from 'fast-check';
import { countAtExpiry, countVotes, type Requirement, type Vote } from '../../contracts/policy';
import type { Role } from '../../contracts/values';

const RUNS = { numRuns: 10_000 };
const ROLES = ['analyst', 'lead', 'legal', 'owner'] as const satisfies readonly Role[];
const PEOPLE = ['ana', 'bo', 'lea', 'lou', 'olga'];
const VOICES = ['person', 'channel:chat', 'channel:tickets'];

type Approvals = Requirement & { kind: 'approvals' };

const roles = fc.subarray([...ROLES], { minLength: 1 });
const requirements: fc.Arbitrary<Approvals> = fc.record({
  kind: fc.constant('approvals' as const),
  groups: fc.array(fc.record({ roles, count: fc.integer({ min: 1, max: 2 }) }), {
    minLength: 1,
    maxLength: 2,
  }),
  timeoutSeconds: fc.constant(60),
  noSelfApproval: fc.boolean(),
  silence: fc.constantFrom('deny' as const, 'allow' as const, undefined),
  veto: fc.option(fc.subarray(['legal' as const, 'owner' as const], { minLength: 1 }), { nil: undefined }),
  breakGlass: fc.option(fc.constantFrom(['lead' as const], ['owner' as const]), { nil: undefined }),
  owners: fc.option(fc.subarray(PEOPLE, { minLength: 1, maxLength: 1 }), { nil: undefined }),
  why: fc.constant('r'),
});
/** What people and channels say, in the order of arrival; everybody holds the same roles throughout. */
const histories: fc.Arbitrary<Vote[]> = fc
  .record({
    held: fc.array(roles, { minLength: PEOPLE.length, maxLength: PEOPLE.length }),
    said: fc.array(
      fc.record({
        who: fc.nat({ max: PEOPLE.length - 1 }),
        verdict: fc.constantFrom<Vote['verdict'][]>(
          'approve',
          'approve',
          'approve',
          'approve',
          'approve',
          'withdraw',
          'deny',
          'break_glass',
        ),
        voice: fc.constantFrom('person', ...VOICES),
      }),
      { maxLength: 7 },
    ),
  })
  .map(({ held, said }) =>
    said.map(({ who, verdict, voice }) => ({
      person: PEOPLE[who] ?? '',
      roles: held[who] ?? [],
      verdict,
      voice,
    })),
  );
const starters = fc.option(fc.constantFrom(...PEOPLE), { nil: undefined });

/*
 * The oracle, written to be seen right and not to be fast. It goes through every way of choosing whose word fills which seat, and
 * shares nothing with what it checks.
 */
const isChannel = ({ voice }: Vote): boolean => voice?.startsWith('channel:') === true;

function holds(need: Approvals, vote: Vote, role: Role): boolean {
  return role === 'owner'
    ? !isChannel(vote) && need.owners?.includes(vote.person) === true
    : vote.roles.includes(role);
}
const mayFill = (need: Approvals, vote: Vote, startedBy: string | undefined): boolean => {
  const excluded =
    need.noSelfApproval &&
    startedBy !== undefined &&
    (vote.person === startedBy || (isChannel(vote) && vote.verdict === 'approve'));
  return !excluded && need.groups.some((group) => group.roles.some((role) => holds(need, vote, role)));
};
const hasVeto = (need: Approvals, vote: Vote): boolean =>
  need.veto?.some((role) => holds(need, vote, role)) === true;

/** In person, with a role that the policy names, and not by who may not approve because they started it. */
const mayBreak = (need: Approvals, vote: Vote, startedBy: string | undefined): boolean =>
  !isChannel(vote) &&
  !(need.noSelfApproval && vote.person === startedBy) &&
  need.breakGlass?.some((role) => holds(need, vote, role)) === true;

/** The last that each voice has said for each person, of what has any weight. */
function standing(need: Approvals, votes: readonly Vote[], startedBy: string | undefined): Vote[] {
  const weighty = votes.filter(
    (vote) => mayFill(need, vote, startedBy) || hasVeto(need, vote) || mayBreak(need, vote, startedBy),
  );
  return weighty.filter(
    (vote, index) =>
      !weighty
        .slice(index + 1)
        .some(
          (later) =>
            later.person === vote.person &&
            (isChannel(later) ? later.voice : '') === (isChannel(vote) ? vote.voice : ''),
        ),
  );
}

/** Whether two approvals may be one human's: the same person, or the same channel, directly or over others. */
function groupsOf(approvals: readonly Vote[]): Vote[][] {
  let groups = approvals.map((vote) => [vote]);
  const touch = (a: Vote, b: Vote): boolean =>
    isChannel(a) && isChannel(b) && (a.person === b.person || a.voice === b.voice);
  for (let changed = true; changed;) {
    changed = false;
    for (const one of groups)
      for (const other of groups)
        if (one !== other && !changed && one.some((a) => other.some((b) => touch(a, b)))) {
          groups = [...groups.filter((group) => group !== one && group !== other), [...one, ...other]];
          changed = true;
        }
  }
  return groups;
}

function canFill(need: Approvals, seats: readonly (readonly Role[])[], humans: readonly Vote[][]): boolean {
  const [seat, ...others] = seats;
  if (seat === undefined) return true;
  return humans.some(
    (human, index) =>
      human.some((vote) => seat.some((role) => holds(need, vote, role))) &&
      canFill(
        need,
        others,
        humans.filter((_one, at) => at !== index),
      ),
  );
}

function oracle(
  need: Approvals,
  votes: readonly Vote[],
  startedBy: string | undefined,
): 'met' | 'open' | 'denied' {
  const said = standing(need, votes, startedBy);
  const heard = said.filter((vote) => mayFill(need, vote, startedBy) || hasVeto(need, vote));
  if (heard.some(({ verdict }) => verdict === 'deny')) return 'denied';
  if (said.some((vote) => vote.verdict === 'break_glass' && mayBreak(need, vote, startedBy))) return 'met';
  const inPerson = said.filter(
    (vote) => !isChannel(vote) && (mayFill(need, vote, startedBy) || hasVeto(need, vote)),
  );
  const approvals = said.filter(
    (vote) =>
      vote.verdict === 'approve' &&
      mayFill(need, vote, startedBy) &&
      !(isChannel(vote) && inPerson.some(({ person }) => person === vote.person)),
  );
  const seats = need.groups.flatMap(({ roles: wanted, count }) =>
    Array.from({ length: count }, () => wanted),
  );
  return canFill(need, seats, groupsOf(approvals)) ? 'met' : 'open';
}

describe('quorum, over every order of what people say', () => {
  test('counts as a slow and plain count does', () => {
    const seen = { met: 0, open: 0, denied: 0 };
    fc.assert(
      fc.property(requirements, histories, starters, (need, votes, startedBy) => {
        const count = countVotes(need, votes, startedBy);
        seen[count] += 1;
        expect(count).toBe(oracle(need, votes, startedBy));
      }),
      RUNS,
    );
    // Each answer comes up often enough to have been checked.
    expect(Math.min(seen.met, seen.open, seen.denied)).toBeGreaterThan(300);
  });

  test('after the time is over nothing passes that was not met, but by silence where the policy says so', () => {
    const seen = { met: 0, denied: 0, expired: 0, silence_allows: 0 };
    fc.assert(
      fc.property(requirements, histories, starters, (need, votes, startedBy) => {
        const count = countAtExpiry(need, votes, startedBy);
        seen[count] += 1;
        const before = oracle(need, votes, startedBy);
        if (before !== 'open') expect(count).toBe(before);
        else {
          const silent = !standing(need, votes, startedBy).some(({ verdict }) => verdict === 'withdraw');
          expect(count).toBe(need.silence === 'allow' && silent ? 'silence_allows' : 'expired');
        }
      }),
      RUNS,
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(300);
  });

  test('one more approval never takes one away, and a withdrawal never adds one', () => {
    const approving = histories.map((votes) =>
      votes.map((vote) => ({ ...vote, verdict: 'approve' as const, voice: 'person' })),
    );
    fc.assert(
      fc.property(requirements, approving, starters, fc.nat({ max: 7 }), (need, votes, startedBy, cut) => {
        const [some, all] = [votes.slice(0, cut), votes];
        if (countVotes(need, some, startedBy) === 'met') expect(countVotes(need, all, startedBy)).toBe('met');
        const taken = all.map((vote) => ({ ...vote, verdict: 'withdraw' as const }));
        expect(countVotes(need, [...all, ...taken], startedBy)).toBe('open');
      }),
      RUNS,
    );
  });

  test('who decides first does not matter when nobody changes their mind', () => {
    fc.assert(
      fc.property(
        requirements,
        histories,
        starters,
        fc.array(fc.nat(), { minLength: 7, maxLength: 7 }),
        (need, votes, startedBy, order) => {
          const once = votes.filter(
            (vote, index) =>
              votes.findIndex(({ person, voice }) => person === vote.person && voice === vote.voice) ===
              index,
          );
          const keys = once.map((vote, index) => ({ vote, key: order[index] ?? 0 }));
          const shuffled = keys.sort((a, b) => a.key - b.key).map(({ vote }) => vote);
          expect(countVotes(need, shuffled, startedBy)).toBe(countVotes(need, once, startedBy));
        },
      ),
      RUNS,
    );
  });

  test('who started it never approves where that is not allowed, whatever else is said', () => {
    fc.assert(
      fc.property(requirements, histories, fc.constantFrom(...PEOPLE), (need, votes, startedBy) => {
        const strict = { ...need, noSelfApproval: true };
        const others = votes.filter(({ person, voice }) => person !== startedBy && voice === 'person');
        if (countVotes(strict, votes, startedBy) === 'met')
          expect(oracle(strict, others, startedBy)).toBe('met');
      }),
      RUNS,
    );
  });
});
