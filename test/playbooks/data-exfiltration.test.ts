import type { AlertView } from '../../contracts/alert';
import { matching } from '../../workflows/kit/define-playbook';
import { PLAYBOOKS } from '../../workflows/registry';
import { branchingScenarios } from '../support/branching-scenarios';
import { account, alertView, host } from '../support/incident-fixtures';
import { allWays, planOfDemo, runbook, type Runbook } from '../support/runbook';

const REF = 'data_exfiltration@1';
const kind = { category: 'exfiltration', techniques: ['T1567.002'] } satisfies Partial<AlertView>;
const leak = alertView(
  1,
  {
    hosts: [host('a1')],
    accounts: [account('kim')],
    ips: ['203.0.113.9'],
    domains: ['drop.example.net'],
    urls: ['https://drop.example.net/x'],
    files: [{ path: '/tmp/stage.zip', host: 'host:a1' }, { path: '/tmp/elsewhere' }, { name: 'no path' }],
    keys: [{ id: 'KEY1', principal: 'deploy' }],
    principals: [{ name: 'deploy' }],
    buckets: [{ name: 'reports' }],
  },
  kind,
);
const answers = (personal: string, hold: boolean, back: boolean) => ({
  exfiltration_data: { personal, hold },
  exfiltration_access: { back },
});

describe('step by step', () => {
  const ways = new Set<string>();
  const play = async (...given: Parameters<typeof runbook>): Promise<Runbook> => {
    const run = await runbook(...given);
    for (const way of run.ways) ways.add(way);
    return run;
  };
  const giveBack = 'release/release_accounts release/disable_account/account:kim#1';
  const all = [
    'collect/memory_and_logs_before_anything_changes collect_memory/host:a1#1',
    'collect/memory_and_logs_before_anything_changes collect_logs/host:a1#1',
    'collect/what_was_done_in_the_cloud collect_trail/principal:deploy#1',
    'contain/block_the_addresses_it_goes_to block_ip/ip:203.0.113.9#1 for 168 h',
    'contain/block_the_domains_it_goes_to block_domain/domain:drop.example.net#1 for 720 h',
    'contain/block_the_pages_it_goes_to block_url/url:https://drop.example.net/x#1 for 720 h',
    'contain/isolate_where_it_comes_from isolate_host/host:a1#1 for 72 h',
    'contain/stop_the_accounts disable_account/account:kim#1 for 72 h',
    'contain/stop_the_accounts revoke_sessions/account:kim#1',
    'contain/deactivate_the_keys deactivate_key/key:key1#1 for 720 h',
    'contain/end_the_sessions_in_the_cloud revoke_role_sessions/principal:deploy#1',
    'contain/close_the_buckets_to_the_public block_public_access/bucket:reports#1 for 720 h',
    'collect/disk_image_off_the_network collect_disk/host:a1#1',
    'eradicate/take_staged_data_and_tools_away quarantine_file/file:host:a1/tmp/stage.zip#1 for 720 h',
    'eradicate/take_credentials_and_tokens_away revoke_sessions/account:kim#1',
    'eradicate/take_credentials_and_tokens_away reset_password/account:kim#1',
    'eradicate/take_credentials_and_tokens_away open/ticket:call kim#1',
    'eradicate/take_credentials_and_tokens_away revoke_oauth_grants/account:kim#1',
    'eradicate/ask_for_the_data_to_be_taken_down open/ticket:take down https://drop.example.net/x#1',
    'eradicate/clean_the_hosts scan_av/host:a1#1',
    'eradicate/clean_the_hosts quarantine_file/file:a1/tmp/x#1 for 720 h',
    'eradicate/clean_the_hosts scan_av/host:a1#2',
    'release/release_hosts release/isolate_host/host:a1#1 when clean',
    giveBack,
  ];

  test('data_exfiltration@1, step by step: no personal data, on hold, access given back', async () => {
    const run = await play(REF, leak, { infected: true, answers: answers('no', true, true) });
    expect(run).toEqual({ ...run, steps: all, notes: [], days: 30, waits: null });
  });

  test('data_exfiltration@1, step by step: personal data, no hold, and the accounts stay disabled', async () => {
    const run = await play(REF, leak, { infected: true, answers: answers('yes', false, false) });
    expect(run.steps).toEqual(all.filter((step) => step !== giveBack));
    expect(run.notes).toEqual([
      expect.stringContaining('Personal data: yes'),
      expect.stringContaining('There is no legal hold'),
      'The accounts stay disabled until somebody releases them',
    ]);
    await play(REF, leak, { answers: answers('unknown', false, true) });
  });

  test('data_exfiltration@1, step by step: nobody answers, and silence gives nothing back', async () => {
    const run = await play(REF, leak, { infected: true });
    expect(run.steps).toEqual(all.filter((step) => step !== giveBack));
    expect(run).toMatchObject({ days: 33.5, waits: null });
    expect(run.notes[0]).toContain('Personal data: unknown');
  });

  test('data_exfiltration@1, step by step: keys and principals that the trail names are contained too', async () => {
    const { steps } = await play(REF, leak, {
      answers: answers('no', true, true),
      answer: ({ action, input }) => {
        const name = (input['principal'] as { name?: string } | undefined)?.name;
        if (action !== 'cloud.collect_trail' || name !== 'deploy') return undefined;
        const found = { ips: [], principals: ['backdoor'], keys: ['KEY2'], evidence: [] };
        return { output: { ...input, events: 9, lastAt: null, ...found } };
      },
    });
    expect(steps).toEqual(
      expect.arrayContaining([
        'collect/what_was_done_in_the_cloud collect_trail/principal:backdoor#1',
        'contain/deactivate_the_keys deactivate_key/key:key2#1 for 720 h',
        'contain/end_the_sessions_in_the_cloud revoke_role_sessions/principal:backdoor#1',
      ]),
    );
  });

  test('data_exfiltration@1, step by step: these runs take every way that there is', async () => {
    expect([...ways].sort()).toEqual(await allWays(REF));
  });
});

