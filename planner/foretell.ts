import type { AlertView } from '../contracts/alert';
import { AssetIndex } from '../contracts/assets';
import { CordonError } from '../contracts/errors';
import type { Plan, PlanStep, Radius } from '../contracts/plan';
import { matching, type Playbook } from '../workflows/kit/define-playbook';
import { replyTo } from '../workflows/kit/lint';
import { runVirtually, VirtualLimit, type VirtualRun } from '../workflows/kit/virtual-host';
import type { PlanFacts } from './facts';
import { Foreteller, PLAN_NUMBER } from './foreteller';

const MOST_STEPS = 2_000;
const MOST_DAYS = 400;
const DAY_MS = 86_400_000;
const RETURNS_AFTER_MS = 3_600_000;

/**
 * Runs the playbook's own code in process on a virtual clock, and says what it would do. Pure: it knows what the facts tell and
 * reaches nothing. Throws a CordonError when the playbook fails, or asks for more than a plan may hold.
 */
export async function foretell(facts: PlanFacts, playbooks: readonly Playbook[]): Promise<Plan> {
  const playbook = playbooks.find(({ ref }) => ref === facts.playbook);
  if (playbook === undefined) throw new CordonError('not_found', `There is no playbook ${facts.playbook}.`);
  const plain = await play(facts, playbooks, []);
  if (!facts.assume.includes('detection_returns') || plain.watchesAtMs === undefined)
    return planOf(facts, playbook, playbooks, plain);
  const [first] = facts.alerts;
  if (first === undefined) return planOf(facts, playbook, playbooks, plain);
  const seq = Math.max(...facts.alerts.map((alert) => alert.seq)) + 1;
  const again: AlertView = { ...first, id: `${first.id}/again`, seq, resolved: false };
  const atMs = plain.watchesAtMs + RETURNS_AFTER_MS;
  return planOf(facts, playbook, playbooks, await play(facts, playbooks, [{ atMs, alert: again }]));
}

interface Played {
  run: VirtualRun;
  seen: Foreteller;
  /** When the watch begins; undefined when the run never gets there. */
  watchesAtMs: number | undefined;
}

async function play(
  facts: PlanFacts,
  playbooks: readonly Playbook[],
  alerts: readonly { atMs: number; alert: AlertView }[],
): Promise<Played> {
  const seen = new Foreteller(facts);
  const input = {
    number: PLAN_NUMBER,
    mode: facts.mode,
    severity: facts.severity,
    policyVersion: facts.policyVersion,
    playbook: facts.playbook,
    alerts: facts.alerts,
    quickStart: false,
  };
  const watches: number[] = [];
  try {
    const run = await runVirtually(input, playbooks, {
      startedAt: Date.parse(facts.at),
      alerts,
      limits: { items: MOST_STEPS, ms: MOST_DAYS * DAY_MS },
      onWave: (wave, when) => {
        seen.wave(wave, when);
      },
      onUpdate: ({ progress }, atMs) => {
        if (progress?.phase === 'monitoring') watches.push(atMs);
      },
      answer: (item, { group }) => seen.answer(item, group),
      reply: ({ form }) => form.default ?? replyTo({ form }),
      assets: new AssetIndex(facts.assets),
    });
    return { run, seen, watchesAtMs: watches[0] };
  } catch (error) {
    if (error instanceof CordonError) throw error;
    throw new CordonError('rejected', why(facts.playbook, error), { cause: error });
  }
}

function why(playbook: string, error: unknown): string {
  if (error instanceof VirtualLimit)
    return error.which === 'items'
      ? `${playbook} asks for more than ${String(MOST_STEPS)} steps: a plan of it is not shown. Does it loop?`
      : `${playbook} goes on for more than ${String(MOST_DAYS)} days: a plan of it is not shown. Does it loop?`;
  return `${playbook} fails on this alert: ${error instanceof Error ? error.message : String(error)}`;
}

