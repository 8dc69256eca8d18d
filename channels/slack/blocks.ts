import type { ApprovalItem } from '../../contracts/approval';
import { decidable, type Notice } from '../../contracts/channel';
import { plain, shorten } from '../../contracts/plain-text';
import { headline, itemLine, itemLines, leftOut, reasons } from '../kit/words';

/** https://docs.slack.dev/reference/block-kit: characters, but for MAX_BYTES, above which Slack answers `msg_blocks_too_long`. */
const HEADER = 150;
const TEXT = 3000;
const MAX_BLOCKS = 50;
const MAX_BYTES = 12_000;
/** Up to so many items each has its own buttons. */
const OWN_BUTTONS = 10;

/** Slack's three control characters. https://docs.slack.dev/messaging/formatting-message-text#escaping */
const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (character) => (character === '&' ? '&amp;' : character === '<' ? '&lt;' : '&gt;'));

/** Text as it may stand in a text object, not longer than that when it is escaped. */
export function slackText(text: string, limit: number): string {
  const clean = text.split('\n').map(plain).join('\n');
  let most = limit;
  let over: number;
  // An escaped character is at most four longer.
  while ((over = escaped(shorten(clean, most)).length - limit) > 0) most -= Math.ceil(over / 4);
  return escaped(shorten(clean, most));
}

type Block = Record<string, unknown>;
// Never mrkdwn: in plain text nothing that an alert says is a mention, a link or an emphasis.
const text = (value: string, limit: number) => ({
  type: 'plain_text',
  text: slackText(value, limit) || '-',
  emoji: false,
});
const section = (value: string): Block => ({ type: 'section', text: text(value, TEXT) });

function button(
  verdict: 'approve' | 'deny',
  label: string,
  value: object,
  confirm: string | undefined,
): Block {
  return {
    type: 'button',
    action_id: verdict,
    text: text(label, 75),
    style: verdict === 'approve' ? 'primary' : 'danger',
    value: JSON.stringify(value),
    ...(confirm === undefined
      ? {}
      : {
          confirm: {
            title: text('Are you sure?', 100),
            text: text(confirm, 300),
            confirm: text('Approve', 30),
            deny: text('Not yet', 30),
          },
        }),
  };
}

/** What an approval of these asks back first; nothing for low impact. */
function confirmOf(items: readonly ApprovalItem[]): string | undefined {
  const high = items.filter(({ impact }) => impact === 'high' || impact === 'irreversible');
  const [first] = high;
  if (first === undefined) return undefined;
  const rest = high.length - 1;
  return `High impact: ${first.title}: ${first.target.label}${rest > 0 ? ` and ${String(rest)} more` : ''}`;
}

const buttons = (value: object, labels: [string, string], items: readonly ApprovalItem[]): Block => ({
  type: 'actions',
  elements: [
    button('approve', labels[0], value, confirmOf(items)),
    button('deny', labels[1], value, undefined),
  ],
});

function itemBlocks(notice: Notice, open: readonly ApprovalItem[]): Block[] {
  return notice.request.items.flatMap((item) => [
    section(itemLine(item, 400)),
    ...(open.includes(item)
      ? [buttons({ r: notice.request.id, i: item.itemHash }, ['Approve', 'Deny'], [item])]
      : []),
  ]);
}

function listBlocks(notice: Notice, total: number): Block[] {
  const { lines, left } = itemLines(notice.request.items, { each: 600, total, most: 500 });
  const blocks: Block[] = [];
  let page = '';
  for (const one of [...lines, ...(left > 0 ? [leftOut(left)] : [])]) {
    if (page.length + one.length > TEXT / 2) {
      blocks.push(section(page));
      page = '';
    }
    page += `${page === '' ? '' : '\n'}• ${one}`;
  }
  return page === '' ? blocks : [...blocks, section(page)];
}

/** The message about a request as it stands now. `mentions`: user ids, from the configuration. */
export function messageOf(
  notice: Notice,
  maxImpact: 'low' | 'high',
  mentions: readonly string[],
): { text: string; blocks: Block[] } & Record<string, unknown> {
  const { request, overview } = notice;
  const open = notice.event === 'approval_settled' ? [] : decidable(request.items, maxImpact);
  const pending = request.items.filter(({ status }) => status === 'pending');
  const elsewhere = notice.event === 'approval_settled' ? 0 : pending.length - open.length;
  const around = (middle: Block[]): Block[] => [
    { type: 'header', text: text(headline(notice, HEADER), HEADER) },
    ...(mentions.length === 0
      ? []
      : [{ type: 'section', text: { type: 'mrkdwn', text: mentions.map((id) => `<@${id}>`).join(' ') } }]),
    section(reasons(notice).join('\n')),
    ...middle,
    ...(open.length > 1
      ? [
          buttons(
            { r: request.id, p: request.planHash },
            [`Approve all ${String(open.length)}`, `Deny all ${String(open.length)}`],
            open,
          ),
        ]
      : []),
    ...(elsewhere > 0
      ? [
          {
            type: 'context',
            elements: [
              text(`${String(elsewhere)} above what this channel may decide: decide in Cordon`, 200),
            ],
          },
        ]
      : []),
    ...(overview === undefined
      ? []
      : [
          {
            type: 'context',
            elements: [{ type: 'mrkdwn', text: `<${escaped(overview)}|Open in Cordon>`, verbatim: true }],
          },
        ]),
  ];
  const fits = (blocks: Block[]): boolean =>
    blocks.length <= MAX_BLOCKS && Buffer.byteLength(JSON.stringify(blocks)) <= MAX_BYTES;
  let blocks = around(itemBlocks(notice, request.items.length <= OWN_BUTTONS ? open : []));
  if (request.items.length > OWN_BUTTONS || !fits(blocks))
    for (let total = 7000; total > 100; total >>= 1) {
      blocks = around(listBlocks(notice, total));
      if (fits(blocks)) break;
    }
  return {
    text: slackText(headline(notice, 300), 400),
    mrkdwn: false,
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    blocks,
  };
}
