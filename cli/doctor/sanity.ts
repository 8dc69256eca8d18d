import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../../contracts/config';
import { countVotes, unheldGroups } from '../../contracts/policy';
import type { Role } from '../../contracts/values';
import type { Finding } from './finding';

type Rule = Config['policy']['rules'][number];

const ok = (what: string, detail: string): Finding => ({ status: 'ok', what, detail });

/** Whether the people there are can give what a rule of the policy asks for. */
function rule(one: Rule, people: readonly { id: string; roles: readonly Role[] }[]): Finding {
  const what = `policy: ${one.name}`;
  if (typeof one.require === 'string')
    return ok(what, one.require === 'none' ? 'asks nobody' : 'never allowed');
  const { groups } = one.require;
  const missing = unheldGroups(
    groups,
    people.flatMap((person) => person.roles),
  );
  if (missing.length > 0) {
    const roles = missing.map((group) => group.roles.join(' or ')).join(', ');
    if (one.require.unheld === 'refuse')
      return ok(
        what,
        `nobody is ${roles}: what it is about is refused until somebody in people has the role`,
      );
    return {
      status: 'broken',
      what,
      detail: `needs ${roles}, but nobody is: every request would run out unanswered. Give somebody in people the role.`,
    };
  }
  const everybody = people.map(({ id, roles }) => ({ person: id, roles, verdict: 'approve' as const }));
  const needed = groups.reduce((sum, { count }) => sum + count, 0);
  if (
    countVotes(
      { kind: 'approvals', why: '', groups, noSelfApproval: false, timeoutSeconds: 1 },
      everybody,
    ) !== 'met'
  )
    return {
      status: 'warning',
      what,
      detail: `needs ${String(needed)} different people, but only ${String(people.length)} could answer: add people`,
    };
  const who = people.filter(({ roles }) =>
    groups.some((group) => group.roles.some((role) => roles.includes(role))),
  );
  return ok(what, `${String(who.length)} can answer, ${String(needed)} needed`);
}

/** Rules that an earlier one leaves nothing for, when that is plain: it asks for no condition, or for the same. */
function unreachable(rules: readonly Rule[]): Finding[] {
  return rules.flatMap(({ name, when }, index) => {
    const before = rules
      .slice(0, index)
      .find((one) => Object.keys(one.when).length === 0 || isDeepStrictEqual(one.when, when));
    if (before === undefined) return [];
    const detail = `it never applies: "${before.name}" comes first and takes all that it is about`;
    return [{ status: 'warning' as const, what: `policy: ${name}`, detail }];
  });
}

/** Whether policy, people, channels and lists fit each other. The first start lets one local person in who has every role. */
export function sanity(config: Config): Finding[] {
  const local = { id: 'local', roles: ['admin', 'lead', 'analyst', 'engineer'] as Role[] };
  const people = config.people.length === 0 ? [local] : config.people;
  const findings = config.policy.rules.map((one) => rule(one, people));
  findings.push(...unreachable(config.policy.rules));
  if (!people.some(({ roles }) => roles.includes('admin')))
    findings.push({
      status: 'warning',
      what: 'people',
      detail: 'nobody is admin: only the token of the first start can make further tokens',
    });
  for (const channel of config.channels) {
    if (channel.people.length === 0) {
      findings.push(ok(`channel ${channel.id}`, `${channel.use}: tells, decides nothing`));
      continue;
    }
    if (channel.use === 'email') {
      const unreachable = config.people.filter(
        ({ id, email }) => channel.people.includes(id) && email === undefined,
      );
      if (unreachable.length > 0)
        findings.push({
          status: 'warning',
          what: `channel ${channel.id}`,
          detail: `${unreachable.map(({ id }) => id).join(', ')}: no email, so no mail can reach them`,
        });
    }
    const silent = channel.people.filter(
      (id) =>
        !config.people.some(
          (person) => person.id === id && person.roles.some((role) => channel.roles.includes(role)),
        ),
    );
    findings.push(
      silent.length === 0
        ? ok(
            `channel ${channel.id}`,
            `speaks for ${channel.people.join(', ')} up to ${channel.maxImpact} impact`,
          )
        : {
            status: 'warning',
            what: `channel ${channel.id}`,
            detail: `${silent.join(', ')}: none of the roles ${channel.roles.join(', ')}, so it can never speak for them`,
          },
    );
  }
  for (const connection of config.connections.filter(({ use }) => use === 'blocklist')) {
    const { list } = connection.config;
    const name = typeof list === 'string' ? list : 'blocked';
    if (!config.blocklists.some(({ id }) => id === name))
      findings.push({
        status: 'warning',
        what: `connection ${connection.id}`,
        detail: `no firewall can fetch the list ${name}: add it to blocklists`,
      });
  }
  return findings;
}
