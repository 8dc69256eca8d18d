import { z } from 'zod';
import { defineChannel, type Notice } from '../../contracts/channel';
import { Secret } from '../../contracts/secret';
import { HttpClient, VendorUrl } from '../../integrations/kit/http';
import { headline, itemLines, leftOut, reasons } from '../kit/words';

/** Configuration of a Teams channel. */
const TeamsConfig = z.strictObject({
  /** Where the workflow "When a Teams webhook request is received" listens. Who knows it may post: it is a secret. */
  url: z
    .instanceof(Secret)
    .refine((url) => VendorUrl.safeParse(url.reveal()).success, 'an https address without credentials in it'),
  timeoutMs: z.number().int().min(10).max(60_000).default(10_000),
});

/** Teams refuses messages above 28 KB. https://learn.microsoft.com/microsoftteams/limits-specifications-teams */
const MAX_BYTES = 24_000;
/** Teams shows so many actions of a card. */
const MAX_ACTIONS = 6;

// TextRun, not TextBlock: only there nothing of a text is Markdown.
const run = (text: string, more: object = {}) => ({
  type: 'RichTextBlock',
  inlines: [{ type: 'TextRun', text, ...more }],
});

const messageOf = (body: object[], actions: object[]) => ({
  type: 'message',
  attachments: [
    {
      contentType: 'application/vnd.microsoft.card.adaptive',
      contentUrl: null,
      content: {
        $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
        type: 'AdaptiveCard',
        version: '1.4',
        body,
        actions,
      },
    },
  ],
});

const open = (title: string, url: string) => ({ type: 'Action.OpenUrl', title, url });

function cardOf(notice: Notice): object {
  const links = [...notice.links].slice(0, MAX_ACTIONS - 1);
  const actions = [
    ...(notice.event === 'approval_settled' ? [] : links.map(([id, url]) => open(`Decide as ${id}`, url))),
    ...(notice.overview === undefined ? [] : [open('Open in Cordon', notice.overview)]),
  ];
  let card = {};
  for (let total = 16_000; total > 100; total >>= 1) {
    const { lines, left } = itemLines(notice.request.items, { each: 600, total, most: 100 });
    const items = [...lines, ...(left > 0 ? [leftOut(left)] : [])];
    card = messageOf(
      [
        run(headline(notice, 300), { weight: 'Bolder', size: 'Medium' }),
        ...reasons(notice).map((one) => run(one)),
        ...items.map((one, index) => run(`${String(index + 1)}. ${one}`)),
      ],
      actions,
    );
    if (Buffer.byteLength(JSON.stringify(card)) <= MAX_BYTES) break;
  }
  return card;
}

/**
 * Posts a card with links to the confirm page. A workflow cannot be called back and a card cannot be changed later: what became of
 * the request is a card of its own. Everybody in the channel sees everybody's link, so it is one voice unless configured otherwise.
 */
export default defineChannel({
  id: 'teams',
  title: 'Microsoft Teams',
  docs: 'https://learn.microsoft.com/connectors/teams/#microsoft-teams-webhook',
  config: TeamsConfig,
  secrets: 'sign the links it sends',
  authenticatesPeople: false,
  connect({ url, timeoutMs }) {
    const http = new HttpClient({ baseUrl: url.reveal(), timeoutMs, product: 'teams' });
    const post = (body: object, signal: AbortSignal) =>
      http.call({ method: 'POST', path: '', body, reply: z.unknown(), signal, what: 'post' });
    return {
      recipients: (event) => (event === 'approval_decided' ? 'nobody' : 'channel'),
      async send(notice, signal) {
        if (notice.event === 'approval_settled' && notice.posted === undefined) return 'skipped';
        await post(cardOf(notice), signal);
        return { posted: notice.request.id };
      },
      async test({ text }, signal) {
        await post(messageOf([run(text)], []), signal);
      },
      close: () => http.close(),
    };
  },
});
