import { decidable, defineChannel, type Notice } from '../../contracts/channel';
import { CordonError } from '../../contracts/errors';
import { escapeHtml } from '../../contracts/plain-text';
import { SmtpClient } from '../../integrations/smtp/client';
import { SmtpConfig } from '../../integrations/smtp/schemas';
import { headline, itemLines, leftOut, reasons } from '../kit/words';

const FIT = { each: 800, total: 60_000, most: 200 };

/** How the addressee decides, in words and as an address. */
function way(
  notice: Notice,
  link: string | undefined,
  maxImpact: 'low' | 'high',
): { say: string; href?: string } {
  if (notice.event === 'approval_settled') return { say: 'Nothing is left to decide.' };
  if (link !== undefined) {
    const open = decidable(notice.request.items, maxImpact).length;
    const rest = notice.request.items.filter(({ status }) => status === 'pending').length - open;
    return {
      say:
        'Look at the list and decide. The link is yours alone and decides once; do not forward it.' +
        (rest > 0 ? ` ${String(rest)} of the items cannot be decided by mail: log in for those.` : ''),
      href: link,
    };
  }
  return {
    say: 'These items cannot be decided by mail: log in to Cordon.',
    ...(notice.overview === undefined ? {} : { href: notice.overview }),
  };
}

function mailOf(notice: Notice, link: string | undefined, maxImpact: 'low' | 'high') {
  const { lines, left } = itemLines(notice.request.items, FIT);
  const items = [...lines, ...(left > 0 ? [leftOut(left)] : [])];
  const { say, href } = way(notice, link, maxImpact);
  const title = headline(notice, 200);
  const text = [
    title,
    '',
    ...reasons(notice),
    '',
    ...items.map((one, index) => `${String(index + 1)}. ${one}`),
    '',
    say,
    ...(href === undefined ? [] : [href]),
  ].join('\n');
  const html = [
    '<!doctype html><html lang="en"><body>',
    `<h2>${escapeHtml(title)}</h2>`,
    ...reasons(notice).map((one) => `<p>${escapeHtml(one)}</p>`),
    `<ol>${items.map((one) => `<li>${escapeHtml(one)}</li>`).join('')}</ol>`,
    `<p>${escapeHtml(say)}</p>`,
    href === undefined ? '' : `<p><a href="${escapeHtml(href)}">${escapeHtml(href)}</a></p>`,
    '</body></html>',
  ].join('\n');
  return { subject: title, text, html };
}

/** One mail a person who could decide, with a link of their own to the confirm page. */
export default defineChannel({
  id: 'email',
  title: 'Mail',
  docs: 'https://www.rfc-editor.org/rfc/rfc5321',
  config: SmtpConfig,
  secrets: 'sign the links it sends',
  authenticatesPeople: true,
  connect(config, { maxImpact }) {
    const client = new SmtpClient(config);
    return {
      recipients: (event) =>
        event === 'approval_requested' || event === 'approval_escalated' ? 'people' : 'nobody',
      async send(notice, signal) {
        const { to, key } = notice;
        if (to?.email == null)
          throw new CordonError('invalid_input', `email: there is no address of ${to?.id ?? 'this person'}`);
        const mail = mailOf(notice, notice.links.get(to.id), maxImpact);
        const { accepted } = await client.send({ ...mail, to: [to.email], key }, signal);
        if (accepted.length === 0)
          throw new CordonError('rejected', 'email: the relay refused the recipient');
        return {};
      },
      async test({ text, key, to }, signal) {
        const addresses = to.flatMap(({ email }) => email ?? []);
        if (addresses.length === 0)
          throw new CordonError('invalid_input', 'email: none of the people of this channel has an address');
        const { accepted } = await client.send({ to: addresses, subject: text, text, key }, signal);
        if (accepted.length === 0)
          throw new CordonError('rejected', 'email: the relay refused every recipient');
      },
      close: () => Promise.resolve(),
    };
  },
});
