import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../cli/up/base';
import { BadConfig } from '../../cli/up/load-config';
import { cronMistake } from '../../contracts/cron';
import { DEFAULT_POLICY } from '../../contracts/policy';

const folder = mkdtempSync(join(tmpdir(), 'cordon-drills-'));
const configFile = join(folder, 'cordon.config.ts');
const alert = { title: 'Mass file encryption', severity: 5, entities: { hosts: ['fin-fs-01'] } };
const drill = {
  id: 'quarterly',
  playbook: 'ransomware',
  alert,
  cron: '0 9 1 1,4,7,10 *',
  zone: 'Europe/Berlin',
};
beforeAll(() => {
  writeFileSync(join(folder, 'alert.json'), JSON.stringify(alert));
  writeFileSync(join(folder, 'broken.json'), '{');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const load = (...drills: object[]) =>
  loadConfig({ configFile }, { raw: { policy: DEFAULT_POLICY, drills } }).config.drills;
const mistakes = (...drills: object[]): readonly string[] => {
  try {
    load(...drills);
    return [];
  } catch (error) {
    if (error instanceof BadConfig) return error.mistakes;
    throw error;
  }
};

test('a drill is taken with the newest version of its playbook, and its alert inline or from a file', () => {
  expect(load(drill)).toMatchObject([{ playbook: 'ransomware@1', alert, zone: 'Europe/Berlin' }]);
  const { alert: _inline, ...rest } = drill;
  expect(load({ ...rest, alertFile: 'alert.json' })).toMatchObject([{ alert }]);
});

test.each<[string, object, string]>([
  ['a bad cron line', { ...drill, cron: '0 25 * * *' }, 'drills.0.cron: the hour is "25": expected 0 to 23'],
  ['a bad zone', { ...drill, zone: 'Europe/Atlantis' }, 'drills.0.zone: no such time zone'],
  [
    'an unknown playbook',
    { ...drill, playbook: 'nothing' },
    'drills (quarterly): playbook: there is no nothing; there are',
  ],
  [
    'an unknown person',
    { ...drill, startedBy: 'gone' },
    'drills (quarterly): startedBy: there is no person "gone"',
  ],
  [
    'an unknown source',
    { ...drill, source: 'siem' },
    'drills (quarterly): source: there is no source "siem"',
  ],
  ['an alert that does not fit', { ...drill, alert: { severity: 'high' } }, 'drills (quarterly): alert.'],
  ['no alert', { ...drill, alert: undefined }, 'drills.0.alert: needs either alert or alertFile'],
  [
    'a file that is not there',
    { ...drill, alert: undefined, alertFile: 'gone.json' },
    'drills (quarterly): alertFile: the file',
  ],
  ['a file that is not JSON', { ...drill, alert: undefined, alertFile: 'broken.json' }, 'is not JSON'],
])('refused at load, with the field named: %s', (_what, one, reason) => {
  expect(mistakes(one).join('\n')).toContain(reason);
});

test('two of one id are refused', () => {
  expect(mistakes(drill, drill)).toEqual(['drills: the id "quarterly" occurs twice']);
});

test.each(['* * * * *', '*/15 0-6,22 * * 1-5', '0 9 1 JAN,jul sun', '5 4 * * 7', '0 0 1-31/2 12 *'])(
  'cron %s',
  (line) => {
    expect(cronMistake(line)).toBeUndefined();
  },
);
test.each([
  '',
  '* * * *',
  '* * * * * *',
  '@daily',
  '60 * * * *',
  '* * 0 * *',
  '* * * 13 *',
  '* * * * 8',
  '5-1 * * * *',
  '*/0 * * * *',
  '1/2/3 * * * *',
  '1-2-3 * * * *',
  '-1 * * * *',
  'mon * * * *',
  '* * * * *, ',
])('no cron: %s', (line) => {
  expect(cronMistake(line)).toBeDefined();
});
