import { z } from 'zod';
import { ConnectionRegistry } from '../activities/connections';
import { prepareAction, releaseOf, takesBackDirectly } from '../activities/prepare';
import { cleanCheck, requirementOf, type Scan } from '../activities/requirement';
import type { Prepared } from '../activities/runner-types';
import { untouchable } from '../activities/untouchable';
import { actionSpec, type ActionCall } from '../contracts/actions';
import { AssetIndex } from '../contracts/assets';
import { CordonError, type Failure } from '../contracts/errors';
import { identify } from '../contracts/identity';
import { defineIntegration, type Integration } from '../contracts/integration';
import type { WaveInput, WaveItem } from '../contracts/messages';
import type { PlannedRequest, PlanStep } from '../contracts/plan';
import { countVotes, type Requirement } from '../contracts/policy';
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

interface Held {
  lease: Row<'leases'>;
  /** Scans that are newer have a higher number. */
  since: number;
  others: string[];
}

/** An integration of which is known what it offers. A plan connects to nothing. */
function stub(facts: PlanFacts['integrations'][number]): [string, Integration] {
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
    summary: {},
  };
}

const REFUSALS: Readonly<Record<Exclude<Verdict, 'allowed' | 'asks'>, [Answer['status'], Failure['type']]>> =
  {
    never: ['denied', 'approval_denied'],
    protected: ['denied', 'protected_asset'],
    no_connection: ['failed', 'no_connection'],
    rejected: ['failed', 'rejected'],
  };

/**
 * Says of each item of a virtual run what the guard would say, by the guard's own rules, and writes down the steps. What the guard
 * reads from SQL (leases, budgets, scans) it keeps here, as the run goes on.
 */
export class Foreteller {
  readonly steps: PlanStep[] = [];
  readonly requests: PlannedRequest[] = [];
  /** Units that were wanted of each budget, by its id. */
  readonly wanted = new Map<string, number>();
  readonly #known: { assets: AssetIndex; connections: ConnectionRegistry };
  readonly #incident: Row<'incidents'>;
  readonly #byKey = new Map<string, Foretold>();
  readonly #held = new Map<string, Held>();
  readonly #scans = new Map<string, { scan: Scan; n: number }>();
  readonly #usedAt: Map<string, number[]>;
  readonly #start: number;
  #clock = 0;

