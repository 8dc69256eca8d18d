import fc from 'fast-check';
import { CATEGORIES } from '../../contracts/alert';
import {
  DEFAULT_POLICY,
  Policy,
  requirementFor,
  whyNotRule,
  type PolicyFacts,
  type PolicyInput,
  type PolicyRule,
  type Requirement,
} from '../../contracts/policy';
import { requirementOn } from '../../contracts/policy-target';
import type { Role } from '../../contracts/values';

const facts = (extra: Partial<PolicyFacts> = {}): PolicyFacts => ({
  action: 'endpoint.isolate_host',
  mode: 'live',
  severity: 4,
  criticality: 3,
  targetTags: [],
  connectionTags: [],
  at: new Date('2026-05-01T12:00:00Z'),
  confidence: 80,
  incidentCategories: ['malware'],
  authors: [],
  heldRoles: ['analyst', 'lead', 'hr'],
  ...extra,
});
type Rule = PolicyInput['rules'][number];
const LEADS = (count: number): Rule['require'] => ({
  groups: [{ roles: ['lead'], count }],
  timeoutSeconds: 60,
});
const policy = (...rules: Rule[]): Policy => Policy.parse({ rules });
const NO_ASSET = { asset: undefined, mayBe: [] };

describe('confidence', () => {
  const graded = policy(
    { name: 'sure', when: { minConfidence: 90 }, require: 'none' },
    { name: 'unsure', when: { maxConfidence: 50 }, require: LEADS(2) },
    { name: 'else', when: {}, require: LEADS(1) },
  );
  test.each<[number, string]>([
    [100, 'sure'],
    [90, 'sure'],
    [89, 'else'],
    [51, 'else'],
    [50, 'unsure'],
    [0, 'unsure'],
  ])('%d is %s: both bounds are included', (confidence, why) => {
    expect(requirementFor(graded, facts({ confidence })).why).toBe(why);
  });

  test('that no alert tells is whatever asks for most, also where much confidence asks for more', () => {
    expect(requirementOn(graded, facts({ confidence: null }), NO_ASSET).requirement.why).toBe('unsure');
    const upside = policy(
      { name: 'sure', when: { minConfidence: 90 }, require: 'never' },
      { name: 'else', when: {}, require: LEADS(1) },
    );
    expect(requirementOn(upside, facts({ confidence: null }), NO_ASSET).requirement.kind).toBe('never');
  });

  test('a rule says why it is not about an incident', () => {
    const [sure, unsure] = graded.rules as [PolicyRule, PolicyRule];
    expect(whyNotRule(sure, facts({ confidence: 40 }))).toBe('the confidence is 40, below 90');
    expect(whyNotRule(unsure, facts({ confidence: 70 }))).toBe('the confidence is 70, above 50');
  });

  test('not told never asks for less than any that might have been told', () => {
    const rules = fc.array(
      fc.record({
        min: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
        max: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
        leads: fc.integer({ min: 0, max: 4 }),
      }),
      { minLength: 1, maxLength: 5 },
    );
    const seats = (one: Requirement): number =>
      one.kind === 'none' ? 0 : one.kind === 'never' ? 99 : (one.groups[0]?.count ?? 0);
    fc.assert(
      fc.property(rules, fc.integer({ min: 0, max: 100 }), (some, confidence) => {
        const made = policy(
          ...some.map(({ min, max, leads }, index): Rule => ({
            name: String(index),
            when: {
              ...(min === undefined ? {} : { minConfidence: min }),
              ...(max === undefined ? {} : { maxConfidence: max }),
            },
            require: leads === 0 ? 'none' : LEADS(leads),
          })),
        );
        const unknown = requirementOn(made, facts({ confidence: null }), NO_ASSET).requirement;
        expect(seats(unknown)).toBeGreaterThanOrEqual(seats(requirementFor(made, facts({ confidence }))));
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('category of the incident', () => {
  const gated = policy(
    { name: 'insider', when: { incidentCategory: ['insider'] }, require: LEADS(3) },
    { name: 'else', when: {}, require: LEADS(1) },
  );
  test('is that of any of its alerts', () => {
    expect(requirementFor(gated, facts({ incidentCategories: ['malware', 'insider'] })).why).toBe('insider');
    expect(requirementFor(gated, facts()).why).toBe('else');
    expect(whyNotRule(gated.rules[0] as PolicyRule, facts())).toBe(
      "the incident's alerts are about malware, not insider",
    );
  });
  test('of an incident whose alerts were all detached is none', () => {
    expect(requirementOn(gated, facts({ incidentCategories: [] }), NO_ASSET).requirement.why).toBe('else');
  });
  test('a gate that comes first stays, whatever else joins the incident', () => {
    fc.assert(
      fc.property(fc.subarray([...CATEGORIES]), (others) => {
        const incidentCategories = ['insider' as const, ...others];
        expect(requirementOn(gated, facts({ incidentCategories }), NO_ASSET).requirement.why).toBe('insider');
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('the policy that ships, about insiders', () => {
  const ships = Policy.parse(DEFAULT_POLICY);
  const about = (extra: Partial<PolicyFacts>): Requirement =>
    requirementFor(ships, facts({ incidentCategories: ['insider'], ...extra }));
  const EFFECTS = [
    'endpoint.isolate_host',
    'endpoint.release_host',
    'network.block_ip',
    'data.restore_backup',
  ] as const;

  test.each(EFFECTS)('%s needs HR or legal beside what it needs anyway', (action) => {
    const plain = requirementFor(ships, facts({ action }));
    const insider = about({ action });
    if (plain.kind !== 'approvals' || insider.kind !== 'approvals') throw new Error('asks nobody');
    expect(insider.groups).toEqual([...plain.groups, { roles: ['hr', 'legal'], count: 1 }]);
    expect(insider.noSelfApproval).toBe(plain.noSelfApproval);
    expect(insider.timeoutSeconds).toBe(plain.timeoutSeconds);
  });
  test('is refused with the missing role named while nobody is HR or legal, and never goes without', () => {
    const heldRoles: Role[] = ['admin', 'lead', 'analyst', 'engineer'];
    for (const action of EFFECTS)
      expect(about({ action, heldRoles })).toEqual({
        kind: 'never',
        why: expect.stringMatching(/^insider, .*; nobody here is hr or legal$/) as string,
      });
    expect(about({ action: 'endpoint.scan_av', heldRoles }).kind).toBe('none');
  });
});

describe('authors of the playbook', () => {
  const barring = (noSelfApproval: boolean | ('starter' | 'author')[]): Policy =>
    policy({
      name: 'r',
      when: {},
      require: { groups: [{ roles: ['lead'], count: 1 }], timeoutSeconds: 60, noSelfApproval },
    });
  test.each<[boolean | ('starter' | 'author')[], boolean, string[] | undefined]>([
    [true, true, undefined],
    [false, false, undefined],
    [['starter'], true, undefined],
    [['author'], false, ['lea']],
    [['starter', 'author'], true, ['lea']],
  ])('%j', (noSelfApproval, starter, authors) => {
    const found = requirementFor(barring(noSelfApproval), facts({ authors: ['lea'] }));
    expect(found).toMatchObject({ kind: 'approvals', noSelfApproval: starter });
    expect(found.kind === 'approvals' ? found.authors : null).toEqual(authors);
  });
  test('who are not known are not taken for nobody', () => {
    expect(requirementFor(barring(['author']), facts({ authors: null }))).toEqual({
      kind: 'never',
      why: "r; the playbook's authors may not approve, and who they are is not known",
    });
    expect(requirementFor(barring(true), facts({ authors: null })).kind).toBe('approvals');
  });
});
