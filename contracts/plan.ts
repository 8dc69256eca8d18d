import { z } from 'zod';
import { ActionId } from './actions';
import { CordonError } from './errors';
import { EscalationStep, Requirement } from './policy';
import { Json, Mode, Phase, Role, Severity, Target } from './values';

/** Raised when the form of a plan changes in a way that a reader of the old one would misread. */
const PLAN_VERSION = 1;

/**
 * How a plan differs from "all goes well". denied: everybody asked says no. silence: nobody answers, and what the
 * policy lets silence allow is done once the time is over. detection_returns: the first
 * alert comes back an hour into the watch. scan_infected: the first scan of each host finds a file.
 */
export const Assumption = z.enum(['denied', 'silence', 'detection_returns', 'scan_infected']);
export type Assumption = z.infer<typeof Assumption>;

/** The version that a name means: `ransomware@1`, or the newest of `ransomware`. Throws a CordonError that names those there are. */
export function playbookRef(
  name: string,
  playbooks: readonly { readonly id: string; readonly version: number }[],
): string {
  const refOf = ({ id, version }: { id: string; version: number }): string => `${id}@${String(version)}`;
  const exact = playbooks.find((one) => refOf(one) === name);
  const [newest] = playbooks.filter(({ id }) => id === name).sort((a, b) => b.version - a.version);
  const found = exact ?? newest;
  if (found === undefined)
    throw new CordonError(
      'invalid_input',
      `playbook: there is no ${name}; there are ${playbooks.map(refOf).join(', ')}.`,
    );
  return refOf(found);
}

/** What a plan is asked for. */
export const PlanInput = z
  .object({
    /** `ransomware`, the newest version, or `ransomware@1`. */
    playbook: z.string().min(1).max(200),
    /** As the source sends it; without a source a normalised alert, or what a `generic` source takes. */
    alert: Json,
    /** Id of a configured source, whose parser reads the alert. */
    source: z.string().min(1).max(63).optional(),
    assume: z.array(Assumption).max(4).default([]),
  })
  .strict()
  .refine(({ assume }) => !(assume.includes('denied') && assume.includes('silence')), {
    message: 'denied and silence exclude each other',
    path: ['assume'],
  });
export type PlanInput = z.output<typeof PlanInput>;

/**
 * What the guard would say. allowed: done without asking. asks: people are asked. never: the policy forbids it. protected: nothing is
 * done to the target, whoever approves. maintenance: a window denies it at that time. no_connection: nothing is configured that could
 * do it. rejected: not a thing that a run may ask for.
 */
const GuardVerdict = z.enum([
  'allowed',
  'asks',
  'never',
  'protected',
  'maintenance',
  'no_connection',
  'rejected',
]);

const PlanStep = z.object({
  n: z.number().int().positive(),
  /** Steps of one stage are asked for side by side. */
  stage: z.number().int().positive(),
  /** Seconds after the start, on a clock on which effects take no time and people answer at once. */
  afterSeconds: z.number().nonnegative(),
  phase: Phase,
  group: z.object({ id: z.string(), title: z.string() }),
  item: z.string(),
  occurrence: z.number().int().positive(),
  action: ActionId,
  title: z.string(),
  /** It takes back what an earlier step did. */
  release: z.boolean(),
  /** It changes something at a product. */
  effect: z.boolean(),
  target: Target.extend({
    /** Id of the asset that it surely is. */
    asset: z.string().nullable(),
    criticality: z.number().int(),
    tags: z.array(z.string()),
    /** Sites of every asset that it might be. */
    sites: z.array(z.string()),
  }),
  connection: z.object({ id: z.string(), integration: z.string(), simulated: z.boolean() }).nullable(),
  guard: z.object({
    verdict: GuardVerdict,
    why: z.string(),
    requirement: Requirement.nullable(),
    /** The request, by its number in `requests`. */
    request: z.number().int().positive().nullable(),
  }),
  /** What would hold it for a while although it is allowed or approved, in the guard's words. The plan goes on as if that were over. */
  heldBy: z.array(z.string()),
  /** What would become of it, under the assumptions. */
  outcome: z.enum(['done', 'denied', 'expired', 'refused', 'nothing_to_do', 'open']),
  /** changes_nothing: also what leaves nothing that would have to be taken back, such as a message. */
  reversibility: z.enum(['changes_nothing', 'reversible', 'irreversible', 'takes_back']),
  inverse: ActionId.nullable(),
  impact: z.enum(['none', 'low', 'high', 'irreversible']),
  leaseSeconds: z.number().int().positive().nullable(),
  /** Other incidents that hold this very effect now: it is joined, and stays when this incident lets go. */
  sharedWith: z.array(z.string()),
});
export type PlanStep = z.infer<typeof PlanStep>;

