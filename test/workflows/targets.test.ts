import { endpoint, identity } from '../../contracts/actions';
import type { AlertView } from '../../contracts/alert';
import { anyOf, category, definePlaybook, technique } from '../../workflows/kit/define-playbook';
import { listed } from '../../workflows/kit/listed';
import { runVirtually, type Script } from '../../workflows/kit/virtual-host';
import type { Words } from '../../workflows/kit/words';
import { account, alertView, host, incidentInput } from '../support/incident-fixtures';

const HOUR = 3_600_000;
const logIn = anyOf(technique('T1078'), category('account_compromise'));
const both = alertView(1, { hosts: [host('a1')], accounts: [account('kim'), account('bo')] });
const says = (seq: number, ...names: string[]): AlertView =>
  alertView(seq, { accounts: names.map(account) }, { techniques: ['T1078'] });

const inner = definePlaybook(
  { id: 'inner', version: 1, title: 'Inner', answers: [] },
  async ({ scope, contain, release }) => {
    await contain('Stop', scope.accounts, (one) => identity.disableAccount({ account: one }), {
      lease: '1h',
    });
    await release(scope.accounts);
  },
);

/** Plays a body within the incident of `both`; what was done to accounts, in order. */
async function play(run: (words: Words) => Promise<void>, script: Script = {}) {
  const outer = definePlaybook({ id: 'outer', version: 1, title: 'Outer', answers: [] }, run);
  const input = incidentInput([both], { playbook: outer.ref });
  const { items, tookMs, stuck } = await runVirtually(input, [outer, inner], script);
  return { items, hours: tookMs / HOUR, stuck };
}
const stop = (name: string): string => `inner/contain/stop disable_account/account:${name}#1`;
const enable = (name: string): string =>
  `inner/release/release_accounts release/disable_account/account:${name}#1`;

describe('a playbook within one is for some targets only', () => {
  const some = async ({ subPlaybook, alerted, waitFor, watch }: Words): Promise<void> => {
    await subPlaybook('inner@1', { only: { accounts: (one) => alerted(logIn, one) } });
    await waitFor({ time: '4h' });
    await watch('4h', { onRecurrence: 'contain' });
  };

  test('none of them, as long as no alert says so', async () => {
    expect((await play(some)).items).toEqual([]);
  });
  test('a known one from when an alert says so, once, and nobody else', async () => {
    const alerts = [2, 3].map((seq) => ({ atMs: seq * HOUR, alert: says(seq, 'kim') }));
    expect((await play(some, { alerts })).items).toEqual([stop('kim'), enable('kim')]);
  });
  test('and it meets no order again that it has met', async () => {
    const { items } = await play(
      async (words) => {
        const { scope, contain } = words;
        await contain('Log out', scope.accounts, (one) => identity.revokeSessions({ account: one }), {
          lease: '1h',
        });
        await some(words);
      },
      { alerts: [{ atMs: HOUR, alert: says(2, 'kim') }] },
    );
    expect(items.map((item) => item.replace(/^.* /, ''))).toEqual([
      'revoke_sessions/account:kim#1',
      'revoke_sessions/account:bo#1',
      'disable_account/account:kim#1',
      'release/disable_account/account:kim#1',
    ]);
  });
  test('one that joins with such an alert, at once; one that joins with another, not', async () => {
    const alerts = [
      { atMs: HOUR, alert: says(2, 'lee') },
      { atMs: 2 * HOUR, alert: alertView(3, { accounts: [account('max')] }) },
    ];
    expect((await play(some, { alerts })).items).toEqual([stop('lee'), enable('lee')]);
  });
  test('also in the watch', async () => {
    const alerts = [{ atMs: 5 * HOUR, alert: says(2, 'bo') }];
    expect((await play(some, { alerts })).items).toEqual([stop('bo'), enable('bo')]);
  });
});

test('an alert says something of the incident, and of what it names', async () => {
  const told: boolean[] = [];
  const script = { alerts: [{ atMs: HOUR, alert: says(2, 'kim') }] };
  await play(async ({ scope, alerted, waitFor }) => {
    const [kim, bo] = scope.accounts.targets();
    told.push(alerted(logIn));
    await waitFor({ alert: logIn, within: '3h' });
    told.push(alerted(logIn), alerted(logIn, kim?.value), alerted(logIn, bo?.value));
  }, script);
  expect(told).toEqual([false, true, true, false]);
});

test('what joins by a person’s word is returned by its key, and meets the orders', async () => {
  let keys: string[] = [];
  const { items } = await play(async ({ scope, contain, widen }) => {
    await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
    keys = [...(await widen('Named', { hosts: listed(' B2, c3;\nb2').map((name) => ({ name })) }))];
  });
  expect(keys).toEqual(['host:b2', 'host:c3']);
  expect(items.map((item) => item.replace(/.*host:/, ''))).toEqual(['a1#1', 'b2#1', 'c3#1']);
});

describe('waiting for a moment', () => {
  test.each([
    ['2026-03-01T11:00:00+00:00', 3],
    ['2026-03-01', 0],
  ])('%s is %i h away', async (until, hours) => {
    expect(await play(({ waitFor }) => waitFor({ until }))).toMatchObject({ hours, stuck: null });
  });
  test('what is no moment is said to be none', async () => {
    await expect(play(({ waitFor }) => waitFor({ until: 'soon' }))).rejects.toThrow('that moment is none');
  });
});
