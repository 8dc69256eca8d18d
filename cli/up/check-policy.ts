import type { Config } from '../../contracts/config';
import {
  asksOwner,
  countVotes,
  isBarred,
  unheldGroups,
  type PolicyRule,
  type Requirement,
} from '../../contracts/policy';
import type { Role } from '../../contracts/values';
import { PERMISSIONS } from '../../server/auth/authenticate';

type Person = Pick<Config['people'][number], 'id' | 'roles'>;
/** A playbook's version, and who wrote it. */
export interface Authored {
  readonly ref: string;
  readonly authors?: readonly string[];
}

type Asking = Exclude<PolicyRule['require'], string>;

const MAY_START: readonly Role[] = PERMISSIONS.start;
const wordsOf = (roles: readonly Role[]): string => roles.join(' or ');

/** Assets that a rule may be about, and whether a target that is no asset may be too. */
function reach(
  { when }: PolicyRule,
  assets: Config['assets'],
): { assets: Config['assets']; others: boolean } {
  const { targetTags, minCriticality = 0 } = when;
  return {
    assets: assets.filter(
      ({ tags, criticality }) =>
        criticality >= minCriticality &&
        (targetTags === undefined || targetTags.some((tag) => tags.includes(tag))),
    ),
    others: targetTags === undefined && minCriticality <= 3,
  };
}

/** Why the people there are can never give what a rule asks for, whoever owns the target and whoever started the run. */
function lockOut(
  require: Asking,
  people: readonly Person[],
  owners: readonly string[],
  playbooks: readonly Authored[],
): string | undefined {
  const { groups } = require;
  const unheld = unheldGroups(
    groups,
    people.flatMap(({ roles }) => roles),
  );
  if (unheld.length > 0 && require.unheld === 'refuse') return undefined;
  if (unheld.length > 0)
    return `nobody is ${unheld.map(({ roles }) => wordsOf(roles)).join(', nobody is ')}: give somebody in people the role`;
  const votes = people.map(({ id, roles }) => ({ person: id, roles, verdict: 'approve' as const }));
  const needed = groups.reduce((sum, { count }) => sum + count, 0);
  for (const owner of owners.length === 0 ? [undefined] : owners) {
    const requirement: Requirement = {
      kind: 'approvals',
      why: '',
      groups,
      timeoutSeconds: 1,
      noSelfApproval: isBarred(require.noSelfApproval, 'starter'),
      ...(owner === undefined ? {} : { owners: [owner] }),
    };
    const whose = owner === undefined ? '' : ` where ${owner} is the owner`;
    if (countVotes(requirement, votes) !== 'met')
      return `it needs ${String(needed)} different people${whose}, and those there are can never fill every seat: add people, or ask for fewer`;
    const written = isBarred(require.noSelfApproval, 'author') ? playbooks : [];
    for (const { ref, authors = [] } of written)
      if (countVotes({ ...requirement, authors: [...authors] }, votes) !== 'met')
        return `it needs ${String(needed)} different people${whose}, and without ${authors.join(', ')}, who wrote ${ref} and may then not approve, the others can never fill every seat: add people, or take author out of noSelfApproval`;
    if (!requirement.noSelfApproval) continue;
    const starters = people.filter(({ roles }) => roles.some((role) => MAY_START.includes(role)));
    for (const { ref, authors = [] } of written) {
      const both = starters.find(
        ({ id }) => countVotes({ ...requirement, authors: [...authors] }, votes, [id]) !== 'met',
      );
      if (both !== undefined && countVotes(requirement, votes, [both.id]) === 'met')
        return `it needs ${String(needed)} different people${whose}, and when ${both.id} started the incident and ${authors.join(', ')} wrote ${ref}, who may then not approve, the others can never fill every seat: add people, or ask for fewer`;
    }
    const alone = starters.find(({ id }) => countVotes(requirement, votes, [id]) !== 'met');
    if (alone !== undefined)
      return `it needs ${String(needed)} different people${whose}, and when ${alone.id} started the incident, who may then not approve, the others can never fill every seat: add people, or take noSelfApproval away`;
  }
  return undefined;
}

/** Why a rule that asks the owner may meet a target that has none, or one who is nobody here. */
function ownerless(rule: PolicyRule, require: Asking, config: Config): string | undefined {
  if (!asksOwner(require)) return undefined;
  const reached = reach(rule, config.assets);
  const people = new Set(config.people.map(({ id }) => id));
  const stranger = reached.assets.find(({ owner }) => owner !== undefined && !people.has(owner));
  if (stranger !== undefined)
    return `it asks the owner of ${stranger.id}, but there is no person "${stranger.owner ?? ''}"`;
  if (!require.groups.some(({ roles }) => roles.every((role) => role === 'owner'))) return undefined;
  const orphan = reached.assets.find(({ owner }) => owner === undefined);
  if (orphan !== undefined)
    return `it needs the owner, but the asset ${orphan.id} names none: add owner there, or another role beside owner`;
  return reached.others
    ? 'it needs the owner, but a target that is no asset has none: limit the rule by targetTags, or add another role beside owner'
    : undefined;
}

function mistakesOf(rule: PolicyRule, config: Config, playbooks: readonly Authored[]): string[] {
  const { require } = rule;
  if (typeof require === 'string') return [];
  const found: string[] = [];
  const people = new Set(config.people.map(({ id }) => id));
  const channels = new Set(config.channels.map(({ id }) => id));
  const seconds =
    typeof require.timeoutSeconds === 'number'
      ? [require.timeoutSeconds]
      : Object.values(require.timeoutSeconds as Record<string, number>);
  for (const step of require.escalation ?? []) {
    for (const id of step.people ?? [])
      if (!people.has(id)) found.push(`escalation: there is no person "${id}"`);
    for (const id of step.channels ?? [])
      if (!channels.has(id)) found.push(`escalation: there is no channel "${id}"`);
    if (step.afterSeconds >= Math.max(...seconds))
      found.push(
        `escalation: ${String(step.afterSeconds)} s is too late: the request is over after ${String(Math.max(...seconds))} s`,
      );
  }
  // Without people there is one local operator, who tries Cordon out: the doctor says what that one cannot do.
  if (config.people.length === 0) return found;
  const named = [
    ['veto', require.veto ?? []],
    ['breakGlass', require.breakGlass ?? []],
  ] as const;
  for (const [what, roles] of named)
    for (const role of roles)
      if (role !== 'owner' && !config.people.some((person) => person.roles.includes(role)))
        found.push(`${what}: nobody is ${role}: give somebody in people the role`);
  const without = ownerless(rule, require, config);
  const owners = asksOwner(require)
    ? [...new Set(reach(rule, config.assets).assets.flatMap(({ owner }) => owner ?? []))]
    : [];
  const locked = without ?? lockOut(require, config.people, owners, playbooks);
  return locked === undefined ? found : [...found, locked];
}

/** Why a policy cannot be kept by the people, channels and assets of its configuration: each mistake with its rule. */
export function policyMistakes(config: Config, playbooks: readonly Authored[] = []): string[] {
  return config.policy.rules.flatMap((rule) =>
    mistakesOf(rule, config, playbooks).map((mistake) => `policy rule "${rule.name}": ${mistake}`),
  );
}