const PlannedRequest = z.object({
  n: z.number().int().positive(),
  afterSeconds: z.number().nonnegative(),
  group: z.string(),
  title: z.string(),
  /** By the numbers of the steps. */
  steps: z.array(z.number().int().positive()),
  /** The shortest time limit of its items. */
  timeoutSeconds: z.number().int().positive(),
  /** Whether the people there are today can meet it, all together. */
  canBeMet: z.boolean(),
  /** What it means when nobody decides in time. */
  silence: z.enum(['deny', 'allow']),
  /** Who is told while it is open. */
  escalation: z.array(EscalationStep),
  /** Ids of the active people who may decide about at least one item, or have a veto. */
  people: z.array(z.string()),
  /** Ids of the active people of whom one alone may have at least one item done at once. */
  breakGlass: z.array(z.string()),
});
export type PlannedRequest = z.infer<typeof PlannedRequest>;

const Radius = z.object({
  hosts: z.number().int(),
  accounts: z.number().int(),
  ips: z.number().int(),
  files: z.number().int(),
  datasets: z.number().int(),
  /** Different sites of the assets. */
  sites: z.number().int(),
});
export type Radius = z.infer<typeof Radius>;

const PlannedQuestion = z.object({
  afterSeconds: z.number().nonnegative(),
  name: z.string(),
  title: z.string(),
  why: z.string(),
  about: z.string(),
  roles: z.array(Role),
  withinSeconds: z.number().int().positive(),
  /** What silence means: the run waits on, or goes on with its answer. */
  silence: z.enum(['wait', 'answer']),
  /** Ids of the active people who may answer. */
  people: z.array(z.string()),
  /** With which the plan goes on: what silence gives, else one that fits the form. */
  assumed: z.record(z.string(), Json),
});
export type PlannedQuestion = z.infer<typeof PlannedQuestion>;

/** What a playbook would do about an alert, to whom and in which order; foretold, with nothing done. */
export const Plan = z.object({
  planVersion: z.literal(PLAN_VERSION),
  at: z.iso.datetime(),
  playbook: z.object({ ref: z.string(), title: z.string() }),
  mode: Mode,
  severity: Severity,
  policyVersion: z.string(),
  assumed: z.array(Assumption),
  killSwitch: z.boolean(),
  alerts: z.array(z.object({ title: z.string(), severity: Severity, source: z.string() })),
  steps: z.array(PlanStep),
  requests: z.array(PlannedRequest),
  /** What people are asked for information about, in order. */
  questions: z.array(PlannedQuestion),
  /** Which way the playbook goes where it decides, in order. */
  branches: z.array(z.object({ title: z.string(), taken: z.union([z.boolean(), z.string()]) })),
  summary: z.object({
    effects: z.number().int(),
    reads: z.number().int(),
    reversible: z.number().int(),
    irreversible: z.number().int(),
    asks: z.number().int(),
    refused: z.number().int(),
    /** Different things that would be touched, over all effects that are not refused and take nothing back. */
    blastRadius: Radius,
    byAction: z.array(
      z.object({ action: ActionId, title: z.string(), steps: z.number().int(), radius: Radius }),
    ),
    budgets: z.array(
      z.object({
        id: z.string(),
        /** What has the limit for itself: `site hq`, `connection edr`; empty for the whole estate. */
        share: z.string(),
        limit: z.number().int(),
        windowSeconds: z.number().int(),
        usedNow: z.number().int(),
        wanted: z.number().int(),
        exceeded: z.boolean(),
      }),
    ),
  }),
  ends: z.object({
    /** closed: by itself. waits: a person has to decide. */
    how: z.enum(['closed', 'waits']),
    afterSeconds: z.number().nonnegative(),
    waitsFor: z.array(z.string()),
    attention: z.string().nullable(),
  }),
  /** What the reader should know besides. */
  notes: z.array(z.string()),
});
export type Plan = z.infer<typeof Plan>;
