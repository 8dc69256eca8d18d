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
  authors: fc.option(fc.subarray(PEOPLE, { maxLength: 2 }), { nil: undefined }),
  why: fc.constant('r'),
});
/**
 * What people and channels say, in the order of arrival; everybody holds the same roles throughout. `lent`: some of it in the seat
 * of somebody else, with the roles of that seat.
 */
const historiesOf = ({ lent }: { lent: boolean }): fc.Arbitrary<Vote[]> =>
  fc
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
          seat: lent
            ? fc.option(fc.nat({ max: PEOPLE.length - 1 }), { nil: undefined, freq: 2 })
            : fc.constant(undefined),
        }),
        { maxLength: 7 },
      ),
    })
    .map(({ held, said }) =>
      said.map(({ who, verdict, voice, seat }) => {
        const sits = voice === 'person' && verdict !== 'withdraw' && seat !== undefined && seat !== who;
        return {
          person: PEOPLE[who] ?? '',
          roles: held[sits ? seat : who] ?? [],
          verdict,
          voice,
          ...(sits ? { seat: PEOPLE[seat] ?? '' } : {}),
        };
      }),
    );
const histories = historiesOf({ lent: true });
const starters = fc.option(fc.constantFrom(...PEOPLE), { nil: undefined });

/*
 * The oracle, written to be seen right and not to be fast. It goes through every way of choosing whose word fills which seat, and
 * shares nothing with what it checks.
 */
const isChannel = ({ voice }: Vote): boolean => voice?.startsWith('channel:') === true;
const whose = (vote: Vote): string => vote.seat ?? vote.person;

function holds(need: Approvals, vote: Vote, role: Role): boolean {
  return role === 'owner'
    ? !isChannel(vote) && need.owners?.includes(whose(vote)) === true
    : vote.roles.includes(role);
}
const barredFrom = (need: Approvals, startedBy: string | undefined): string[] => [
  ...(need.noSelfApproval && startedBy !== undefined ? [startedBy] : []),
  ...(need.authors ?? []),
];
const mayFill = (need: Approvals, vote: Vote, startedBy: string | undefined): boolean => {
  const outside = barredFrom(need, startedBy);
  const excluded =
    outside.some((one) => vote.person === one || whose(vote) === one) ||
    (outside.length > 0 && isChannel(vote) && vote.verdict === 'approve');
  return !excluded && need.groups.some((group) => group.roles.some((role) => holds(need, vote, role)));
};
const hasVeto = (need: Approvals, vote: Vote): boolean =>
  need.veto?.some((role) => holds(need, vote, role)) === true;

/** In person and for oneself, with a role that the policy names, and not by who may not approve because they started it. */
const mayBreak = (need: Approvals, vote: Vote, startedBy: string | undefined): boolean =>
  !isChannel(vote) &&
  vote.seat === undefined &&
  !barredFrom(need, startedBy).includes(vote.person) &&
  need.breakGlass?.some((role) => holds(need, vote, role)) === true;

const sameVoice = (a: Vote, b: Vote): boolean =>
  a.person === b.person && (isChannel(a) ? a.voice : '') === (isChannel(b) ? b.voice : '');

/**
 * The last that each voice has said for each person, of what has any weight. Whoever has said something of weight can take it back,
 * which leaves an empty seat where it was said.
 */
function standing(need: Approvals, votes: readonly Vote[], startedBy: string | undefined): Vote[] {
  const weighs = (vote: Vote): boolean =>
    mayFill(need, vote, startedBy) || hasVeto(need, vote) || mayBreak(need, vote, startedBy);
  const weighty = votes.flatMap((vote, index) => {
    const taken = votes
      .slice(0, index)
      .filter((one) => one.verdict !== 'withdraw' && sameVoice(one, vote) && weighs(one))
      .at(-1);
    if (vote.verdict === 'withdraw' && taken !== undefined)
      return [{ ...taken, verdict: 'withdraw' as const }];
    return weighs(vote) ? [vote] : [];
  });
  const last = weighty.filter(
    (vote, index) => !weighty.slice(index + 1).some((later) => sameVoice(later, vote)),
  );
  return last;
}

/** Without those who speak in the seat of somebody who has spoken there. */
function seated(last: readonly Vote[]): Vote[] {
  const isHere = (person: string): boolean =>
    last.some((one) => !isChannel(one) && one.person === person && one.seat === undefined);
  return last.filter(({ seat }) => seat === undefined || !isHere(seat));
}

/** Approvals that are one: in the same seat, or perhaps one human's by the same person or channel, directly or over others. */
function groupsOf(approvals: readonly Vote[]): Vote[][] {
  let groups = approvals.map((vote) => [vote]);
  const touch = (a: Vote, b: Vote): boolean =>
    isChannel(a) || isChannel(b)
      ? isChannel(a) && isChannel(b) && (a.person === b.person || a.voice === b.voice)
      : whose(a) === whose(b);
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
  const said = seated(standing(need, votes, startedBy));
  const heard = said.filter((vote) => mayFill(need, vote, startedBy) || hasVeto(need, vote));
  if (heard.some(({ verdict }) => verdict === 'deny')) return 'denied';
  if (said.some((vote) => vote.verdict === 'break_glass' && mayBreak(need, vote, startedBy))) return 'met';
  const inPerson = said.filter((vote) => !isChannel(vote));
  const approvals = said.filter(
    (vote) =>
      vote.verdict === 'approve' &&
      mayFill(need, vote, startedBy) &&
      !(isChannel(vote) && inPerson.some((one) => one.person === vote.person || whose(one) === vote.person)),
  );
  const seats = need.groups.flatMap(({ roles: wanted, count }) =>
    Array.from({ length: count }, () => wanted),
  );
  return canFill(need, seats, groupsOf(approvals)) ? 'met' : 'open';
}

