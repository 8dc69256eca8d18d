import express, { Router } from 'express';
import { z } from 'zod';
import type { ConnectedChannel } from '../../channels';
import {
  channelOfLink,
  formToken,
  isFormToken,
  verifyLink,
  type LinkContent,
} from '../../channels/kit/links';
import { silenceOf, speakerOf, type ApprovalRequest } from '../../contracts/approval';
import { decidable } from '../../contracts/channel';
import { isDecisionKnown } from '../../store/decisions';
import { approvalRequests } from '../../store/read-models';
import type { Store } from '../../store/store';
import { requireOwnSite } from '../auth/session';
import { Problem } from '../problem';
import { decideThrough, spokenFor } from './channel-decision';
import { withoutWeight } from './decide';
import { html, NOTHING, page, table } from './html';
import { plainError } from './plain-error';
import { drillMark, mark } from './start-view';

const form = express.urlencoded({ extended: false, limit: '200kb' });
const Link = z.string().min(1).max(2000);
const Answer = z.object({
  link: Link,
  form: z.string().max(200),
  verdict: z.enum(['approve', 'deny']),
  item: z
    .union([z.string(), z.array(z.string()).max(500)], { error: 'choose at least one item' })
    .transform((one) => [one].flat()),
  reason: z.string().trim().max(2000).optional(),
});

interface Opened {
  channel: ConnectedChannel;
  content: LinkContent;
  request: ApprovalRequest;
  person: { id: string; name: string };
}

const gone = (detail: string): Problem => new Problem(410, 'This link is no longer good', detail);

/** What a link opens; a problem when it is altered, over, used, or for somebody who may not decide any more. */
async function open(
  store: Store,
  channels: ReadonlyMap<string, ConnectedChannel>,
  link: string,
): Promise<Opened> {
  const channel = channels.get(channelOfLink(link) ?? '');
  const content =
    channel?.kind.secrets === 'sign the links it sends' ? verifyLink(channel.secrets, link) : undefined;
  if (channel === undefined || content === undefined)
    throw new Problem(
      403,
      'This link does not hold',
      'It was altered on the way, or its key is no longer in use.',
    );
  if (content.until <= (await store.now()).getTime()) throw gone('The time to decide is over.');
  if (await isDecisionKnown(store, content.decision))
    throw gone('It was used: it decides once. To decide again, log in to Cordon.');
  const [request] = await approvalRequests(store, { id: content.request });
  if (request === undefined) throw new Problem(404, 'Not found', 'There is no such approval request.');
  if (request.planHash !== content.plan)
    throw new Problem(409, 'Conflict', 'The plan is another one now: look at it in Cordon.');
  if (request.status === 'settled') throw gone('The request is settled.');
  const person = await spokenFor(store, channel, content.person);
  return { channel, content, request, person };
}

function confirmPage({ channel, request, person }: Opened, link: string): string {
  const mine = decidable(request.items, channel.maxImpact);
  const rest = request.items.filter(({ status }) => status === 'pending').length - mine.length;
  return page(
    `Decide: ${request.title}`,
    html`<h1>${drillMark(request.mode)}${request.incident}: ${request.title}</h1>
      <p>
        ${request.incidentTitle}. ${request.reason}. Decide until ${request.expiresAt}; ${silenceOf(request)}.
      </p>
      <p>You decide as <strong>${person.name}</strong> (${person.id}). This page decides once.</p>
      <form method="post" action="/confirm" autocomplete="off">
        <input type="hidden" name="link" value="${link}" />
        <input type="hidden" name="form" value="${formToken(channel.secrets, link)}" />
        ${table(
          ['', 'action', 'target', 'by', 'with', 'impact', 'so far'],
          request.items.map((item) => [
            mine.includes(item)
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
            `${item.impact}${item.reversible ? '' : ', cannot be taken back'}: ${item.requirement.why}`,
            item.decisions.map((one) => `${speakerOf(one)}: ${one.verdict}`).join('; '),
          ]),
        )}
        ${rest > 0 ? html`<p>${rest} of them cannot be decided by a link: log in to Cordon.</p>` : NOTHING}
        ${
          mine.length === 0
            ? NOTHING
            : html`<p>
                <label>Reason <input name="reason" maxlength="2000" /></label>
                <button name="verdict" value="approve">Approve the chosen</button>
                <button name="verdict" value="deny">Deny the chosen</button>
              </p>`
        }
      </form>`,
  );
}

/**
 * `/confirm`: where signed links lead. Loading it shows the exact list and decides nothing, because mail programs and scanners load
 * links; the form decides, once, as the person of the link.
 */
export function confirmPages(
  store: Store,
  channels: ReadonlyMap<string, ConnectedChannel>,
  wake: () => void,
): Router {
  const router = Router();
  router.get('/confirm', async (request, response) => {
    const link = Link.catch('').parse(request.query['link']);
    response.type('html').send(confirmPage(await open(store, channels, link), link));
  });
  router.post('/confirm', form, async (request, response) => {
    requireOwnSite(request);
    const answer = Answer.parse(request.body ?? {});
    const { channel, content } = await open(store, channels, answer.link);
    if (!isFormToken(channel.secrets, answer.link, answer.form))
      throw new Problem(403, 'Forbidden', 'The form is not from the page of this link: load the page again.');
    const { reason, verdict, item } = answer;
    const decided = await decideThrough(store, channel, {
      request: content.request,
      person: content.person,
      input: {
        decisionId: content.decision,
        verdict,
        items: item,
        planHash: content.plan,
        ...(reason === undefined || reason === '' ? {} : { reason }),
      },
    });
    const recorded = decided.items.filter(({ status }) => status === 'recorded').length;
    if (recorded === 0) throw gone('It was used: it decides once.');
    wake();
    const mute = withoutWeight(decided);
    const late = decided.items.filter(({ status }) => status === 'too_late').length;
    response.type('html').send(
      page(
        'Recorded',
        html`<h1>Recorded</h1>
          <p>
            ${verdict === 'approve' ? 'Approved' : 'Denied'}:
            ${recorded}${late > 0 ? `; ${String(late)} came too late` : ''}. ${mute ?? NOTHING} You can close
            this page.
          </p>`,
      ),
    );
  });
  router.use('/confirm', plainError(NOTHING));
  return router;
}
