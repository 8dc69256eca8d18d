import { data, endpoint, host as machine, identity } from '../../contracts/actions';
import { defineQuestion } from '../../workflows/kit/ask';
import { category, definePlaybook } from '../../workflows/kit/define-playbook';
import { lintPlaybook } from '../../workflows/kit/lint';
import type { Words } from '../../workflows/kit/words';
import { PLAYBOOKS } from '../../workflows/registry';
import { account, alertView, dataset, host } from '../support/incident-fixtures';

const everything = {
  hosts: [host('a1')],
  accounts: [account('kim')],
  datasets: [dataset('finance')],
  ips: ['203.0.113.9'],
};
const alert = alertView(1, everything);
const goAhead = defineQuestion({
  id: 'go_ahead',
  title: 'May we act?',
  why: 'Nothing is done against an insider without a written request.',
  fields: {
    yes: { type: 'boolean', label: 'Yes' },
    how: { type: 'choice', label: 'How', options: ['quiet', 'loud'] },
  },
  roles: ['hr', 'legal'],
  within: '4h',
  onSilence: 'wait',
});
const lint = (run: (words: Words) => Promise<void>, of = alert) =>
  lintPlaybook(
    definePlaybook({ id: 'own', version: 1, title: 'Own', answers: [category('ransomware')] }, run),
    {
      playbooks: PLAYBOOKS,
      alert: of,
    },
  );
const rules = async (run: (words: Words) => Promise<void>, of = alert) =>
  (await lint(run, of)).violations.map(({ rule }) => rule);

test.each(PLAYBOOKS.map((playbook) => [playbook.ref, playbook] as const))(
  '%s breaks no rule on any of its ways',
  async (_ref, playbook) => {
    const report = await lintPlaybook(playbook, { playbooks: PLAYBOOKS, alert });
    expect(report).toMatchObject({ violations: [], failed: [], cut: false });
  },
);

test('a reimage without the memory is found also behind a branch that the facts do not take', async () => {
  const report = await lint(async ({ decide, recover, scope }) => {
    if (decide('A rootkit?', scope.hosts.size > 5))
      await recover('Reimage', scope.hosts, (one) => machine.reimage({ host: one }));
  });
  expect(report.violations).toMatchObject([
    { playbook: 'own@1', rule: 'memory_first', way: ['A rootkit?: true'] },
  ]);
  expect(report.ways).toBe(2);
});

test('one behind the answer to a question is found, and each choice is looked at', async () => {
  const report = await lint(async ({ ask, eradicate, scope }) => {
    if ((await ask(goAhead)).how === 'loud')
      await eradicate('Reset', scope.accounts, (one) => identity.resetPassword({ account: one }));
  });
  expect(report.violations).toMatchObject([{ rule: 'sessions_with_password' }]);
  expect(report.violations[0]?.way).toEqual(['go_ahead: {"yes":true,"how":"loud"}']);
});

test('in the right order nothing is found', async () => {
  expect(
    await rules(async ({ collect, eradicate, recover, release, contain, scope }) => {
      await collect('Memory', scope.hosts, (one) => endpoint.collectMemory({ host: one }));
      await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
      await eradicate('Reset', scope.accounts, (one) => [
        identity.revokeSessions({ account: one }),
        identity.resetPassword({ account: one }),
      ]);
      await recover('Restore', scope.datasets, (set) => data.restoreBackup({ set }), { verify: 'first' });
      await release(scope.hosts, { when: 'clean' });
    }),
  ).toEqual([]);
});

test('a restore without verification, and a host that is released unseen, are found', async () => {
  expect(
    await rules(async ({ contain, recover, release, scope }) => {
      await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
      await recover('Restore', scope.datasets, (set) => data.restoreBackup({ set }));
      await release(scope.hosts);
    }),
  ).toEqual(['backup_verified_first', 'release_when_clean']);
});

test('against an insider nothing but reading comes before HR or legal', async () => {
  const insider = { ...alert, category: 'insider' as const };
  const stop = async ({ contain, scope }: Words): Promise<void> =>
    contain('Stop', scope.accounts, (one) => identity.disableAccount({ account: one }), { lease: '1h' });
  const quiet = ({ collect, scope }: Words): Promise<void> =>
    collect('Logs', scope.hosts, (one) => endpoint.collectTriage({ host: one })).then(() => undefined);
  expect(await rules(stop, insider)).toEqual(['insider_gate']);
  expect(await rules(quiet, insider)).toEqual([]);
  expect(
    await rules(async (words) => {
      await words.ask(goAhead);
      await stop(words);
    }, insider),
  ).toEqual([]);
  expect(await rules(stop)).toEqual([]);
});

test('a playbook that goes on for ever is no end of looking, and says that it failed', async () => {
  const report = await lint(async ({ watch }) => {
    for (;;) await watch('30d', { onRecurrence: 'contain' });
  });
  expect(report.failed).toHaveLength(1);
  expect(report.failed[0]?.error).toContain('too long');
});
