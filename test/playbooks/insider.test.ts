import type { AlertView } from '../../contracts/alert';
import { matching } from '../../workflows/kit/define-playbook';
import { PLAYBOOKS } from '../../workflows/registry';
import { branchingScenarios } from '../support/branching-scenarios';
import { account, alertView, host } from '../support/incident-fixtures';
import { allWays, planOfDemo, runbook, type Runbook } from '../support/runbook';

const REF = 'insider@1';
const kind = { category: 'insider', techniques: ['T1213'] } satisfies Partial<AlertView>;
const leak = alertView(
  1,
  { hosts: [host('ws-3')], accounts: [account('kim')], keys: [{ id: 'AKIAKIM' }] },
  kind,
);
const other = alertView(
  2,
  { hosts: [host('ws-4')], accounts: [account('bo')], keys: [{ id: 'AKIABO' }] },
  kind,
);
const HOUR = 3_600_000;
const granted = { insider_request: { granted: true, reference: 'HR-17' } };
const found = (finding: string) => ({ insider_finding: { finding } });
const suspended = (suspend: boolean, at?: string) => ({
  insider_suspension: { suspend, ...(at === undefined ? {} : { at }) },
});
const ends = (outcome: string) => ({ insider_outcome: { outcome } });

describe('step by step', () => {
  const evidence = [
    'collect/quiet_evidence_from_devices collect_logs/host:ws-3#1',
    'collect/quiet_evidence_from_devices collect_triage/host:ws-3#1',
    'collect/quiet_evidence_from_devices collect_disk/host:ws-3#1',
    'collect/quiet_evidence_from_mailboxes export_inbox_rules/account:kim#1',
  ];
  const reduce = 'contain/reduce_privileges reduce_privileges/account:kim#1 for 720 h';
  const suspend = [
    'contain/suspend_access disable_account/account:kim#1 for 2160 h',
    'contain/suspend_access revoke_sessions/account:kim#1',
    'contain/deactivate_keys deactivate_key/key:akiakim#1 for 2160 h',
  ];
  const remove = [
    'eradicate/remove_forwarding_and_grants remove_inbox_rules/account:kim#1 for 2160 h',
    'eradicate/remove_forwarding_and_grants revoke_oauth_grants/account:kim#1',
  ];
  const ways = new Set<string>();
  const play = async (...given: Parameters<typeof runbook>): Promise<Runbook> => {
    const run = await runbook(...given);
    for (const way of run.ways) ways.add(way);
    return run;
  };

  test('insider@1, step by step: without a written request nothing is read and nothing is changed', async () => {
    expect(await play(REF, leak)).toMatchObject({
      steps: [],
      waits: ['an answer: Is there a written request to look into this person?'],
    });
    const refused = await play(REF, leak, { answers: { insider_request: { granted: false } } });
    expect(refused).toMatchObject({ steps: [], days: 0, waits: null });
  });

  test('insider@1, step by step: unfounded: only evidence was taken, and nobody was touched', async () => {
    const run = await play(REF, leak, { answers: { ...granted, ...found('unfounded') } });
    expect(run).toMatchObject({ steps: evidence, notes: ['Written request: HR-17'], days: 0, waits: null });
  });

  test('insider@1, step by step: a suspected crime: technical action stops and evidence is handed over', async () => {
    const answers = { ...granted, ...found('suspected crime') };
    expect(await play(REF, leak, { answers })).toMatchObject({
      steps: evidence,
      waits: ['an answer: Who has taken the evidence over?'],
    });
    const handed = { ...answers, insider_handover: { receivedBy: 'Inspector Vale, 12/26' } };
    const run = await play(REF, leak, { answers: handed });
    expect(run).toMatchObject({ steps: evidence, days: 0, waits: null });
    expect(run.notes[1]).toBe('Technical action has stopped. The evidence is with Inspector Vale, 12/26');
  });

  test('insider@1, step by step: a breach: privileges, then access at the agreed moment; one who stays gets it back', async () => {
    const at = new Date(Date.parse(leak.occurredAt) + 49 * HOUR).toISOString();
    const answers = { ...granted, ...found('breach of rules'), ...suspended(true, at), ...ends('stays') };
    const when: string[] = [];
    const run = await play(REF, leak, {
      answers,
      answer: ({ id }, { atMs }) => {
        when.push(`${id} ${String(atMs / HOUR)}`);
        return undefined;
      },
    });
    expect(run).toMatchObject({ days: 32, waits: null });
    expect(run.steps).toEqual([
      ...evidence,
      reduce,
      ...suspend,
      ...remove,
      'release/release_keys release/deactivate_key/key:akiakim#1',
      'release/release_accounts release/disable_account/account:kim#1',
      'release/release_accounts release/reduce_privileges/account:kim#1',
    ]);
    expect(when).toEqual(
      expect.arrayContaining(['reduce_privileges/account:kim 0', 'disable_account/account:kim 49']),
    );
  });

  test('insider@1, step by step: one who leaves gets nothing back; one who is not suspended goes on working', async () => {
    const leaves = { ...granted, ...found('breach of rules'), ...suspended(true), ...ends('leaves') };
    expect((await play(REF, leak, { answers: leaves })).steps).toEqual([
      ...evidence,
      reduce,
      ...suspend,
      ...remove,
    ]);
    const works = { ...leaves, ...suspended(false) };
    expect((await play(REF, leak, { answers: works })).steps).toEqual([...evidence, reduce, ...remove]);
  });

  test('insider@1, step by step: whom the request does not name is not looked into, whatever joins', async () => {
    const answers = { ...granted, ...found('breach of rules'), ...suspended(true), ...ends('stays') };
    const at = new Date(Date.parse(leak.occurredAt) + 49 * HOUR).toISOString();
    for (const moment of [undefined, at]) {
      const alerts = [{ atMs: HOUR, alert: other }];
      const run = await play(REF, leak, { alerts, answers: { ...answers, ...suspended(true, moment) } });
      expect(run.steps.filter((step) => /ws-4|account:bo|akiabo/.test(step))).toEqual([]);
    }
  });

  test('insider@1, step by step: these runs take every way that there is', async () => {
    expect([...ways].sort()).toEqual(await allWays(REF));
  });
});