test('data_exfiltration answers data that leaves', () => {
  const chosen = (more: Partial<AlertView>): string | undefined =>
    matching(PLAYBOOKS, [alertView(1, {}, more)])[0]?.id;
  expect(chosen(kind)).toBe('data_exfiltration');
  expect(chosen({ category: 'exfiltration', techniques: [] })).toBe('data_exfiltration');
  for (const id of ['T1020', 'T1041', 'T1048.003', 'T1052.001', 'T1530', 'T1537'])
    expect(chosen({ category: 'other', techniques: [id] })).toBe('data_exfiltration');
  expect(chosen({ category: 'ransomware', techniques: ['T1486', 'T1567'] })).toBe('ransomware');
});

test('data_exfiltration: the plan of the demo’s alert', async () => {
  expect(await planOfDemo(REF)).toMatchSnapshot();
});

describe('data_exfiltration', () => {
  const released = ['release/isolate_host/host:a1', 'release/disable_account/account:kim'];
  const cleaned = [
    'quarantine_file/file:host:a1/tmp/stage.zip',
    'revoke_sessions/account:kim',
    'reset_password/account:kim',
    'open/ticket:call kim',
    'revoke_oauth_grants/account:kim',
    'open/ticket:take down https://drop.example.net/x',
    'scan_av/host:a1',
  ];
  const contained = [
    'block_ip/ip:203.0.113.9',
    'block_domain/domain:drop.example.net',
    'block_url/url:https://drop.example.net/x',
    'isolate_host/host:a1',
    'disable_account/account:kim',
    'revoke_sessions/account:kim',
    'deactivate_key/key:key1',
    'revoke_role_sessions/principal:deploy',
    'block_public_access/bucket:reports',
  ];
  const beside = contained.filter((one) => !one.startsWith('isolate') && !one.startsWith('revoke_sessions'));
  branchingScenarios({
    ref: REF,
    alert: leak,
    answers: answers('yes', true, true),
    steps: [
      'collect_memory/host:a1',
      'collect_logs/host:a1',
      'collect_trail/principal:deploy',
      ...contained,
      'collect_disk/host:a1',
      ...cleaned,
      ...released,
    ],
    contain: 'isolate_host/host:a1',
    beside,
    waits: ['collect_disk/host:a1', 'release/disable_account/account:kim'],
    gated: released,
    again: [
      ...contained.map((one) => `${one}#2`),
      ...cleaned.map((one) => `${one}#2`),
      ...released.map((one) => `${one}#2`),
    ],
    late: {
      alert: alertView(2, { hosts: [host('a2')], accounts: [account('lee')] }, kind),
      whileWaiting: ['isolate_host/host:a2', 'revoke_sessions/account:lee'],
      steps: [
        'collect_memory/host:a2',
        'collect_logs/host:a2',
        'isolate_host/host:a2',
        'disable_account/account:lee',
        'revoke_sessions/account:lee',
        'collect_disk/host:a2',
        'revoke_sessions/account:lee',
        'reset_password/account:lee',
        'open/ticket:call lee',
        'revoke_oauth_grants/account:lee',
        'scan_av/host:a2',
        'release/isolate_host/host:a2',
        'release/disable_account/account:lee',
      ],
    },
  });
});
