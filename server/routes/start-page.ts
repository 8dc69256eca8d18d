import { Router } from 'express';
import { severityName } from '../../contracts/values';
import { approvalRequests, incidentList } from '../../store/read-models';
import type { Store } from '../../store/store';
import { authorize } from '../auth/authenticate';

const LIST = 50;

/** Alerts carry text that an attacker wrote: everything that is shown goes through here. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`);
}

const row = (cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;

const page = (body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Cordon</title></head><body><h1>Cordon</h1>${body}</body></html>`;

/** `/`: incidents and open approvals, plainly. With a token in the Authorization header; without, it says how to get in. */
export function startPage(store: Store): Router {
  const router = Router();
  router.get('/', async (request, response) => {
    if (request.headers.authorization === undefined) {
      response
        .type('html')
        .send(
          page(
            '<p>Cordon is running. Read incidents and decide approvals with <code>npx cordon</code>, or send an API token with this request.</p>',
          ),
        );
      return;
    }
    await authorize(store, request, 'read');
    const [incidents, approvals] = await Promise.all([
      incidentList(store, { limit: LIST }),
      approvalRequests(store, { status: 'open' }),
    ]);
    const approvalRows = approvals.flatMap((request) =>
      request.items.map((item) =>
        row([
          request.incident,
          request.title,
          `${item.title} on ${item.target.label}${item.simulated ? ' (simulated)' : ''}`,
          item.requirement.why,
          request.expiresAt,
        ]),
      ),
    );
    const incidentRows = incidents.items.map((incident) =>
      row([
        incident.number,
        severityName(incident.severity),
        incident.phase,
        incident.title,
        incident.attention ?? '',
      ]),
    );
    response
      .type('html')
      .send(
        page(
          `<h2>Waiting for a decision</h2><table>${approvalRows.join('')}</table><h2>Incidents</h2><table>${incidentRows.join('')}</table>`,
        ),
      );
  });
  return router;
}
