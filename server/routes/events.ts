import { Router } from 'express';
import type { Store } from '../../store/store';
import { authorize } from '../auth/authenticate';
import type { CallLimits } from '../auth/limits';
import type { ChangeFeed, Listener } from '../change-feed';
import { Problem } from '../problem';

/** What may wait for a client that does not read; one that is slower is cut off, and reads on when it comes back. */
const MAX_WAITING_BYTES = 64 * 1024;
const RETRY_MS = 2_000;

/** A position as it was given; one that was never given is as good as lost. */
const positionOf = (text: string | undefined): bigint | undefined =>
  text === undefined || text === '' ? undefined : /^\d{1,19}$/.test(text) ? BigInt(text) : 2n ** 63n;

/**
 * `GET /api/v1/events`: what changed, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): kinds of
 * journal entries and incident numbers, nothing of their content. `Last-Event-ID`, or `after`, reads on from there.
 */
export function eventRoutes(store: Store, limits: CallLimits, prefix: string, feed: ChangeFeed): Router {
  const router = Router();
  router.get(`${prefix}/events`, async (request, response) => {
    const { person } = await limits.attempt(request, () => authorize(store, request, 'read'));
    const after = request.query['after'];
    const given = request.get('last-event-id') ?? (typeof after === 'string' ? after : undefined);
    const write = (text: string): void => {
      response.write(text);
      if (response.writableLength > MAX_WAITING_BYTES) response.destroy();
    };
    const listener: Listener = {
      person: person.id,
      from: positionOf(given),
      tell: (position, changes, lost) => {
        const event = lost ? 'lost' : changes.length === 0 ? 'position' : 'changes';
        write(`id: ${String(position)}\nevent: ${event}\ndata: ${JSON.stringify({ changes })}\n\n`);
      },
      close: () => response.end(),
      beat: async () => {
        try {
          await authorize(store, request, 'read');
          write(': still here\n\n');
        } catch {
          // The token was revoked, or the database is away: coming back decides which.
          response.end();
        }
      },
    };
    const end = feed.listen(listener);
    if (end === false)
      throw new Problem(429, 'Too many requests', 'Too many listen already: close other windows.', {
        retryAfterSeconds: 30,
      });
    response.once('close', end);
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    write(`retry: ${String(RETRY_MS)}\n\n`);
  });
  return router;
}