test('insider answers its category only', () => {
  const chosen = (more: Partial<AlertView>) =>
    matching(PLAYBOOKS, [alertView(1, {}, more)]).map(({ id }) => id);
  expect(chosen(kind)).toEqual(['insider']);
  expect(chosen({ category: 'exfiltration', techniques: ['T1213'] })).not.toContain('insider');
});

test('insider: the plan of the demo’s alert', async () => {
  expect(await planOfDemo(REF)).toMatchSnapshot();
});

describe('insider', () => {
  branchingScenarios({
    ref: REF,
    alert: leak,
    answers: { ...granted, ...found('breach of rules'), ...suspended(true), ...ends('stays') },
    steps: [
      'collect_logs/host:ws-3',
      'collect_triage/host:ws-3',
      'collect_disk/host:ws-3',
      'export_inbox_rules/account:kim',
      'reduce_privileges/account:kim',
      'disable_account/account:kim',
      'revoke_sessions/account:kim',
      'deactivate_key/key:akiakim',
      'remove_inbox_rules/account:kim',
      'revoke_oauth_grants/account:kim',
      'release/deactivate_key/key:akiakim',
      'release/disable_account/account:kim',
      'release/reduce_privileges/account:kim',
    ],
    contain: 'disable_account/account:kim',
    beside: ['revoke_sessions/account:kim'],
    waits: [
      'deactivate_key/key:akiakim',
      'remove_inbox_rules/account:kim',
      'release/reduce_privileges/account:kim',
    ],
    gated: [
      'release/deactivate_key/key:akiakim',
      'release/disable_account/account:kim',
      'release/reduce_privileges/account:kim',
    ],
    again: [
      'reduce_privileges/account:kim#2',
      'disable_account/account:kim#2',
      'revoke_sessions/account:kim#2',
      'deactivate_key/key:akiakim#2',
      'remove_inbox_rules/account:kim#2',
      'revoke_oauth_grants/account:kim#2',
      'release/deactivate_key/key:akiakim#2',
      'release/disable_account/account:kim#2',
      'release/reduce_privileges/account:kim#2',
    ],
    silent: [],
    late: { alert: other, whileWaiting: [], steps: [] },
  });
});
