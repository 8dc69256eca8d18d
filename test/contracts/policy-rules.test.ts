import { countAtExpiry, countVotes, Policy, requirementFor, type Vote } from '../../contracts/policy';
import { Requirement, type PolicyFacts, type PolicyInput } from '../../contracts/policy';
import { isWithin, TimeWindow, wallClock } from '../../contracts/policy-time';
import type { Role } from '../../contracts/values';

const facts = (extra: Partial<PolicyFacts> = {}): PolicyFacts => ({
  action: 'endpoint.isolate_host',
  mode: 'live',
  severity: 4,
  criticality: 3,
  targetTags: [],
  connectionTags: [],
  at: new Date('2026-05-01T12:00:00Z'),
  confidence: null,
  incidentCategories: ['malware'],
  authors: [],
  heldRoles: ['analyst', 'lead'],
  ...extra,
});
type Asking = Exclude<PolicyInput['rules'][number]['require'], string>;
const one = (require: Partial<Asking>, when: PolicyInput['rules'][number]['when'] = {}): PolicyInput => ({
  rules: [
    { name: 'r', when, require: { groups: [{ roles: ['lead'], count: 1 }], timeoutSeconds: 60, ...require } },
  ],
});
const asked = (policy: PolicyInput, extra: Partial<PolicyFacts> = {}) => {
  const requirement = requirementFor(Policy.parse(policy), facts(extra));
  if (requirement.kind !== 'approvals') throw new Error(`it asks nobody: ${requirement.kind}`);
  return requirement;
};
const mistakes = (policy: unknown): string[] =>
  Policy.safeParse(policy).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
const says = (person: string, roles: Role[], verdict: Vote['verdict'] = 'approve', voice?: string): Vote => ({
  person,
  roles,
  verdict,
  ...(voice === undefined ? {} : { voice }),
});

describe('time of day', () => {
  const within = (window: object, at: string): boolean => isWithin(TimeWindow.parse(window), new Date(at));
  const night = { zone: 'Europe/Berlin', weekdays: ['fri'], from: '18:00', to: '08:00' };
  test.each([
    ['before it begins', '2026-05-01T15:59:00Z', false],
    ['as it begins', '2026-05-01T16:00:00Z', true],
    ['in the night after, which is Saturday', '2026-05-02T01:00:00Z', true],
    ['as it ends', '2026-05-02T06:00:00Z', false],
    ['in the night of the day before', '2026-05-01T01:00:00Z', false],
    ['on Saturday evening', '2026-05-02T18:00:00Z', false],
  ])('a Friday night in Berlin, %s', (_when, at, expected) => {
    expect(within(night, at)).toBe(expected);
  });
  test('the clocks are those of the zone, in summer and in winter', () => {
    const office = { zone: 'America/New_York', from: '09:00', to: '17:00' };
    expect(within(office, '2026-07-01T13:00:00Z')).toBe(true);
    expect(within(office, '2026-01-05T13:00:00Z')).toBe(false);
    expect(within(office, '2026-01-05T14:00:00Z')).toBe(true);
    expect(wallClock('America/New_York', new Date('2026-01-05T04:05:00Z'))).toBe(
      'sun 23:05 in America/New_York',
    );
  });
  test('whole days, midnight included', () => {
    const weekend = { zone: 'Etc/UTC', weekdays: ['sat', 'sun'] };
    expect(within(weekend, '2026-05-02T00:00:00Z')).toBe(true);
    expect(within(weekend, '2026-05-03T23:59:59Z')).toBe(true);
    expect(within(weekend, '2026-05-04T00:00:00Z')).toBe(false);
  });
  test('what is no zone, no clock or no span is named', () => {
    const when = { time: [{ zone: 'Mars/Olympus', from: '25:00', to: '08:00' }] };
    expect(mistakes(one({}, when))).toEqual([
      expect.stringContaining('when.time.0.zone: expected an IANA time zone'),
      expect.stringContaining('when.time.0.from: expected a time of day'),
    ]);
    expect(mistakes(one({}, { time: [{ zone: 'UTC', from: '08:00', to: '08:00' }] }))).toEqual([
      expect.stringContaining('from and to are the same'),
    ]);
  });
  test('a rule holds in its windows only', () => {
    const policy = Policy.parse({
      rules: [
        { name: 'night', when: { time: [{ ...night, weekdays: undefined }] }, require: 'never' },
        { name: 'day', when: {}, require: 'none' },
      ],
    });
    expect(requirementFor(policy, facts({ at: new Date('2026-05-01T12:00:00Z') })).why).toBe('day');
    expect(requirementFor(policy, facts({ at: new Date('2026-05-01T22:00:00Z') })).why).toBe('night');
  });
});

test('a rule may be for the less severe, and give each severity its own time', () => {
  const policy = one({ timeoutSeconds: { 5: 900, default: 7200 } }, { maxSeverity: 5, minSeverity: 2 });
  expect(asked(policy, { severity: 5 }).timeoutSeconds).toBe(900);
  expect(asked(policy, { severity: 2 }).timeoutSeconds).toBe(7200);
  const low = Policy.parse(one({}, { maxSeverity: 3 }));
  expect(requirementFor(low, facts({ severity: 3 })).kind).toBe('approvals');
  expect(requirementFor(low, facts({ severity: 4 })).kind).toBe('never');
});