function planOf(
  facts: PlanFacts,
  playbook: Playbook,
  playbooks: readonly Playbook[],
  { run, seen, watchesAtMs }: Played,
): Plan {
  const { steps, requests } = seen;
  return {
    planVersion: 1,
    at: facts.at,
    playbook: { ref: playbook.ref, title: playbook.title },
    mode: facts.mode,
    severity: facts.severity,
    policyVersion: facts.policyVersion,
    assumed: [...facts.assume],
    killSwitch: facts.killSwitch,
    alerts: facts.alerts.map(({ title, severity, source }) => ({ title, severity, source })),
    steps,
    requests,
    questions: run.questions.map((question) => questionOf(facts, question)),
    branches: run.told.flatMap((one) =>
      one.kind === 'branch' ? [{ title: one.title, taken: one.taken }] : [],
    ),
    summary: summaryOf(facts, seen),
    ends: {
      how: run.stuck === null ? 'closed' : 'waits',
      afterSeconds: run.tookMs / 1000,
      waitsFor: [...(run.stuck ?? [])],
      attention: run.status.attention,
    },
    notes: [
      ...facts.notes,
      ...notesOf(facts, playbook, playbooks),
      ...(steps.length === 0
        ? [
            run.stuck === null
              ? 'There is nothing to do: the alert names nothing that this playbook acts on.'
              : 'Nothing is done before what it waits for.',
          ]
        : []),
      ...(facts.assume.includes('detection_returns') && watchesAtMs === undefined
        ? ['The detection does not return in this plan: the run never comes to a watch.']
        : []),
      ...requests
        .filter(({ canBeMet }) => !canBeMet)
        .map(
          ({ n, title, silence }) =>
            `Request ${String(n)} (${title}) cannot be met by the people there are: it would run out${silence === 'allow' ? ', and silence allows it' : ''}.`,
        ),
    ],
  };
}

function questionOf(
  { people }: PlanFacts,
  { form, about, atMs, answer }: VirtualRun['questions'][number],
): Plan['questions'][number] {
  const { name, title, why, roles, withinSeconds } = form;
  return {
    afterSeconds: atMs / 1000,
    name,
    title,
    why,
    about,
    roles,
    withinSeconds,
    silence: form.default === null ? 'wait' : 'answer',
    people: people.filter((one) => one.roles.some((role) => roles.includes(role))).map(({ id }) => id),
    assumed: answer ?? {},
  };
}

function notesOf(facts: PlanFacts, playbook: Playbook, playbooks: readonly Playbook[]): string[] {
  const [best] = matching(playbooks, facts.alerts);
  if (best === playbook) return [];
  return [
    best === undefined
      ? 'No playbook answers this alert by itself: a person would have to start this one.'
      : `This alert starts ${best.ref} by itself: a person would have to choose ${playbook.ref}.`,
  ];
}

const KINDS = { host: 'hosts', account: 'accounts', ip: 'ips', file: 'files', dataset: 'datasets' } as const;

function radiusOf(steps: readonly PlanStep[]): Radius {
  const radius: Radius = { hosts: 0, accounts: 0, ips: 0, files: 0, datasets: 0, sites: 0 };
  const targets = new Map(steps.map(({ target }) => [target.key, target]));
  const sites = new Set<string>();
  for (const { kind, sites: at } of targets.values()) {
    if (kind in KINDS) radius[KINDS[kind as keyof typeof KINDS]] += 1;
    for (const site of at) sites.add(site);
  }
  return { ...radius, sites: sites.size };
}

function summaryOf(facts: PlanFacts, { steps, wanted }: Foreteller): Plan['summary'] {
  const done = steps.filter(({ effect, outcome }) => effect && outcome === 'done');
  const touching = done.filter(({ release }) => !release);
  const count = (which: PlanStep['reversibility']): number =>
    done.filter(({ reversibility }) => reversibility === which).length;
  return {
    effects: done.length,
    reads: steps.filter(({ effect, outcome }) => !effect && outcome === 'done').length,
    reversible: count('reversible'),
    irreversible: count('irreversible'),
    asks: steps.filter(({ guard }) => guard.verdict === 'asks').length,
    refused: steps.filter(({ outcome }) => outcome === 'refused').length,
    blastRadius: radiusOf(touching),
    byAction: [...new Set(touching.map(({ action }) => action))].map((action) => {
      const own = touching.filter((step) => step.action === action);
      return { action, title: own[0]?.title ?? action, steps: own.length, radius: radiusOf(own) };
    }),
    budgets: [...wanted].map(([name, { budget, wanted: units, exceeded }]) => ({
      id: budget.id,
      share: budget.share,
      limit: budget.limit,
      windowSeconds: budget.windowSeconds,
      usedNow: facts.usedAt[name]?.length ?? 0,
      wanted: units,
      exceeded,
    })),
  };
}
