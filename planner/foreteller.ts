import { z } from 'zod';
import { ConnectionRegistry } from '../activities/connections';
import { forbiddenBy, holdsOn, refusalOf, type Refusal } from '../activities/checks';
import { prepareAction, releaseOf } from '../activities/prepare';
import {
  cleanCheck,
  inRequests,
  requirementOf,
  type IncidentFacts,
  type Scan,
} from '../activities/requirement';
import type { Prepared } from '../activities/runner-types';
import { actionSpec, type ActionCall } from '../contracts/actions';
import { AssetIndex } from '../contracts/assets';
import { budgetName, budgetsOf, usedUp, type BudgetShare } from '../contracts/budgets';
import { CordonError, type Failure } from '../contracts/errors';
import { identify } from '../contracts/identity';
import { defineIntegration, type Integration } from '../contracts/integration';
import type { WaveInput, WaveItem } from '../contracts/messages';
import { orderViolation, type Deed } from '../contracts/order-rules';
import type { PlannedRequest, PlanStep } from '../contracts/plan';
import { countAtExpiry, countVotes, isFinal, type Requirement, type Vote } from '../contracts/policy';
import { SCANS } from '../contracts/scans';
import { simulatedOutput } from '../contracts/simulated';
import type { Target } from '../contracts/values';
import type { Row } from '../store/schema';
import type { Answer } from '../workflows/kit/virtual-host';
import type { PlanFacts } from './facts';

/** What stands for a plan where an incident's number would be. */
export const PLAN_NUMBER = 'PLAN';

/** What the scan of an infected host finds. */
const FINDING = { path: '/example/finding', signature: 'assumed by the plan' };

type Asks = Requirement & { kind: 'approvals' };
type Verdict = PlanStep['guard']['verdict'];

interface Foretold {
  step: PlanStep;
  requirement: Asks | undefined;
  prepared: Prepared | undefined;
  expiresMs: number;
  answer: Answer | undefined;
}

/** What the guard says of an item, and why. */
interface Judged {
  refused: Refusal | undefined;
  why: string;
  requirement?: Requirement;
}

interface Held {
  lease: Row<'leases'>;
  /** Scans that are newer have a higher number. */
  since: number;
  others: string[];
}

/** An integration of which is known what it offers. A plan connects to nothing. */
function unconnected(facts: PlanFacts['integrations'][number]): [string, Integration] {
  const connect = (): never => {
    throw new CordonError('internal', `A plan connects to nothing, also not to ${facts.title}.`);
  };
  return [facts.id, defineIntegration({ ...facts, docs: '', config: z.unknown(), connect })];
}

function incidentRow(facts: PlanFacts): Row<'incidents'> {
  const at = new Date(facts.at);
  return {
    number: PLAN_NUMBER,
    title: facts.alerts[0]?.title ?? '',
    status: 'open',
    mode: facts.mode,
    phase: 'detected',
    severity: facts.severity,
    policy_version: facts.policyVersion,
    playbook: facts.playbook,
    started_by: facts.startedBy,
    opened_at: at,
    updated_at: at,
    last_alert_at: at,
    closed_at: null,
    verdict: null,
    attention: null,
    reopens: null,
    alert_seq: facts.alerts.length,
    signalled_seq: 0,
    signalled_at: null,
    seen_seq: 0,
    target_seq: 0,
    summary: {},
  };
}

function aboutIncident({ alerts, authors, people }: PlanFacts): IncidentFacts {
  const told = alerts.flatMap(({ confidence }) => confidence ?? []);
  return {
    confidence: told.length === 0 ? null : Math.max(...told),
    incidentCategories: [...new Set(alerts.map(({ category }) => category))],
    authors,
    heldRoles: [...new Set(people.flatMap(({ roles }) => roles))],
  };
}

/** A refusal as a plan names it; what the guard refuses for another reason is no thing that a run may ask for. */
const VERDICTS: Partial<Record<Failure['type'], Verdict>> = {
  approval_denied: 'never',
  protected_asset: 'protected',
  maintenance_window: 'maintenance',
  no_connection: 'no_connection',
};

const EXPIRED: Answer = {
  status: 'denied',
  failure: { type: 'approval_expired', message: 'Nobody decided in time; silence denies.' },
};

/** What was wanted of a budget's share, beside what is used. */
export interface Wanted {
  readonly budget: BudgetShare;
  wanted: number;
  exceeded: boolean;
}