describe('silence', () => {
  const allow = one({ silence: 'allow' }, { actions: ['endpoint.isolate_host'] });
  test('may allow only what the rule names, and never what cannot be taken back', () => {
    expect(mistakes(allow)).toEqual([]);
    expect(mistakes(one({ silence: 'allow' }))).toEqual([
      expect.stringContaining('rules.0.require.silence: silence may allow only what the rule names'),
    ]);
    expect(mistakes(one({ silence: 'allow' }, { actions: ['identity.revoke_sessions'] }))).toEqual([
      expect.stringContaining('silence can never allow identity.revoke_sessions'),
    ]);
    expect(mistakes(one({ silence: 'allow' }, { actions: ['endpoint.release_host'] }))).toEqual([]);
    expect(mistakes(one({ silence: 'deny' }))).toEqual([]);
  });
  test('denies unless the policy says otherwise', () => {
    expect(countAtExpiry(asked(one({})), [])).toBe('expired');
    expect(countAtExpiry(asked(allow), [])).toBe('silence_allows');
    expect(countVotes(asked(allow), [])).toBe('open');
  });
  test('is not silence when somebody has denied, or has taken an approval back', () => {
    const lea = (verdict: Vote['verdict']) => says('lea', ['lead'], verdict);
    expect(countAtExpiry(asked(allow), [lea('deny')])).toBe('denied');
    expect(countAtExpiry(asked(allow), [lea('approve'), lea('withdraw')])).toBe('expired');
    expect(countAtExpiry(asked(allow), [says('vera', ['viewer'], 'withdraw')])).toBe('silence_allows');
    expect(countAtExpiry(asked(allow), [lea('approve')])).toBe('met');
  });
});

describe('the owner of the asset', () => {
  const policy = one({
    groups: [
      { roles: ['lead'], count: 1 },
      { roles: ['owner'], count: 1 },
    ],
  });
  test('decides for what is theirs only, whatever role they have', () => {
    const mine = asked(policy, { owner: 'olga' });
    expect(mine.owners).toEqual(['olga']);
    const lea = says('lea', ['lead']);
    expect(countVotes(mine, [lea, says('olga', ['viewer'])])).toBe('met');
    expect(countVotes(mine, [lea, says('oscar', ['owner'])])).toBe('open');
    expect(countVotes(mine, [says('olga', ['lead', 'owner'])])).toBe('open');
    expect(countVotes(asked(policy), [lea, says('olga', ['owner'])])).toBe('open');
  });
  test('is not who a channel says they are', () => {
    const votes = [says('lea', ['lead']), says('olga', ['owner', 'analyst'], 'approve', 'channel:chat')];
    expect(countVotes(asked(policy, { owner: 'olga' }), votes)).toBe('open');
  });
  test('is named only where the rule asks for them', () => {
    expect(asked(one({}), { owner: 'olga' }).owners).toBeUndefined();
    expect(asked(one({ veto: ['owner'] }), { owner: 'olga' }).owners).toEqual(['olga']);
  });
});

describe('a veto', () => {
  const requirement = asked(one({ veto: ['legal'] }));
  const lea = says('lea', ['lead']);
  test('denies, and does not approve', () => {
    expect(countVotes(requirement, [lea, says('lou', ['legal'], 'deny')])).toBe('denied');
    expect(countVotes(requirement, [says('lou', ['legal'])])).toBe('open');
    expect(countVotes(requirement, [lea, says('ana', ['analyst'], 'deny')])).toBe('met');
  });
  test('is taken back by its person', () => {
    const votes = [lea, says('lou', ['legal'], 'deny'), says('lou', ['legal'], 'withdraw')];
    expect(countVotes(requirement, votes)).toBe('met');
  });
  test('is also the starter’s, who may not approve', () => {
    const own = { ...requirement, noSelfApproval: true, veto: ['lead' as const] };
    expect(countVotes(own, [says('lea', ['lead'], 'deny')], ['lea'])).toBe('denied');
    expect(countVotes(own, [says('lea', ['lead'])], ['lea'])).toBe('open');
  });
});

test('the glass is broken for what stays only where the rule names it', () => {
  const sessions = { action: 'identity.revoke_sessions' as const };
  expect(asked(one({ breakGlass: ['lead'] })).breakGlass).toEqual(['lead']);
  expect(asked(one({ breakGlass: ['lead'] }), sessions).breakGlass).toBeUndefined();
  const named = one({ breakGlass: ['lead'] }, { actions: ['identity.revoke_sessions'] });
  expect(asked(named, sessions).breakGlass).toEqual(['lead']);
});

test('an escalation says who is told', () => {
  expect(mistakes(one({ escalation: [{ afterSeconds: 10 }] }))).toEqual([
    expect.stringContaining('names neither people nor channels'),
  ]);
});

test('a policy and a requirement of before still mean what they meant', () => {
  const body: PolicyInput = {
    rules: [
      {
        name: 'high impact: one lead',
        when: { impact: ['high'] },
        require: { groups: [{ roles: ['lead'], count: 1 }], timeoutSeconds: 14400, noSelfApproval: false },
      },
    ],
  };
  expect(JSON.parse(JSON.stringify(Policy.parse(body)))).toEqual(body);
  const stored = Requirement.parse({
    kind: 'approvals',
    groups: [{ roles: ['lead'], count: 1 }],
    timeoutSeconds: 14400,
    noSelfApproval: false,
    why: 'high impact: one lead',
  });
  expect(stored).toEqual(asked(body));
  expect(stored.kind === 'approvals' && countAtExpiry(stored, [])).toBe('expired');
});
