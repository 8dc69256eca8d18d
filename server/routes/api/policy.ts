import { budgetsOf } from '../../../contracts/budgets';
import type { z } from 'zod';
import { PolicyExplanation, PolicyQuestion } from '../../../contracts/api';
import type { ActionId } from '../../../contracts/actions';
import { assetsOfTarget, targetKindOf } from '../../../contracts/identity';
import { CordonError } from '../../../contracts/errors';
import { playbookRef } from '../../../contracts/plan';
import { whyNotRule, type Requirement } from '../../../contracts/policy';
import { requirementOn } from '../../../contracts/policy-target';
import { TARGET_KINDS, type Role, type Target } from '../../../contracts/values';
import { budgetUsed } from '../../../store/budgets';
import { listDelegations } from '../../../store/delegations';
import { listPeople } from '../../../store/people';
import { policyVersionOf } from '../../../store/policies';
import { Problem } from '../../problem';
import { route, type Route } from '../table';
import type { ApiDeps } from './deps';

type Asking = Pick<Requirement & { kind: 'approvals' }, 'groups' | 'veto' | 'owners'>;

/** The target that a name means to an action; `host:ws-1` says the kind itself. */
function targetNamed(action: ActionId, text: string): Target {
  const [, said, name] = new RegExp(`^(${TARGET_KINDS.join('|')}):(.+)$`, 's').exec(text) ?? [];
  const kind = (said as Target['kind'] | undefined) ?? targetKindOf(action);
  const id = name ?? text;
  return { kind, key: `${kind}:${id}`, label: id };
}

/** Who wrote the playbook that is asked about; without one, nobody is taken to have. */
function authorsAsked(name: string | undefined, playbooks: ApiDeps['playbooks']): readonly string[] {
  if (name === undefined) return [];
  try {
    const ref = playbookRef(name, playbooks);
    return playbooks.find(({ id, version }) => `${id}@${String(version)}` === ref)?.authors ?? [];
  } catch (error) {
    if (!(error instanceof CordonError)) throw error;
    throw new Problem(422, 'Unprocessable content', error.message);
  }
}

async function explain(
  { store, config, playbooks, correlation: { assets } }: ApiDeps,
  question: z.output<typeof PolicyQuestion>,
): Promise<PolicyExplanation> {
  const connection = config.connections.find(({ id }) => id === question.connection);
  if (question.connection !== undefined && connection === undefined)
    throw new Problem(
      422,
      'Unprocessable content',
      `connection: there is no connection "${question.connection}"; there are ${config.connections.map(({ id }) => id).join(', ')}.`,
    );
  const { action, severity, mode } = question;
  const now = await store.now();
  const at = question.at === undefined ? now : new Date(question.at);
  const target = targetNamed(action, question.target);
  const found = assetsOfTarget(target, assets);
  const active = (await listPeople(store)).filter((one) => one.active);
  const known = {
    action,
    severity,
    mode,
    connectionTags: connection?.tags ?? [],
    at,
    confidence: question.confidence ?? null,
    incidentCategories: question.incidentCategory,
    authors: authorsAsked(question.playbook, playbooks),
    heldRoles: [...new Set(active.flatMap(({ roles }) => roles))],
  };
  const { requirement, facts } = requirementOn(config.policy, known, found);
  const passed = config.policy.rules.map((rule) => ({
    name: rule.name,
    whyNot: whyNotRule(rule, facts) ?? null,
  }));
  const decides = passed.findIndex(({ whyNot }) => whyNot === null);
  const {
    groups,
    veto = [],
    owners = [],
  }: Asking = requirement.kind === 'approvals' ? requirement : { groups: [] };
  const holding = (roles: readonly Role[]): { id: string; name: string }[] =>
    active
      .filter(
        (one) =>
          one.roles.some((role) => role !== 'owner' && roles.includes(role)) ||
          (roles.includes('owner') && owners.includes(one.id)),
      )
      .map(({ id, name }) => ({ id, name }));
  const lent = await listDelegations(store, false);
  const delegates = (seats: readonly { id: string }[]): { id: string; for: string; until: string }[] =>
    lent
      .filter(({ from, to }) => seats.some(({ id }) => id === from) && active.some(({ id }) => id === to))
      .map(({ from, to, until }) => ({ id: to, for: from, until }));
  const spared = found.mayBe.find((one) => one.protected);
  const budgets = budgetsOf(config.budgets, { ...found, spec: { id: action } });
  return {
    policyVersion: policyVersionOf(config.policy),
    target: target.key,
    asset: found.asset?.id ?? null,
    mayBe: found.asset === undefined ? found.mayBe.map(({ id }) => id) : [],
    protected:
      spared === undefined ? null : `${spared.id} is protected: nothing is done to it, whoever approves.`,
    rules: decides < 0 ? passed : passed.slice(0, decides + 1),
    requirement,
    seats: groups.map(({ roles, count }) => {
      const people = holding(roles);
      return { roles, count, people, delegates: delegates(people) };
    }),
    veto: holding(veto),
    budgets: await Promise.all(
      budgets.map(async (budget) => ({
        id: budget.id,
        used: await budgetUsed(store, budget, now),
        limit: budget.limit,
        windowSeconds: budget.windowSeconds,
      })),
    ),
  };
}

/** What the policy would ask for. */
export const policy = (deps: ApiDeps): Route[] => [
  route({
    method: 'get',
    path: '/policy/explain',
    id: 'explainPolicy',
    tag: 'policy',
    summary: 'What the policy as it is now would ask for, of whom, and by which rule',
    permission: 'read',
    query: PolicyQuestion,
    answer: PolicyExplanation,
    handle: ({ query }) => explain(deps, query),
  }),
];
