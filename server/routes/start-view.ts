import { randomUUID } from 'node:crypto';
import type { IncidentSummary, KillSwitch } from '../../contracts/api';
import { silenceOf, speakerOf, type ApprovalItem, type ApprovalRequest } from '../../contracts/approval';
import type { Lease } from '../../contracts/lease';
import type { QuestionView } from '../../contracts/question';
import { severityName } from '../../contracts/values';
import type { z } from 'zod';
import { PERMISSIONS } from '../auth/authenticate';
import type { Session } from '../auth/session';
import { html, NOTHING, page, table, type Html } from './html';
import { questionSection } from './question-view';

/** What the page shows. */
export interface StartData {
  incidents: readonly IncidentSummary[];
  approvals: readonly ApprovalRequest[];
  leases: readonly Lease[];
  killSwitch: z.infer<typeof KillSwitch>;
  questions: readonly QuestionView[];
}

/** For whom nobody is logged in. */
export function loginPage(error = ''): string {
  return page(
    'Cordon',
    html`<h1>Cordon</h1>
      ${error === '' ? NOTHING : html`<p class="alarm">${error}</p>`}
      <form method="post" action="/plain/login" autocomplete="off">
        <label>API token <input type="password" name="token" required maxlength="200" /></label>
        <button>Log in</button>
      </form>
      <p>
        The first start left one in the data folder, in the file <code>token</code>. Others:
        <code>cordon tokens create</code>.
      </p>`,
  );
}

/** Marks what is only simulated. */
export const mark = (simulated: boolean): Html =>
  simulated ? html` <strong class="simulated">simulated</strong>` : NOTHING;

/** Says of what people are asked that it is not real. */
export const drillMark = (mode: ApprovalRequest['mode']): Html =>
  mode === 'drill' ? html`<strong class="simulated">DRILL</strong> ` : NOTHING;

function duration(seconds: number | null): string {
  if (seconds === null) return '';
  return seconds % 3600 === 0 ? `${String(seconds / 3600)} h` : `${String(seconds)} s`;
}

function itemRow(item: ApprovalItem, mayDecide: boolean): readonly (string | Html)[] {
  const votes = item.decisions.map((one) => `${speakerOf(one)}: ${one.verdict} (${one.channel})`);
  return [
    mayDecide && item.status === 'pending'
      ? html`<input
          type="checkbox"
          name="item"
          value="${item.itemHash}"
          aria-label="${item.title}: ${item.target.label}"
        />`
      : item.status,
    html`${item.title}${mark(item.simulated)}`,
    html`${item.target.label}<br /><code>${item.target.key}</code>`,
    item.connection,
    html`<code>${JSON.stringify(item.input)}</code>`,
    duration(item.leaseSeconds),
    `${item.impact}${item.reversible ? '' : ', cannot be taken back'}: ${item.requirement.why}`,
    votes.join('; '),
  ];
}

function approvalSection(request: ApprovalRequest, session: Session, mayDecide: boolean): Html {
  const open = mayDecide && request.items.some(({ status }) => status === 'pending');
  return html`<section>
    <h3 id="request-${request.id}">${drillMark(request.mode)}${request.incident}: ${request.title}</h3>
    <p>
      ${request.incidentTitle}. ${request.reason}. Decide until ${request.expiresAt}; ${silenceOf(request)}.
    </p>
    <form method="post" action="/plain/decide">
      <input type="hidden" name="csrf" value="${session.csrf}" />
      <input type="hidden" name="request" value="${request.id}" />
      <input type="hidden" name="planHash" value="${request.planHash}" />
      <input type="hidden" name="decisionId" value="${randomUUID()}" />
      ${table(
        ['', 'action', 'target', 'by', 'with', 'for', 'needs', 'so far'],
        request.items.map((item) => itemRow(item, mayDecide)),
      )}
      ${
        open
          ? html`<p>
              <label>Reason <input name="reason" maxlength="2000" /></label>
              <button name="verdict" value="approve">Approve the chosen</button>
              <button name="verdict" value="deny">Deny the chosen</button>
            </p>`
          : NOTHING
      }
    </form>
  </section>`;
}

/** The page of a person who is logged in. */
export function startView(session: Session, data: StartData): string {
  const { person, csrf } = session;
  const { incidents, approvals, leases, killSwitch, questions } = data;
  const deciders: readonly string[] = PERMISSIONS.decide;
  const mayDecide = person.roles.some((role) => deciders.includes(role));
  return page(
    'Cordon',
    html`<h1>Cordon</h1>
      <form method="post" action="/plain/logout">
        <input type="hidden" name="csrf" value="${csrf}" />
        <p>${person.name} (${person.roles.join(', ')}) <button>Log out</button></p>
      </form>
      ${
        killSwitch.on
          ? html`<p class="alarm">The kill switch is on (${killSwitch.by ?? ''}): effects are held.</p>`
          : NOTHING
      }
      <h2>Waiting for a decision</h2>
      ${
        approvals.length === 0
          ? html`<p>Nothing.</p>`
          : approvals.map((request) => approvalSection(request, session, mayDecide))
      }
      <h2>Questions</h2>
      ${
        questions.length === 0
          ? html`<p>Nothing.</p>`
          : questions.map((question) => questionSection(question, session))
      }
      <h2>In force</h2>
      ${table(
        ['action', 'target', 'by', 'status', 'until', 'held by'],
        leases.map((lease) => [
          html`${lease.action}${mark(lease.simulated)}`,
          lease.target.label,
          lease.connection,
          lease.status,
          lease.expiresAt ?? 'it is released',
          lease.holders
            .filter(({ releasedAt }) => releasedAt === null)
            .map(({ incident }) => incident)
            .join(', '),
        ]),
      )}
      <h2>Incidents</h2>
      ${table(
        ['number', 'severity', 'phase', 'title', 'playbook', 'needs a person'],
        incidents.map((one) => [
          one.number,
          severityName(one.severity),
          one.phase,
          one.title,
          one.playbook ?? '',
          one.attention ?? '',
        ]),
      )}`,
  );
}
