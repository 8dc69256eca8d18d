const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;
const AWAY: readonly unknown[] = [CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE];
const AWAY_TEXT =
  /failed to connect before the deadline|transport error|connection refused|error trying to connect|timed out/i;

/** Whether an error says only that Temporal cannot be reached, or is too busy, for now: the same call may work later. */
export function isTemporalAway(error: unknown): boolean {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as Error).cause) {
    const { code, message } = at as { code?: unknown; message?: unknown };
    if (AWAY.includes(code)) return true;
    if (typeof message === 'string' && AWAY_TEXT.test(message)) return true;
  }
  return false;
}
