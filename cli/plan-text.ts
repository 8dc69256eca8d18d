import type { Plan, PlannedRequest, PlanStep, Radius } from '../contracts/plan';
import { severityName } from '../contracts/values';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** Seconds as people say them: `90 s`, `4 h`, `3 d`. */
export function lasting(seconds: number): string {
  for (const [unit, letter] of [
    [DAY, 'd'],
    [HOUR, 'h'],
    [MINUTE, 'min'],
  ] as const)
    if (seconds >= unit) return `${String(Math.round((seconds / unit) * 10) / 10)} ${letter}`;
  return `${String(Math.round(seconds))} s`;
}

const LEGEND =
  '+ effect   - takes one back   ~ reversible   ! cannot be taken back   ? asks people   x refused   . only reads';

/** The signs of a step, as in a diff. */
export function signsOf({ effect, release, outcome, reversibility, guard }: PlanStep): string {
  if (outcome === 'refused') return 'x  ';
  const first = !effect ? '.' : release ? '-' : '+';
  const second = { reversible: '~', irreversible: '!', takes_back: ' ', changes_nothing: ' ' }[reversibility];
  return `${first}${second}${guard.verdict === 'asks' ? '?' : ' '}`;
}

const many = (count: number, what: string): string => `${String(count)} ${what}${count === 1 ? '' : 's'}`;

function targetText({ label, kind, criticality, tags, sites, asset }: PlanStep['target']): string {
  const facts = [
    kind,
    ...(asset === null ? ['not among the assets'] : [`criticality ${String(criticality)}`]),
    ...sites.map((site) => `site ${site}`),
    ...tags,
  ];
  return `${label} (${facts.join(', ')})`;
}

function detailsOf(step: PlanStep, requests: readonly PlannedRequest[]): string[] {
  const { guard, leaseSeconds, inverse, outcome, sharedWith } = step;
  const request = requests.find(({ n }) => n === guard.request);
  const details: string[] = [];
  if (outcome === 'refused') details.push(guard.why);
  if (guard.requirement?.kind === 'approvals' && request !== undefined) {
    const { groups, noSelfApproval, authors } = guard.requirement;
    const seats = groups.map(({ count, roles }) => `${String(count)} ${roles.join(' or ')}`).join(' and ');
    details.push(
      `asks ${seats}, within ${lasting(request.timeoutSeconds)} (request ${String(request.n)}): ${guard.requirement.why}` +
        (noSelfApproval ? '; not who starts it' : '') +
        (authors === undefined ? '' : `; not ${authors.join(', ')}, who wrote the playbook`) +
        (outcome === 'done' ? '' : `; ${outcome}`),
    );
  }
  if (outcome === 'nothing_to_do') details.push(guard.why);
  for (const held of step.heldBy) details.push(`held: ${held}`);
  if (inverse !== null && outcome !== 'refused')
    details.push(
      `${leaseSeconds === null ? 'without a lease' : `leased for ${lasting(leaseSeconds)}`}, undone by ${inverse}`,
    );
  if (sharedWith.length > 0)
    details.push(`in force already, for ${sharedWith.join(', ')}: it stays when this incident lets go`);
  return details;
}

function stageText(steps: readonly PlanStep[], requests: readonly PlannedRequest[]): string[] {
  const [first] = steps;
  if (first === undefined) return [];
  const groups = [...new Map(steps.map(({ group }) => [group.id, group.title]))];
  const beside = groups.length > 1 ? ', side by side' : '';
  const lines = ['', `after ${lasting(first.afterSeconds)}  ${first.phase}${beside}`];
  for (const [id, title] of groups) {
    lines.push(`  ${title}`);
    for (const step of steps.filter(({ group }) => group.id === id)) {
      const by =
        step.connection === null
          ? ''
          : `  by ${step.connection.id}${step.connection.simulated ? ' (simulated)' : ''}`;
      const again = step.occurrence > 1 ? `, time ${String(step.occurrence)}` : '';
      lines.push(`    ${signsOf(step)} ${step.title}: ${targetText(step.target)}${by}${again}`);
      for (const detail of detailsOf(step, requests)) lines.push(`          ${detail}`);
    }
  }
  return lines;
}

function radiusText(radius: Radius): string {
  const parts = [
    [radius.hosts, 'host'],
    [radius.accounts, 'account'],
    [radius.ips, 'address'],
    [radius.files, 'file'],
    [radius.datasets, 'dataset'],
    [radius.sites, 'site'],
  ] as const;
  const said = parts
    .filter(([count]) => count > 0)
    .map(([count, what]) =>
      what === 'address' && count !== 1 ? `${String(count)} addresses` : many(count, what),
    );
  return said.length === 0 ? 'nothing' : said.join(', ');
}