/**
 * Says of each item of a virtual run what the guard would say, by the guard's own rules, and writes down the steps. What the guard
 * reads from SQL (leases, budgets, scans) it keeps here, as the run goes on.
 */
export class Foreteller {
  readonly steps: PlanStep[] = [];
  readonly requests: PlannedRequest[] = [];
  /** By the name of the budget's share. */
  readonly wanted = new Map<string, Wanted>();
  readonly #known: { assets: AssetIndex; connections: ConnectionRegistry };
  readonly #incident: Row<'incidents'>;
  readonly #byKey = new Map<string, Foretold>();
  readonly #held = new Map<string, Held>();
  readonly #scans = new Map<string, { scan: Scan; n: number }>();
  readonly #usedAt: Map<string, number[]>;
  readonly #start: number;
  readonly #deeds: Deed[] = [];
  readonly #askers: readonly string[];
  readonly #about: IncidentFacts;
  #clock = 0;

  constructor(private readonly facts: PlanFacts) {
    this.#known = {
      assets: new AssetIndex(facts.assets),
      connections: new ConnectionRegistry(
        { connections: facts.connections.map((one) => ({ ...one, config: {} })) },
        new Map(facts.integrations.map(unconnected)),
        () => {
          throw new CordonError('internal', 'A plan connects to nothing.');
        },
      ),
    };
    this.#incident = incidentRow(facts);
    this.#usedAt = new Map(Object.entries(facts.usedAt).map(([name, times]) => [name, [...times]]));
    this.#start = Date.parse(facts.at);
    const starter = /^person:(.*)$/s.exec(facts.startedBy)?.[1];
    this.#askers = starter === undefined ? [] : [starter];
    this.#about = aboutIncident(facts);
  }

  /** What becomes of an item of the wave that was last heard of. */
  answer(item: WaveItem, group: string): Answer | undefined {
    return this.#byKey.get(keyOf(group, item))?.answer;
  }

  /** Decides about all items of a wave, in the order of the guard. */
  wave(wave: WaveInput, { atMs, stage }: { atMs: number; stage: number }): void {
    const all = wave.items.map((item) => {
      const key = keyOf(wave.group.id, item);
      const before = this.#byKey.get(key);
      const one = before ?? this.#look(wave, item, { atMs, stage });
      this.#byKey.set(key, one);
      if (before === undefined) this.steps.push(one.step);
      return { one, isNew: before === undefined };
    });
    // The guard goes by the target, so that two waves lock in one order; a budget is taken in that order.
    all.sort((a, b) => a.one.step.target.key.localeCompare(b.one.step.target.key));
    this.#ask(
      wave,
      all.flatMap(({ one, isNew }) => (isNew ? [one] : [])),
      atMs,
    );
    for (const { one, isNew } of all)
      if (isNew) this.#carryOut(one, atMs);
      else this.#again(one, atMs);
  }

  /** An item that was asked about is looked at again: by now something may stand against it, or nobody have answered in time. */
  #again(one: Foretold, atMs: number): void {
    const { step, prepared, requirement } = one;
    if (step.outcome !== 'open' || prepared === undefined || requirement === undefined) return;
    const refused = refusalOf(prepared, this.facts.maintenance, new Date(this.#start + atMs));
    if (refused !== undefined) {
      step.outcome = 'refused';
      step.guard.why = refused.failure.message;
      one.answer = refused;
      return;
    }
    if (atMs < one.expiresMs) return;
    if (countAtExpiry(requirement, [], this.#askers) === 'silence_allows') {
      one.answer = undefined;
      this.#effect(one, prepared, atMs);
      return;
    }
    step.outcome = 'expired';
    one.answer = EXPIRED;
  }

  #look(wave: WaveInput, item: WaveItem, when: { atMs: number; stage: number }): Foretold {
    const spec = actionSpec(item.action);
    const call = { action: item.action, input: item.input } as ActionCall;
    let prepared: Prepared | undefined;
    let others: string[] = [];
    let nothing: string | undefined;
    let judged: Judged = { refused: undefined, why: '' };
    try {
      if (item.release) {
        const target = identify(call, this.#known.assets).target;
        const held = this.#held.get(`${item.action}|${target.key}`);
        if (held === undefined) nothing = 'this run holds nothing there';
        else {
          prepared = releaseOf(this.#known, wave, item, held.lease, '');
          others = held.others;
        }
      } else {
        prepared = prepareAction(this.#known, wave, item, '', 'plan');
        others = this.#inForce(prepared)?.incidents ?? [];
      }
      if (prepared !== undefined) judged = this.#judge(prepared, others, when.atMs, wave);
    } catch (error) {
      if (!(error instanceof CordonError) && !(error instanceof z.ZodError)) throw error;
      const failure: Failure =
        error instanceof CordonError
          ? error.toFailure()
          : { type: 'invalid_input', message: `${item.action}: ${z.prettifyError(error)}` };
      judged = { refused: { status: 'failed', failure }, why: failure.message };
    }
    const { refused, requirement } = judged;
    const done = prepared?.spec ?? spec;
    const effect = !done.readOnly;
    const step: PlanStep = {
      n: this.steps.length + 1,
      stage: when.stage,
      afterSeconds: when.atMs / 1000,
      phase: wave.group.phase,
      group: { id: wave.group.id, title: wave.group.title },
      item: item.id,
      occurrence: item.occurrence,
      action: done.id,
      title: done.title,
      release: item.release,
      effect,
      target: this.#targetOf(prepared, call),
      connection:
        prepared === undefined
          ? null
          : {
              id: prepared.route.id,
              integration: prepared.route.integration,
              simulated: prepared.route.simulated,
            },
      guard: {
        verdict: verdictOf(judged),
        why: nothing ?? judged.why,
        requirement: requirement ?? null,
        request: null,
      },
      heldBy: [],
      outcome: nothing !== undefined ? 'nothing_to_do' : refused !== undefined ? 'refused' : 'open',
      reversibility: !effect
        ? 'changes_nothing'
        : item.release
          ? 'takes_back'
          : isFinal(done.id)
            ? 'irreversible'
            : done.inverse === null
              ? 'changes_nothing'
              : 'reversible',
      inverse: done.inverse,
      impact: done.impact,
      leaseSeconds: item.leaseSeconds,
      sharedWith: others,
    };
    const asks = requirement?.kind === 'approvals' ? requirement : undefined;
    return { step, prepared, requirement: asks, answer: refused, expiresMs: Infinity };
  }

  /** The checks of the guard, with what configuration and policy say. */
  #judge(prepared: Prepared, others: readonly string[], atMs: number, wave: WaveInput): Judged {
    if (prepared.lease !== undefined && (others.length > 0 || !prepared.lease.we_did_it))
      return { refused: undefined, why: 'only this incident lets go: the effect stays in force' };
    const refused = refusalOf(prepared, this.facts.maintenance, new Date(this.#start + atMs));
    if (refused !== undefined) return { refused, why: refused.failure.message };
    const early = this.#tooEarly(prepared, wave);
    if (early !== undefined) return { refused: early, why: early.failure.message };
    const requirement = this.#requirementOf(prepared, atMs);
    const forbidden = forbiddenBy(requirement);
    return { refused: forbidden, why: forbidden?.failure.message ?? requirement.why, requirement };
  }

  /** That something else has to be done first. What is asked for beside it is done by then: here nothing takes time. */
  #tooEarly({ item, spec, input }: Prepared, wave: WaveInput): Refusal | undefined {
    if (item.release) return undefined;
    const beside = wave.items.map((one): Deed => ({
      action: one.action,
      target: identify({ action: one.action, input: one.input } as ActionCall, this.#known.assets).target.key,
      state: 'under_way',
      output: null,
    }));
    const early = orderViolation({ action: spec.id, input }, [...this.#deeds, ...beside], this.#known.assets);
    if (early === undefined || early.waits) return undefined;
    return { status: 'failed', failure: { type: 'order_violation', message: early.message } };
  }

  #requirementOf(prepared: Prepared, atMs: number): Requirement {
    const at = new Date(this.#start + atMs);
    const requirement = requirementOf(prepared, this.#incident, this.facts.policy, at, this.#about);
    const { lease, item } = prepared;
    if (lease === undefined || !item.onlyWhenClean) return requirement;
    const since = this.#held.get(`${lease.action}|${lease.target_key}`)?.since ?? 0;
    return (item.cleanBy ?? (['antivirus'] as const)).reduce((required, kind) => {
      const newest = this.#scans.get(`${SCANS[kind]} ${lease.target_key}`);
      return cleanCheck(required, newest !== undefined && newest.n >= since ? newest.scan : undefined, kind);
    }, requirement);
  }

  #targetOf(prepared: Prepared | undefined, call: ActionCall): PlanStep['target'] {
    let target: Target = { kind: 'channel', key: 'channel:unknown', label: 'unknown' };
    let asset = prepared?.asset;
    let mayBe = prepared?.mayBe ?? [];
    if (prepared !== undefined) target = prepared.target;
    else {
      try {
        ({ target, asset, mayBe } = identify(call, this.#known.assets));
      } catch (error) {
        if (!(error instanceof z.ZodError)) throw error;
      }
    }
    return {
      ...target,
      asset: asset?.id ?? null,
      criticality: asset?.criticality ?? 3,
      tags: asset?.tags ?? [],
      sites: [
        ...new Set([...(asset === undefined ? [] : [asset]), ...mayBe].flatMap(({ site }) => site ?? [])),
      ],
    };
  }

  #inForce({ route, spec, target }: Prepared): PlanFacts['inForce'][number] | undefined {
    return this.facts.inForce.find(
      (one) => one.connection === route.id && one.action === spec.id && one.target === target.key,
    );
  }

  /** The requests that the items of a wave amount to. */
  #ask(wave: WaveInput, fresh: readonly Foretold[], atMs: number): void {
    const asked = fresh.flatMap((one) =>
      one.requirement === undefined ? [] : [{ requirement: one.requirement, one }],
    );
    for (const together of inRequests(asked)) {
      const requirements = together.map(({ requirement }) => requirement);
      const n = this.requests.length + 1;
      const timeoutSeconds = Math.min(...requirements.map((one) => one.timeoutSeconds));
      this.requests.push({
        n,
        afterSeconds: atMs / 1000,
        group: wave.group.id,
        title: wave.group.title,
        steps: together.map(({ one }) => one.step.n).sort((a, b) => a - b),
        timeoutSeconds,
        silence: requirements[0]?.silence ?? 'deny',
        escalation: stepsOf(requirements).filter(({ afterSeconds }) => afterSeconds < timeoutSeconds),
        ...this.#whoAnswers(requirements),
      });
      for (const { one } of together) {
        one.step.guard.request = n;
        one.expiresMs = atMs + timeoutSeconds * 1000;
      }
    }
  }

  /** By the rules that count real decisions, with one of each person tried out. */
  #whoAnswers(requirements: readonly Asks[]): Pick<PlannedRequest, 'canBeMet' | 'people' | 'breakGlass'> {
    const { people } = this.facts;
    const saying = (verdict: Vote['verdict']): Vote[] =>
      people.map(({ id, roles }) => ({ person: id, roles, verdict }));
    const whoAlone = (verdict: Vote['verdict'], count: 'met' | 'denied'): string[] =>
      saying(verdict)
        .filter((vote) => requirements.some((one) => countVotes(one, [vote], this.#askers) === count))
        .map(({ person }) => person);
    return {
      canBeMet: requirements.every((one) => countVotes(one, saying('approve'), this.#askers) === 'met'),
      // Who may decide may deny, and one deny denies.
      people: whoAlone('deny', 'denied'),
      breakGlass: whoAlone('break_glass', 'met'),
    };
  }

  #carryOut(one: Foretold, atMs: number): void {
    const { step, prepared, requirement } = one;
    if (step.outcome !== 'open' || prepared === undefined) return;
    if (requirement !== undefined) {
      const { assume } = this.facts;
      if (assume.includes('denied')) {
        step.outcome = 'denied';
        one.answer = {
          status: 'denied',
          failure: { type: 'approval_denied', message: 'It was denied.' },
        };
        return;
      }
      if (assume.includes('silence')) {
        const expiresAt = new Date(this.#start + one.expiresMs).toISOString();
        one.answer = { status: 'awaiting', request: { id: String(step.guard.request), expiresAt } };
        return;
      }
    }
    this.#effect(one, prepared, atMs);
  }

  #effect(one: Foretold, prepared: Prepared, atMs: number): void {
    const { step } = one;
    step.outcome = 'done';
    if (prepared.lease !== undefined && step.guard.requirement === null) {
      this.#held.delete(`${prepared.lease.action}|${prepared.lease.target_key}`);
      return;
    }
    if (step.effect) {
      const { killSwitch, maintenance: windows } = this.facts;
      const holds = holdsOn(prepared, { killSwitch, windows }, new Date(this.#start + atMs));
      const spent = this.#takeBudgets(prepared, atMs);
      step.heldBy = [...holds, ...(spent === undefined ? [] : [usedUp(spent)])].map(({ message }) => message);
    }
    this.#remember(one, prepared);
  }

  /** Takes a unit of each, or none: returns the first that is used up, as the store does. */
  #takeBudgets(prepared: Prepared, atMs: number): BudgetShare | undefined {
    const at = this.#start + atMs;
    const shares = budgetsOf(this.facts.budgets, prepared)
      .map((budget) => ({ budget, name: budgetName(budget) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { budget, name } of shares) {
      const so = this.wanted.get(name) ?? { budget, wanted: 0, exceeded: false };
      this.wanted.set(name, { ...so, wanted: so.wanted + 1 });
    }
    const usedBy = (name: string): number[] => this.#usedAt.get(name) ?? [];
    const spent = shares.find(
      ({ budget: { limit, windowSeconds }, name }) =>
        usedBy(name).filter((one) => one > at - windowSeconds * 1000).length >= limit,
    );
    if (spent === undefined) {
      for (const { name } of shares) this.#usedAt.set(name, [...usedBy(name), at]);
      return undefined;
    }
    const so = this.wanted.get(spent.name);
    if (so !== undefined) so.exceeded = true;
    return spent.budget;
  }

  /** What the guard will find in SQL later: leases and scans. */
  #remember(one: Foretold, prepared: Prepared): void {
    const { spec, item, target, lease, route } = prepared;
    this.#clock += 1;
    const said = simulatedOutput(item, this.facts.at);
    this.#deeds.push({ action: spec.id, target: target.key, state: 'done', output: said });
    if (lease !== undefined) {
      this.#held.delete(`${lease.action}|${lease.target_key}`);
      return;
    }
    if (spec.id === 'endpoint.scan_av') {
      const infected =
        this.facts.assume.includes('scan_infected') && !this.#scans.has(`${spec.id} ${target.key}`);
      const output = {
        ...item.input,
        clean: !infected,
        findings: infected ? [FINDING] : [],
        errors: [],
        engine: 'simulated',
      };
      this.#scans.set(`${spec.id} ${target.key}`, {
        n: this.#clock,
        scan: { outcome: 'succeeded', input: item.input, output },
      });
      one.answer = { output: output };
      return;
    }
    if (spec.id === SCANS.vulnerability) {
      const scan = { outcome: 'succeeded', input: item.input, output: said };
      this.#scans.set(`${spec.id} ${target.key}`, { n: this.#clock, scan });
    }
    if (spec.inverse === null) return;
    const before = this.#inForce(prepared);
    const at = new Date(this.facts.at);
    this.#held.set(`${spec.id}|${target.key}`, {
      since: this.#clock,
      others: before?.incidents ?? [],
      lease: {
        id: String(one.step.n),
        connection: route.id,
        integration: route.integration,
        simulated: route.simulated,
        action: spec.id,
        inverse: spec.inverse,
        inverse_input: prepared.input,
        target_kind: target.kind,
        target_key: target.key,
        target_label: target.label,
        status: 'in_force',
        we_did_it: before?.weDidIt ?? true,
        expires_at: null,
        created_at: at,
        released_at: null,
        release_attempts: 0,
        last_error: null,
        extensions: 0,
        asked_at: null,
        length_seconds: null,
        lost_at: null,
      },
    });
  }
}

const keyOf = (group: string, item: WaveItem): string => `${group}/${item.id}#${String(item.occurrence)}`;

/** Who is told of a request while it is open; steps that are the same are one. */
const stepsOf = (requirements: readonly Asks[]): PlannedRequest['escalation'] =>
  [
    ...new Map(
      requirements.flatMap(({ escalation = [] }) => escalation).map((step) => [JSON.stringify(step), step]),
    ).values(),
  ].sort((a, b) => a.afterSeconds - b.afterSeconds);

function verdictOf({ refused, requirement }: Judged): Verdict {
  if (refused !== undefined) return VERDICTS[refused.failure.type] ?? 'rejected';
  return requirement?.kind === 'approvals' ? 'asks' : 'allowed';
}
