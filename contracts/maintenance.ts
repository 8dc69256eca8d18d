import { z } from 'zod';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const MINUTE_MS = 60_000;
const DAY = 24 * 60;
const WEEK = 7 * DAY;
/** Further than any clock is put forward or back. */
const SHIFT_MINUTES = 90;

const Time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time such as 22:00');
/** An IANA name of a time zone. */
export const Zone = z
  .string()
  .refine(isZone, 'no such time zone; expected an IANA name such as Europe/Berlin');

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** Times in which effects are held or denied, or outside of which they are. Reading is never held. */
export const MaintenanceWindow = z
  .object({
    id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, - and _'),
    /** Asset ids or tags; all targets when left out. */
    targets: z.array(z.string().min(1)).min(1).optional(),
    /** All effects when left out. */
    actions: z.array(z.string()).min(1).optional(),
    /** hold: they wait and are done afterwards. deny: they are dropped. */
    mode: z.enum(['hold', 'deny']).default('hold'),
    /** A change window: they are done only within it. */
    onlyWithin: z.boolean().default(false),
    /** Once, from and to; with an offset, or Z. */
    from: z.iso.datetime({ offset: true }).optional(),
    to: z.iso.datetime({ offset: true }).optional(),
    /** Or every week, by the wall clock of a place. `to` before or at `from` is on the next day. */
    weekly: z
      .object({ days: z.array(z.enum(DAYS)).min(1), from: Time, to: Time, zone: Zone })
      .strict()
      .optional(),
  })
  .strict()
  .superRefine(({ from, to, weekly }, context) => {
    const once = from !== undefined || to !== undefined;
    if (once === (weekly !== undefined))
      context.addIssue({ code: 'custom', message: 'needs either from and to, or weekly' });
    else if (once && (from === undefined || to === undefined || Date.parse(from) >= Date.parse(to)))
      context.addIssue({ code: 'custom', path: ['to'], message: 'needs from and to, and to after from' });
  });
export type MaintenanceWindow = z.output<typeof MaintenanceWindow>;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Minutes since Sunday 00:00 on the wall clock of a zone. */
function minuteOfWeek(at: number, zone: string): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const day = DAYS.findIndex((name) => name === parts['weekday']?.toLowerCase());
  return day * DAY + Number(parts['hour']) * 60 + Number(parts['minute']);
}

const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

/** Start and length of each of a week's windows, in minutes. */
function spans({ days, from, to }: NonNullable<MaintenanceWindow['weekly']>): [number, number][] {
  const length = (minutes(to) - minutes(from) + DAY) % DAY || DAY;
  return days.map((day) => [DAYS.indexOf(day) * DAY + minutes(from), length]);
}

const covers = (all: readonly [number, number][], minute: number): boolean =>
  all.some(([start, length]) => (minute - start + WEEK) % WEEK < length);

/** Whether a time lies within a window. */
export function isWithin(window: MaintenanceWindow, at: Date): boolean {
  const { weekly, from = '', to = '' } = window;
  if (weekly !== undefined) return covers(spans(weekly), minuteOfWeek(at.getTime(), weekly.zone));
  return at.getTime() >= Date.parse(from) && at.getTime() < Date.parse(to);
}

/** When what `isWithin` says changes next; null when it never does. To the minute. */
export function changesAt(window: MaintenanceWindow, at: Date): Date | null {
  const { weekly, from = '', to = '' } = window;
  if (weekly === undefined) {
    const next = [from, to].map((time) => Date.parse(time)).find((time) => time > at.getTime());
    return next === undefined ? null : new Date(next);
  }
  const all = spans(weekly);
  const now = minuteOfWeek(at.getTime(), weekly.zone);
  const within = covers(all, now);
  const wait = all
    .flatMap(([start, length]) => [start, start + length])
    .map((edge) => (edge - now + 2 * WEEK) % WEEK || WEEK)
    .sort((a, b) => a - b)
    .find((minute) => covers(all, (now + minute) % WEEK) !== within);
  if (wait === undefined) return null;
  // Clocks may be put forward or back until then: it is looked for around the place.
  const minute = Math.floor(at.getTime() / MINUTE_MS);
  for (let n = Math.max(1, wait - SHIFT_MINUTES); n <= wait + SHIFT_MINUTES; n++) {
    const time = (minute + n) * MINUTE_MS;
    if (covers(all, minuteOfWeek(time, weekly.zone)) !== within) return new Date(time);
  }
  return new Date((minute + wait) * MINUTE_MS);
}