  constructor(private readonly facts: PlanFacts) {
    this.#known = {
      assets: new AssetIndex(facts.assets),
      connections: new ConnectionRegistry(
        { connections: facts.connections.map((one) => ({ ...one, config: {} })) },
        new Map(facts.integrations.map(stub)),
        () => {
          throw new CordonError('internal', 'A plan connects to nothing.');
        },
      ),
    };
    this.#incident = incidentRow(facts);
    this.#usedAt = new Map(facts.budgets.map(({ id, usedAt }) => [id, [...usedAt]]));
    this.#start = Date.parse(facts.at);
  }

  /** What becomes of an item of the wave that was last heard of. */
  answer(item: WaveItem, group: string): Answer | undefined {
    return this.#byKey.get(keyOf(group, item))?.answer;
  }

  /** Decides about all items of a wave, in the order of the guard. */
  wave(wave: WaveInput, { atMs, stage }: { atMs: number; stage: number }): void {
    const fresh: Foretold[] = [];
    for (const item of wave.items) {
      const key = keyOf(wave.group.id, item);
      const before = this.#byKey.get(key);
      if (before !== undefined) {
        this.#again(before, atMs);
        continue;
      }
      const one = this.#look(wave, item, { atMs, stage });
      this.#byKey.set(key, one);
      this.steps.push(one.step);
      fresh.push(one);
    }
    this.#ask(wave, fresh, atMs);
    // The guard goes by the target, so that two waves lock in one order; a budget is taken in that order.
    for (const one of [...fresh].sort((a, b) => a.step.target.key.localeCompare(b.step.target.key)))
      this.#carryOut(one, atMs);
  }

  /** An item that was asked about is looked at again: by now nobody may have answered in time. */
  #again(one: Foretold, atMs: number): void {
    if (one.step.outcome !== 'open' || atMs < one.expiresMs) return;
    one.step.outcome = 'expired';
    one.answer = {
      status: 'denied',
      failure: { type: 'approval_expired', message: 'Nobody decided in time; silence denies.' },
    };
  }

  #look(wave: WaveInput, item: WaveItem, when: { atMs: number; stage: number }): Foretold {
    const spec = actionSpec(item.action);
    const call = { action: item.action, input: item.input } as ActionCall;
    let prepared: Prepared | undefined;
    let others: string[] = [];
    let nothing: string | undefined;
    let verdict: Verdict = 'allowed';
    let why = '';
    let requirement: Requirement | undefined;
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
      if (prepared !== undefined) ({ verdict, why, requirement } = this.#judge(prepared, others, when.atMs));
    } catch (error) {
      if (!(error instanceof CordonError) && !(error instanceof z.ZodError)) throw error;
      verdict = error instanceof CordonError && error.type === 'no_connection' ? 'no_connection' : 'rejected';
      why = error instanceof CordonError ? error.message : `${item.action}: ${z.prettifyError(error)}`;
    }
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
      guard: { verdict, why: nothing ?? why, requirement: requirement ?? null, request: null },
      heldBy: [],
      outcome: nothing === undefined ? (isRefusal(verdict) ? 'refused' : 'open') : 'nothing_to_do',
      reversibility: !effect
        ? 'changes_nothing'
        : item.release
          ? 'takes_back'
          : done.inverse === null
            ? 'irreversible'
            : 'reversible',
      inverse: done.inverse,
      impact: done.impact,
      leaseSeconds: item.leaseSeconds,
      sharedWith: others,
    };
    const answer = isRefusal(verdict) ? refusal(verdict, why) : undefined;
    const asks = requirement?.kind === 'approvals' ? requirement : undefined;
    return { step, prepared, requirement: asks, answer, expiresMs: Infinity };
  }

  /** The checks of the guard, in its order, with what configuration and policy say. */
  #judge(
    prepared: Prepared,
    others: readonly string[],
    atMs: number,
  ): { verdict: Verdict; why: string; requirement?: Requirement } {
    if (prepared.lease !== undefined && (others.length > 0 || !prepared.lease.we_did_it))
      return { verdict: 'allowed', why: 'only this incident lets go: the effect stays in force' };
    const spared = untouchable(prepared);
    if (spared !== undefined) return { verdict: 'protected', why: spared };
    if (takesBackDirectly(prepared))
      return {
        verdict: 'rejected',
        why: `${prepared.spec.title} takes something back: that is done by releasing its containment only.`,
      };
    const requirement = this.#requirementOf(prepared, atMs);
    const verdict = { none: 'allowed', approvals: 'asks', never: 'never' } as const;
    return { verdict: verdict[requirement.kind], why: requirement.why, requirement };
  }

  #requirementOf(prepared: Prepared, atMs: number): Requirement {
    const at = new Date(this.#start + atMs);
    const requirement = requirementOf(prepared, this.#incident, this.facts.policy, at);
    const { lease, item } = prepared;
    if (lease === undefined || !item.onlyWhenClean) return requirement;
    const since = this.#held.get(`${lease.action}|${lease.target_key}`)?.since ?? 0;
    const newest = this.#scans.get(lease.target_key);
    return cleanCheck(requirement, newest !== undefined && newest.n >= since ? newest.scan : undefined);
  }

  #targetOf(prepared: Prepared | undefined, call: ActionCall): PlanStep['target'] {
    let target: Target = { kind: 'channel', key: 'channel:unknown', label: 'unknown' };
    let asset = prepared?.asset;
    if (prepared !== undefined) target = prepared.target;
    else {
      try {
        ({ target, asset } = identify(call, this.#known.assets));
      } catch (error) {
        if (!(error instanceof z.ZodError)) throw error;
      }
    }
    return {
      ...target,
      asset: asset?.id ?? null,
      criticality: asset?.criticality ?? 3,
      tags: asset?.tags ?? [],
    };
  }

  #inForce({ route, spec, target }: Prepared): PlanFacts['inForce'][number] | undefined {
    return this.facts.inForce.find(
      (one) => one.connection === route.id && one.action === spec.id && one.target === target.key,
    );
  }

  /** One request for all items of a wave that need one. */
  #ask(wave: WaveInput, fresh: readonly Foretold[], atMs: number): void {
    const asked = fresh.flatMap((one) =>
      one.requirement === undefined ? [] : [{ ...one.requirement, one }],
    );
    if (asked.length === 0) return;
    const { people } = this.facts;
    const n = this.requests.length + 1;
    const timeoutSeconds = Math.min(...asked.map((one) => one.timeoutSeconds));
    const everybody = people.map(({ id, roles }) => ({ person: id, roles, verdict: 'approve' as const }));
    const startedBy = /^person:(.*)$/s.exec(this.facts.startedBy)?.[1];
    this.requests.push({
      n,
      afterSeconds: atMs / 1000,
      group: wave.group.id,
      title: wave.group.title,
      steps: asked.map(({ one }) => one.step.n),
      timeoutSeconds,
      canBeMet: asked.every(
        ({ one }) => one.requirement && countVotes(one.requirement, everybody, startedBy) === 'met',
      ),
      people: people
        .filter(({ roles }) =>
          asked.some(({ groups }) =>
            groups.some((group) => group.roles.some((role) => roles.includes(role))),
          ),
        )
        .map(({ id }) => id),
    });
    for (const { one } of asked) {
      one.step.guard.request = n;
      one.expiresMs = atMs + timeoutSeconds * 1000;
    }
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
    step.outcome = 'done';
    if (prepared.lease !== undefined && step.guard.requirement === null) {
      this.#held.delete(`${prepared.lease.action}|${prepared.lease.target_key}`);
      return;
    }
    if (step.effect) {
      if (this.facts.killSwitch) step.heldBy.push('the kill switch, until it is lifted');
      step.heldBy.push(...this.#takeBudgets(prepared, atMs));
    }
    this.#remember(one, prepared);
  }

  #takeBudgets({ spec }: Prepared, atMs: number): string[] {
    const at = this.#start + atMs;
    const budgets = this.facts.budgets.filter(({ actions }) => actions.includes(spec.id));
    for (const { id } of budgets) this.wanted.set(id, (this.wanted.get(id) ?? 0) + 1);
    const spent = budgets.find(({ id, limit, windowSeconds }) => {
      const used = this.#usedAt.get(id)?.filter((one) => one > at - windowSeconds * 1000).length ?? 0;
      return used >= limit;
    });
    if (spent !== undefined)
      return [
        `the budget ${spent.id} (${String(spent.limit)} in ${String(spent.windowSeconds)} s), until a unit is free`,
      ];
    for (const { id } of budgets) this.#usedAt.get(id)?.push(at);
    return [];
  }

  /** What the guard will find in SQL later: leases and scans. */
  #remember(one: Foretold, prepared: Prepared): void {
    const { spec, item, target, lease, route } = prepared;
    this.#clock += 1;
    if (lease !== undefined) {
      this.#held.delete(`${lease.action}|${lease.target_key}`);
      return;
    }
    if (spec.id === 'endpoint.scan_av') {
      const infected = this.facts.assume.includes('scan_infected') && !this.#scans.has(target.key);
      const output = {
        ...item.input,
        clean: !infected,
        findings: infected ? [FINDING] : [],
        errors: [],
        engine: 'simulated',
      };
      this.#scans.set(target.key, {
        n: this.#clock,
        scan: { outcome: 'succeeded', input: item.input, output },
      });
      one.answer = { output: output };
      return;
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

const isRefusal = (verdict: Verdict): verdict is keyof typeof REFUSALS => verdict in REFUSALS;

function refusal(verdict: keyof typeof REFUSALS, message: string): Answer {
  const [status, type] = REFUSALS[verdict];
  return { ...(status === undefined ? {} : { status }), failure: { type, message } };
}
