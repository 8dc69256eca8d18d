import express, { Router } from 'express';
import { z } from 'zod';
import { typedText } from '../../contracts/question';
import type { JsonObject } from '../../contracts/values';
import { listQuestions } from '../../store/questions';
import { readKillSwitch } from '../../store/kill-switch';
import { approvalRequests, containments, incidentList } from '../../store/read-models';
import type { Store } from '../../store/store';
import { requirePermission } from '../auth/authenticate';
import { answer } from './answer';
import { beginSession, endSession, requireOwnSite, requireSession, sessionOf } from '../auth/session';
import { decide } from './decide';
import { html, STYLE } from './html';
import { plainError } from './plain-error';
import { fieldName } from './question-view';
import { loginPage, startView } from './start-view';

const LIST = 50;

const form = express.urlencoded({ extended: false, limit: '100kb' });
const Login = z.object({ token: z.string().trim().min(1).max(200) });
const Decision = z.object({
  csrf: z.string(),
  request: z.string().min(1).max(100),
  planHash: z.string().max(100),
  decisionId: z.uuid(),
  verdict: z.enum(['approve', 'deny']),
  item: z
    .union([z.string(), z.array(z.string()).max(500)], { error: 'choose at least one item' })
    .transform((one) => [one].flat()),
  reason: z.string().trim().max(2000).optional(),
});

const Answer = z
  .object({ csrf: z.string(), question: z.string().min(1).max(100), answerId: z.uuid() })
  .catchall(z.unknown());

/**
 * `/plain`: incidents, what waits for a decision, and what is in force, for a browser without scripts. A person logs in with an API
 * token; each decision is a plain form and goes the same way as one of the API.
 */
export function startPage(store: Store, wake: () => void): Router {
  const router = Router();
  router.get('/style.css', (_request, response) => {
    response.type('css').send(STYLE);
  });
  // What links say that went out before; the fragment stays.
  router.get('/', (_request, response) => {
    response.redirect(303, '/plain');
  });
  router.get('/plain', async (request, response) => {
    const session = await sessionOf(store, request);
    if (session === undefined) {
      response.type('html').send(loginPage());
      return;
    }
    const [incidents, approvals, leases, killSwitch, questions] = await Promise.all([
      incidentList(store, { limit: LIST }),
      approvalRequests(store, { status: 'open' }),
      containments(store, false),
      readKillSwitch(store),
      listQuestions(store, { status: 'open' }),
    ]);
    response
      .type('html')
      .send(startView(session, { incidents: incidents.items, approvals, leases, killSwitch, questions }));
  });
  router.post('/plain/login', form, async (request, response) => {
    requireOwnSite(request);
    const parsed = Login.safeParse(request.body);
    const token = parsed.success ? parsed.data.token : '';
    if ((await beginSession(store, request, response, token)) === undefined) {
      response.status(401).type('html').send(loginPage('This token does not hold.'));
      return;
    }
    response.redirect(303, '/plain');
  });
  router.post('/plain/logout', form, async (request, response) => {
    await requireSession(store, request, (request.body as { csrf?: unknown } | undefined)?.csrf);
    endSession(request, response);
    response.redirect(303, '/plain');
  });
  router.post('/plain/decide', form, async (request, response) => {
    const body = (request.body ?? {}) as { csrf?: unknown };
    const { person } = await requireSession(store, request, body.csrf);
    requirePermission(person, 'decide');
    const { request: id, item, reason, csrf: _csrf, ...rest } = Decision.parse(body);
    const input = { ...rest, items: item, ...(reason === undefined || reason === '' ? {} : { reason }) };
    await decide(store, id, input, { person: person.id, roles: person.roles, channel: 'page' });
    wake();
    response.redirect(303, '/plain');
  });
  router.post('/plain/answer', form, async (request, response) => {
    const body = (request.body ?? {}) as { csrf?: unknown };
    const { person } = await requireSession(store, request, body.csrf);
    requirePermission(person, 'answer');
    const { question: id, answerId, csrf: _csrf, ...rest } = Answer.parse(body);
    const [question] = await listQuestions(store, { id });
    const fields = Object.entries(question?.fields ?? {});
    // An empty field is one that was left out.
    const given = fields.flatMap(([name, field]) => {
      const text = rest[fieldName(name)];
      return typeof text === 'string' && text !== '' ? [[name, typedText(field, text)]] : [];
    });
    const input = { answerId, answer: Object.fromEntries(given) as JsonObject };
    await answer(store, id, input, { person: person.id, roles: person.roles, channel: 'page' });
    wake();
    response.redirect(303, '/plain');
  });
  router.use(
    ['/plain/login', '/plain/logout', '/plain/decide', '/plain/answer'],
    plainError(html`<p><a href="/plain">Back</a></p>`),
  );
  return router;
}
