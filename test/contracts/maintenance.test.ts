import fc from 'fast-check';
import { changesAt, isWithin, MaintenanceWindow } from '../../contracts/maintenance';

const weekly = (days: string[], from: string, to: string, zone: string): MaintenanceWindow =>
  MaintenanceWindow.parse({ id: 'w', weekly: { days, from, to, zone } });

test.each([
  ['before it', '2026-05-04T19:59:59Z', false, '2026-05-04T20:00:00.000Z'],
  ['as it begins', '2026-05-04T20:00:00Z', true, '2026-05-05T04:00:00.000Z'],
  ['after midnight, on the next day', '2026-05-05T03:59:59Z', true, '2026-05-05T04:00:00.000Z'],
  ['as it ends', '2026-05-05T04:00:00Z', false, '2026-05-11T20:00:00.000Z'],
])('a night on Mondays in Berlin, %s', (_when, at, within, next) => {
  const window = weekly(['mon'], '22:00', '06:00', 'Europe/Berlin');
  expect(isWithin(window, new Date(at))).toBe(within);
  expect(changesAt(window, new Date(at))?.toISOString()).toBe(next);
});

test.each([
  // 29 March 2026, 02:00 becomes 03:00; 25 October 2026, 03:00 becomes 02:00.
  ['the clocks go forward: it is an hour shorter', '2026-03-28T21:30:00Z', '2026-03-29T04:00:00.000Z'],
  ['the clocks go back: it is an hour longer', '2026-10-24T20:30:00Z', '2026-10-25T05:00:00.000Z'],
  ['it ends in the hour that there is not', '2026-03-29T00:30:00Z', '2026-03-29T01:00:00.000Z', '02:30'],
])('when %s', (_what, at, next, to = '06:00') => {
  const window = weekly(['sat'], '22:00', to, 'Europe/Berlin');
  expect(isWithin(window, new Date(at))).toBe(true);
  expect(changesAt(window, new Date(at))?.toISOString()).toBe(next);
});

test('windows that touch are one, and one that is always open never changes', () => {
  const two = weekly(['mon', 'tue'], '08:00', '08:00', 'UTC');
  expect(changesAt(two, new Date('2026-05-04T09:00:00Z'))?.toISOString()).toBe('2026-05-06T08:00:00.000Z');
  const always = weekly(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], '08:00', '08:00', 'Asia/Tokyo');
  expect(isWithin(always, new Date('2026-05-04T09:00:00Z'))).toBe(true);
  expect(changesAt(always, new Date('2026-05-04T09:00:00Z'))).toBeNull();
});

test('one that happens once opens, closes, and does not open again', () => {
  const once = MaintenanceWindow.parse({
    id: 'once',
    from: '2026-05-04T10:00:00+02:00',
    to: '2026-05-04T12:00:00+02:00',
  });
  const look = (at: string) => [isWithin(once, new Date(at)), changesAt(once, new Date(at))?.toISOString()];
  expect(look('2026-05-04T07:59:59Z')).toEqual([false, '2026-05-04T08:00:00.000Z']);
  expect(look('2026-05-04T08:00:00Z')).toEqual([true, '2026-05-04T10:00:00.000Z']);
  expect(look('2026-05-04T10:00:00Z')).toEqual([false, undefined]);
});

test('between now and its next change a window does not change, and there it does', () => {
  const time = fc
    .integer({ min: 0, max: 1439 })
    .map(
      (minute) =>
        `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`,
    );
  const days = fc.uniqueArray(fc.constantFrom('sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'), {
    minLength: 1,
  });
  const zones = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
  );
  const at = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(
      days,
      time,
      time,
      zones,
      at,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (d, f, t, z, now, part) => {
        const window = weekly(d, f, t, z);
        const next = changesAt(window, now);
        if (next === null) return;
        expect(next.getTime()).toBeGreaterThan(now.getTime());
        expect(isWithin(window, next)).toBe(!isWithin(window, now));
        const between = new Date(now.getTime() + part * (next.getTime() - now.getTime() - 1));
        expect(isWithin(window, between)).toBe(isWithin(window, now));
      },
    ),
    { numRuns: 2000 },
  );
});

test.each([
  ['no time', {}, /either from and to, or weekly/],
  ['half a time', { from: '2026-05-04T08:00:00Z' }, /to after from/],
  ['an end before its start', { from: '2026-05-04T08:00:00Z', to: '2026-05-04T07:00:00Z' }, /to after from/],
  [
    'a zone that is none',
    { weekly: { days: ['mon'], from: '08:00', to: '09:00', zone: 'Berlin' } },
    /no such time zone/,
  ],
  [
    'a time that is none',
    { weekly: { days: ['mon'], from: '8', to: '24:00', zone: 'UTC' } },
    /expected a time such as 22:00/,
  ],
])('one with %s is refused', (_what, window, pattern) => {
  const { error } = MaintenanceWindow.safeParse({ id: 'w', ...window });
  expect(error?.issues.map(({ message }) => message).join()).toMatch(pattern);
});
