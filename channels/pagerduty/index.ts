import { z } from 'zod';
import { defineChannel, type Notice } from '../../contracts/channel';
import { Secret } from '../../contracts/secret';
import { HttpClient, VendorUrl } from '../../integrations/kit/http';
import { headline, itemLines, leftOut, reasons } from '../kit/words';

/** Configuration of a PagerDuty channel. */
const PagerDutyConfig = z.strictObject({
  /** The 32 characters of an Events API v2 integration. */
  routingKey: z
    .instanceof(Secret)
    .refine((key) => /^[A-Za-z0-9]{32}$/.test(key.reveal()), 'an integration key has 32 letters and digits'),
  /** `https://events.eu.pagerduty.com` for accounts of the EU region. */
  baseUrl: VendorUrl.default('https://events.pagerduty.com'),
  timeoutMs: z.number().int().min(10).max(60_000).default(10_000),
});

const Reply = z.object({ status: z.string(), dedup_key: z.string() });
/** By Cordon's severity, 1 to 5. */
const SEVERITY = ['info', 'info', 'info', 'warning', 'error', 'critical'] as const;

function payloadOf(notice: Notice): object {
  const { request, evidence } = notice;
  const { lines, left } = itemLines(request.items, { each: 600, total: 30_000, most: 100 });
  return {
    summary: headline(notice, 1024),
    source: 'cordon',
    severity: SEVERITY[evidence.severity] ?? 'error',
    timestamp: notice.at.toISOString(),
    component: request.incident,
    class: 'approval',
    custom_details: {
      about: reasons(notice),
      items: [...lines, ...(left > 0 ? [leftOut(left)] : [])],
    },
  };
}

/** Pages when a request is escalated, and resolves the page when the request is settled. It decides nothing. */
export default defineChannel({
  id: 'pagerduty',
  title: 'PagerDuty',
  docs: 'https://developer.pagerduty.com/docs/events-api-v2-overview',
  config: PagerDutyConfig,
  secrets: 'none',
  authenticatesPeople: false,
  connect({ routingKey, baseUrl, timeoutMs }) {
    const http = new HttpClient({ baseUrl, timeoutMs, product: 'pagerduty' });
    const enqueue = (action: 'trigger' | 'resolve', key: string, more: object, signal: AbortSignal) =>
      http.call({
        method: 'POST',
        path: '/v2/enqueue',
        body: { routing_key: routingKey.reveal(), event_action: action, dedup_key: key, ...more },
        reply: Reply,
        signal,
        what: action,
      });
    return {
      recipients: (event) =>
        event === 'approval_escalated' || event === 'approval_settled' ? 'channel' : 'nobody',
      async send(notice, signal) {
        const key = `cordon/${notice.request.id}`;
        if (notice.event === 'approval_settled') {
          // A resolve of what was never triggered would be dropped there.
          if (notice.posted === undefined) return 'skipped';
          await enqueue('resolve', key, {}, signal);
          return {};
        }
        const { overview } = notice;
        const links = overview === undefined ? [] : [{ href: overview, text: 'Open in Cordon' }];
        await enqueue('trigger', key, { payload: payloadOf(notice), links, client: 'Cordon' }, signal);
        return { posted: key };
      },
      async test({ text, key }, signal) {
        const payload = { summary: text, source: 'cordon', severity: 'info' };
        await enqueue('trigger', `cordon/${key}`, { payload, client: 'Cordon' }, signal);
        await enqueue('resolve', `cordon/${key}`, {}, signal);
      },
      close: () => http.close(),
    };
  },
});
