/** A time of a cron line: minute, hour, day of the month, month, day of the week. */
const FIELDS: readonly { name: string; min: number; max: number; words?: readonly string[] }[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of the month', min: 1, max: 31 },
  {
    name: 'month',
    min: 1,
    max: 12,
    words: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { name: 'day of the week', min: 0, max: 7, words: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];

/**
 * What is wrong with a cron line of five fields, in words; undefined when nothing is. `*`, numbers, names, lists, ranges and steps; what
 * Temporal takes beside that (seconds, years, `@every`, a zone in the line) is not accepted: https://docs.temporal.io/cron-job
 */
export function cronMistake(line: string): string | undefined {
  const fields = line.trim().split(/\s+/);
  if (fields.length !== FIELDS.length)
    return 'expected five fields: minute, hour, day of the month, month, day of the week';
  for (const [index, { name, min, max, words = [] }] of FIELDS.entries()) {
    const first = words.length === 12 ? 1 : 0;
    const valueOf = (text: string): number => {
      const word = words.indexOf(text.toLowerCase());
      return word >= 0 ? word + first : /^\d{1,2}$/.test(text) ? Number(text) : NaN;
    };
    for (const part of (fields[index] ?? '').split(',')) {
      const [range = '', step, ...rest] = part.split('/');
      const [from = '', to, ...more] = range.split('-');
      const ends = range === '*' ? [min, max] : [valueOf(from), valueOf(to ?? from)];
      const [low = NaN, high = NaN] = ends;
      const stepped = step === undefined || (/^\d{1,2}$/.test(step) && Number(step) >= 1);
      if (!(low >= min && high <= max && low <= high && stepped && rest.length === 0 && more.length === 0))
        return `the ${name} is "${part}": expected ${String(min)} to ${String(max)}, such as * or ${String(min)}-${String(max)}/2`;
    }
  }
  return undefined;
}
