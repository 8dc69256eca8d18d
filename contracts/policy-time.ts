import { z } from 'zod';

const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const Clock = z
  .string()
  .regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'expected a time of day from 00:00 to 24:00, such as 08:30');

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/**
 * A part of the week by the clocks of one place, `from` included, `to` not. When `to` is before `from` it ends on the next day,
 * and `weekdays` are the days on which it begins: `fri`, 18:00 to 08:00 holds on Saturday at 03:00.
 */
export const TimeWindow = z
  .object({
    zone: z.string().refine(isZone, 'expected an IANA time zone such as Europe/Berlin'),
    weekdays: z.array(z.enum(WEEKDAYS)).min(1).optional(),
    from: Clock.default('00:00'),
    to: Clock.default('24:00'),
  })
  .strict()
  .refine(({ from, to }) => from !== to, {
    message: 'from and to are the same: leave both out for whole days',
    path: ['to'],
  });
export type TimeWindow = z.output<typeof TimeWindow>;

/** One a zone: making it is what costs. */
const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(zone: string, at: Date): { weekday: number; minutes: number; text: string } {
  const format =
    formats.get(zone) ??
    new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  formats.set(zone, format);
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const { weekday = '', hour = '', minute = '' } = parts;
  const day = weekday.toLowerCase();
  return {
    weekday: WEEKDAYS.findIndex((one) => one === day),
    minutes: Number(hour) * 60 + Number(minute),
    text: `${day} ${hour}:${minute} in ${zone}`,
  };
}

const minutesOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

/** Whether a moment lies in the window. */
export function isWithin({ zone, weekdays, from, to }: TimeWindow, at: Date): boolean {
  const { weekday, minutes } = localTime(zone, at);
  const [begins, ends] = [minutesOf(from), minutesOf(to)];
  const begunToday = minutes >= begins && (begins > ends || minutes < ends);
  const begunYesterday = begins > ends && minutes < ends;
  const on = (day: number): boolean => weekdays?.includes(WEEKDAYS[(day + 7) % 7] ?? 'mon') ?? true;
  return (begunToday && on(weekday)) || (begunYesterday && on(weekday - 1));
}

/** A moment as people of the zone say it: `sat 03:00 in Europe/Berlin`. */
export const wallClock = (zone: string, at: Date): string => localTime(zone, at).text;

/** A window in words: `mon, tue 18:00–08:00 in Europe/Berlin`. */
export const windowText = ({ zone, weekdays, from, to }: TimeWindow): string =>
  `${weekdays?.join(', ') ?? 'daily'} ${from}–${to} in ${zone}`;