const askers = (startedBy: string | undefined): string[] => (startedBy === undefined ? [] : [startedBy]);

describe('quorum, over every order of what people say', () => {
  test('counts as a slow and plain count does', () => {
    const seen = { met: 0, open: 0, denied: 0 };
    fc.assert(
      fc.property(requirements, histories, starters, (need, votes, startedBy) => {
        const count = countVotes(need, votes, askers(startedBy));
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
        const count = countAtExpiry(need, votes, askers(startedBy));
        seen[count] += 1;
        const before = oracle(need, votes, startedBy);
        if (before !== 'open') expect(count).toBe(before);
        else {
          const silent = standing(need, votes, startedBy).every(
            ({ verdict }) => verdict !== 'withdraw' && verdict !== 'deny',
          );
          expect(count).toBe(need.silence === 'allow' && silent ? 'silence_allows' : 'expired');
        }
      }),
      RUNS,
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(300);
  });

  test('one more approval never takes one away, and a withdrawal never adds one', () => {
    // In one's own seat: who says it again for another leaves the seat that they had.
    const approving = historiesOf({ lent: false }).map((votes) =>
      votes.map((vote) => ({ ...vote, verdict: 'approve' as const, voice: 'person' })),
    );
    fc.assert(
      fc.property(requirements, approving, starters, fc.nat({ max: 7 }), (need, votes, startedBy, cut) => {
        const [some, all] = [votes.slice(0, cut), votes];
        if (countVotes(need, some, askers(startedBy)) === 'met')
          expect(countVotes(need, all, askers(startedBy))).toBe('met');
        const taken = all.map((vote) => ({ ...vote, verdict: 'withdraw' as const }));
        expect(countVotes(need, [...all, ...taken], askers(startedBy))).toBe('open');
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
          expect(countVotes(need, shuffled, askers(startedBy))).toBe(
            countVotes(need, once, askers(startedBy)),
          );
        },
      ),
      RUNS,
    );
  });

  test('who started it never approves where that is not allowed, whatever else is said', () => {
    // Lent seats, where nobody changes their mind: who moves from one seat to another leaves the first to its delegates.
    const steady = histories.map((votes) => [
      ...new Map(votes.map((vote) => [`${vote.voice ?? ''} ${vote.person}`, vote])).values(),
    ]);
    const said = fc.oneof(historiesOf({ lent: false }), steady);
    fc.assert(
      fc.property(requirements, said, fc.constantFrom(...PEOPLE), (need, votes, startedBy) => {
        const strict = { ...need, noSelfApproval: true };
        const others = votes.filter(
          (vote) => vote.person !== startedBy && whose(vote) !== startedBy && vote.voice === 'person',
        );
        if (countVotes(strict, votes, askers(startedBy)) === 'met')
          expect(oracle(strict, others, startedBy)).toBe('met');
      }),
      RUNS,
    );
  });

  test('an author never approves where that is not allowed, whoever started it', () => {
    const said = historiesOf({ lent: false });
    fc.assert(
      fc.property(
        requirements,
        said,
        starters,
        fc.constantFrom(...PEOPLE),
        (need, votes, startedBy, author) => {
          const strict = { ...need, authors: [author] };
          const others = votes.filter((vote) => vote.person !== author && vote.voice === 'person');
          if (countVotes(strict, votes, askers(startedBy)) === 'met')
            expect(oracle(strict, others, startedBy)).toBe('met');
        },
      ),
      RUNS,
    );
  });

  test('as many people as seats, in as many seats, whoever sits in whose', () => {
    const inPerson = histories.map((votes) =>
      votes.filter(({ voice, verdict }) => voice === 'person' && verdict !== 'break_glass'),
    );
    let met = 0;
    fc.assert(
      fc.property(requirements, inPerson, starters, (need, votes, startedBy) => {
        if (countVotes(need, votes, askers(startedBy)) !== 'met') return;
        met += votes.some(({ seat }) => seat !== undefined) ? 1 : 0;
        const approving = votes.filter(({ verdict }) => verdict === 'approve');
        const wanted = need.groups.reduce((sum, { count }) => sum + count, 0);
        expect(new Set(approving.map(({ person }) => person)).size).toBeGreaterThanOrEqual(wanted);
        expect(new Set(approving.map(whose)).size).toBeGreaterThanOrEqual(wanted);
      }),
      RUNS,
    );
    expect(met).toBeGreaterThan(300);
  });

  test('a seat counts with its owner’s roles, and nobody’s further on: delegations do not chain', () => {
    fc.assert(
      fc.property(requirements, histories, starters, (need, votes, startedBy) => {
        const once = [...new Map(votes.map((vote) => [vote.person, vote])).values()];
        const one = once.map((vote) => ({ ...vote, verdict: 'approve' as const, voice: 'person' }));
        const asOwners = one.map(({ seat, ...own }) => ({ ...own, person: seat ?? own.person }));
        if (countVotes(need, one, askers(startedBy)) === 'met')
          expect(oracle({ ...need, noSelfApproval: false, authors: [] }, asOwners, undefined)).toBe('met');
      }),
      RUNS,
    );
  });
});
