import { silenceOf, speakerOf, type ApprovalItem } from '../../contracts/approval';
import type { Notice } from '../../contracts/channel';
import { plain, shorten } from '../../contracts/plain-text';
import { severityName } from '../../contracts/values';

/**
 * One line of whatever text: nothing in it steers, no address in it can be followed (mail programs make links of them), and it is
 * no longer than that.
 */
export const line = (text: string, limit: number): string =>
  shorten(
    plain(text)
      .trim()
      .replace(/tt(ps?:\/\/)/gi, 'xx$1'),
    limit,
  );

const VERB = {
  approval_requested: 'Approval needed',
  approval_decided: 'Approval needed',
  approval_escalated: 'Still unanswered',
  approval_settled: 'Settled',
} as const;

/** `DRILL` where nothing real happens. */
export const drill = ({ request }: Notice): string => (request.mode === 'drill' ? 'DRILL: ' : '');

/** What it is about, in one line. */
export function headline(notice: Notice, limit: number): string {
  const { request, event } = notice;
  return line(`${drill(notice)}${VERB[event]}: ${request.incident} ${request.title}`, limit);
}

/** How long is left, in words: `3 h 20 min left`. */
export function timeLeft({ at, request }: Notice): string {
  const minutes = Math.floor((Date.parse(request.expiresAt) - at.getTime()) / 60_000);
  if (minutes < 0) return 'the time is over';
  if (minutes < 1) return 'less than a minute left';
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  const parts = [
    days > 0 ? `${String(days)} d` : '',
    hours > 0 ? `${String(hours)} h` : '',
    `${String(rest)} min`,
  ];
  return `${parts
    .filter((part) => part !== '')
    .slice(0, 2)
    .join(' ')} left`;
}

/** Why it is asked, in lines. */
export function reasons(notice: Notice): string[] {
  const { request, evidence, event, people } = notice;
  const more = evidence.alertCount - evidence.alerts.length;
  const { step } = notice;
  return [
    ...(event === 'approval_escalated'
      ? [
          `Escalation${step === undefined ? '' : ` ${String(step)}`}${people.length === 0 ? '' : ` to ${people.join(', ')}`}`,
        ]
      : []),
    `Incident: ${line(request.incidentTitle, 300)} (severity ${severityName(evidence.severity)})`,
    `Reason: ${line(request.reason, 500)}`,
    ...(evidence.alerts.length === 0
      ? []
      : [
          `Alerts: ${evidence.alerts.map((title) => line(title, 150)).join('; ')}${more > 0 ? `; and ${String(more)} more` : ''}`,
        ]),
    ...(event === 'approval_settled'
      ? []
      : [`Decide until ${request.expiresAt} (${timeLeft(notice)}); ${silenceOf(request)}.`]),
  ];
}

function lease(seconds: number | null): string {
  if (seconds === null) return '';
  return seconds % 3600 === 0 ? ` for ${String(seconds / 3600)} h` : ` for ${String(seconds)} s`;
}

/**
 * One item: what is done, how bad it is, whether it can be taken back, to what, by what, and how it stands. In this order, so that no
 * name that an attacker chose pushes out what matters.
 */
export function itemLine(item: ApprovalItem, limit: number): string {
  const { title, target, connection, simulated, impact, reversible, requirement, status } = item;
  const votes = item.decisions.map((one) => `${speakerOf(one)}: ${one.verdict}`);
  const facts = [
    `${impact} impact`,
    reversible ? 'can be taken back' : 'CANNOT be taken back',
    ...(simulated ? ['simulated'] : []),
    ...(status === 'pending' ? [] : [status]),
  ];
  return line(
    `${title} (${facts.join(', ')}): ${line(target.label, 100)} [${line(target.key, 100)}]` +
      `${lease(item.leaseSeconds)} by ${connection}; needs ${line(requirement.why, 200)}` +
      (votes.length === 0 ? '' : `; so far ${votes.join(', ')}`),
    limit,
  );
}

/** As many items as fit into a budget of characters, and how many were left out. Never some silently. */
export function itemLines(
  items: readonly ApprovalItem[],
  { each, total, most }: { each: number; total: number; most: number },
): { lines: string[]; left: number } {
  const lines: string[] = [];
  let used = 0;
  for (const item of items.slice(0, most)) {
    const text = itemLine(item, each);
    if (used + text.length > total) break;
    lines.push(text);
    used += text.length;
  }
  return { lines, left: items.length - lines.length };
}

/** Says that items were left out, and where all of them are. */
export const leftOut = (left: number): string =>
  `and ${String(left)} more that do not fit here: the page has the whole list`;