/** Who can answer which requests, in few lines. */
function answerers(requests: readonly PlannedRequest[]): string[] {
  const said = new Map<string, number[]>();
  for (const { n, people, canBeMet, silence, timeoutSeconds, escalation, breakGlass } of requests) {
    const line = [
      people.length === 0 ? 'nobody can answer' : `${people.join(', ')} can answer`,
      ...(canBeMet ? [] : ['that is NOT ENOUGH']),
      ...(silence === 'allow' ? [`SILENCE ALLOWS it after ${lasting(timeoutSeconds)}`] : []),
      ...escalation.map(
        ({ afterSeconds, people: told = [], channels = [] }) =>
          `after ${lasting(afterSeconds)} ${[...told, ...channels].join(', ')} are told`,
      ),
      ...(breakGlass.length === 0 ? [] : [`in an emergency one of ${breakGlass.join(', ')} alone`]),
    ].join('; ');
    said.set(line, [...(said.get(line) ?? []), n]);
  }
  return [...said].map(([line, ns]) => `Request${ns.length === 1 ? '' : 's'} ${ns.join(', ')}: ${line}.`);
}

function summaryText({ summary, requests, ends, killSwitch }: Plan): string[] {
  const lines = [
    '',
    `${many(summary.effects, 'effect')}: ${String(summary.reversible)} reversible, ${String(summary.irreversible)} that cannot be taken back; ` +
      `${many(summary.reads, 'read')}; ${String(summary.asks)} asked for in ${many(requests.length, 'request')}; ${String(summary.refused)} refused.`,
    `Blast radius: ${radiusText(summary.blastRadius)}.`,
    ...summary.byAction.map(({ title, radius }) => `  ${title}: ${radiusText(radius)}`),
    ...answerers(requests),
    ...summary.budgets.map(
      ({ id, share, limit, usedNow, wanted, exceeded, windowSeconds }) =>
        `Budget ${id}${share === '' ? '' : ` of ${share}`}: ${String(usedNow)} of ${String(limit)} used in ${lasting(windowSeconds)}, ${String(wanted)} wanted${exceeded ? ': USED UP, the rest waits' : ''}.`,
    ),
    ...(killSwitch ? ['The kill switch is ON: no effect happens until it is lifted.'] : []),
    ends.how === 'closed'
      ? `It ends by itself after ${lasting(ends.afterSeconds)}.`
      : `It waits for a person after ${lasting(ends.afterSeconds)}${ends.waitsFor.length === 0 ? '' : `: ${ends.waitsFor.join('; ')}`}.`,
    ...(ends.attention === null ? [] : [`It calls for attention: ${ends.attention}.`]),
  ];
  return lines;
}

/** What people are asked, and which way the playbook goes. */
function questionsText({ questions, branches }: Plan): string[] {
  return [
    ...questions.flatMap(({ title, about, roles, people, withinSeconds, silence, assumed }) => [
      '',
      `Question: ${title}${about === '' ? '' : ` (${about})`}`,
      `          asks ${roles.join(' or ')} (${people.length === 0 ? 'NOBODY can answer' : people.join(', ')}), within ${lasting(withinSeconds)}; ` +
        (silence === 'wait' ? 'silence: the run waits' : 'silence gives the answer'),
      `          the plan assumes ${JSON.stringify(assumed)}`,
    ]),
    ...(branches.length === 0 ? [] : ['']),
    ...branches.map(({ title, taken }) => `Branch:   ${title} ${String(taken)}`),
  ];
}

/** A plan for people, like a diff: one line a step with its signs, and a summary. */
export function planText(plan: Plan): string[] {
  const stages = [...new Set(plan.steps.map(({ stage }) => stage))];
  return [
    `Plan of ${plan.playbook.ref}: ${plan.playbook.title}. Nothing is done.`,
    ...plan.alerts.map(
      ({ title, severity, source }) => `Alert: ${title} (${severityName(severity)}, from ${source})`,
    ),
    `Assumed: ${plan.assumed.length === 0 ? 'every action succeeds, approvals are granted at once' : plan.assumed.join(', ').replaceAll('_', '-')}. Policy ${plan.policyVersion}, as of ${plan.at}.`,
    ...plan.notes.map((note) => `Note: ${note}`),
    ...stages.flatMap((stage) =>
      stageText(
        plan.steps.filter((step) => step.stage === stage),
        plan.requests,
      ),
    ),
    ...questionsText(plan),
    ...summaryText(plan),
    '',
    LEGEND,
  ];
}
