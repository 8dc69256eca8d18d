import type { AlertView } from '../../contracts/alert';
import { matching } from '../../workflows/kit/define-playbook';
import { PLAYBOOKS } from '../../workflows/registry';
import { branchingScenarios } from '../support/branching-scenarios';
import { account, alertView, host } from '../support/incident-fixtures';
import { allWays, planOfDemo, runbook, type Runbook } from '../support/runbook';

const REF = 'brute_force@1';
const kind = { category: 'credential_attack', techniques: ['T1110.003'] } satisfies Partial<AlertView>;
const logIn = { category: 'account_compromise', techniques: ['T1078'] } satisfies Partial<AlertView>;
const spray = alertView(
  1,
  { hosts: [host('vpn-1')], accounts: [account('kim'), account('bo')], ips: ['203.0.113.9'] },
  kind,
);
const loggedIn = alertView(2, { accounts: [account('kim')] }, logIn);
const HOUR = 3_600_000;
const origin = (hosts?: string) => ({ brute_force_origin: hosts === undefined ? {} : { hosts } });
const success = (succeeded: string, accounts?: string) => ({
  brute_force_success: { succeeded, ...(accounts === undefined ? {} : { accounts }) },
});
const closed = (is: boolean) => ({ brute_force_exposure: { closed: is } });

describe('step by step', () => {
  const begin = [
    'collect/log_in_records_before_they_roll_over collect_logs/host:vpn-1#1',
    'contain/block_the_sources block_ip/ip:203.0.113.9#1 for 168 h',
  ];
  const endAll = [
    'contain/end_the_sessions_of_all_that_were_tried revoke_sessions/account:kim#1',
    'contain/end_the_sessions_of_all_that_were_tried revoke_sessions/account:bo#1',
  ];
  const stop = (name: string): string[] => [
    `account_compromise/contain/stop_the_account disable_account/account:${name}#1 for 72 h`,
    `account_compromise/contain/end_its_sessions revoke_sessions/account:${name}#1`,
  ];
  const triage = 'account_compromise/collect/triage_of_the_hosts_it_was_used_on collect_triage/host:vpn-1#1';
  const scan = 'account_compromise/eradicate/scan_the_hosts scan_av/host:vpn-1#1';
  const enable = (name: string): string =>
    `account_compromise/release/release_accounts release/disable_account/account:${name}#1`;
  const ways = new Set<string>();
  const play = async (...given: Parameters<typeof runbook>): Promise<Runbook> => {
    const run = await runbook(...given);
    for (const way of run.ways) ways.add(way);
    return run;
  };

  test('brute_force@1, step by step: nothing was entered, and no account is touched', async () => {
    expect(
      await play(REF, spray, { answers: { ...origin(), ...success('no'), ...closed(true) } }),
    ).toMatchObject({ steps: begin, notes: [], days: 30, waits: null });
  });

  test('brute_force@1, step by step: nobody knows, so sessions end and nobody is locked out', async () => {
    const silent = await play(REF, spray);
    expect(silent).toMatchObject({ steps: [...begin, ...endAll], days: 33.1, waits: null });
    expect(silent.notes).toEqual([expect.stringContaining('The way in stays open')]);
    for (const answer of [success('unknown'), success('yes')])
      expect(
        (await play(REF, spray, { answers: { ...origin(), ...answer, ...closed(false) } })).steps,
      ).toEqual([...begin, ...endAll]);
  });

  test('brute_force@1, step by step: a person names who was entered, and only that account is stopped', async () => {
    const answers = { ...origin(), ...success('yes', 'bo'), ...closed(true) };
    expect((await play(REF, spray, { answers })).steps).toEqual([
      begin[0],
      ...begin.slice(1),
      triage,
      ...stop('bo'),
      scan,
      enable('bo'),
    ]);
  });

  test('brute_force@1, step by step: an alert says who was entered, and nobody is asked', async () => {
    const both = {
      ...spray,
      techniques: ['T1110.003', 'T1078'],
      scope: { ...spray.scope, accounts: [account('kim')] },
    };
    const run = await play(REF, both, { answers: { ...origin(), ...closed(true) } });
    expect(run.steps).toEqual([...begin, triage, ...stop('kim'), scan, enable('kim')]);
    expect(run.ways.join()).not.toContain('Did one of the attempts succeed?');
  });

  test('brute_force@1, step by step: a log-in that succeeds later is answered, before the watch and in it', async () => {
    const answers = { ...origin(), ...success('no') };
    const alerts = [{ atMs: HOUR, alert: loggedIn }];
    const late = [...begin, ...stop('kim'), enable('kim')];
    expect((await play(REF, spray, { answers, alerts })).steps).toEqual(late);
    expect((await play(REF, spray, { answers: { ...answers, ...closed(true) }, alerts })).steps).toEqual(
      late,
    );
  });

  test('brute_force@1, step by step: a log-in that succeeds while people are asked is answered at once', async () => {
    const when: string[] = [];
    const run = await play(REF, spray, {
      alerts: [{ atMs: HOUR, alert: loggedIn }],
      answer: ({ id }, { atMs }) => {
        when.push(`${id} ${String(atMs / HOUR)}`);
        return undefined;
      },
    });
    expect(when).toContain('disable_account/account:kim 1');
    expect(run.steps).toEqual([...begin, triage, ...stop('kim'), scan, enable('kim')]);
  });

  test('brute_force@1, step by step: a host inside guesses; it alone is isolated, cleaned and released when clean', async () => {
    const answers = { ...origin('ws-9'), ...success('no'), ...closed(true) };
    expect((await play(REF, spray, { answers, infected: true })).steps).toEqual([
      ...begin,
      'collect/log_in_records_before_they_roll_over collect_logs/host:ws-9#1',
      'contain/isolate_the_source_inside isolate_host/host:ws-9#1 for 72 h',
      'eradicate/clean_the_source_inside scan_av/host:ws-9#1',
      'eradicate/clean_the_source_inside quarantine_file/file:ws-9/tmp/x#1 for 720 h',
      'eradicate/clean_the_source_inside scan_av/host:ws-9#2',
      'release/release_hosts release/isolate_host/host:ws-9#1 when clean',
    ]);
  });

  test('brute_force@1, step by step: a source inside is cleaned as such, whatever was entered from it', async () => {
    const answers = { ...origin('ws-9'), ...success('yes', 'bo'), ...closed(true) };
    const { steps } = await play(REF, spray, { answers });
    expect(steps.filter((step) => step.includes('host:ws-9'))).toEqual([
      'collect/log_in_records_before_they_roll_over collect_logs/host:ws-9#1',
      'contain/isolate_the_source_inside isolate_host/host:ws-9#1 for 72 h',
      'eradicate/clean_the_source_inside scan_av/host:ws-9#1',
      'release/release_hosts release/isolate_host/host:ws-9#1 when clean',
    ]);
  });

  test('brute_force@1, step by step: these runs take every way that there is', async () => {
    expect([...ways].sort()).toEqual(await allWays(REF));
  });
});

test('brute_force answers guessing, account_compromise a log-in', () => {
  const chosen = (more: Partial<AlertView>): string | undefined =>
    matching(PLAYBOOKS, [alertView(1, {}, more)])[0]?.id;
  expect(chosen(kind)).toBe('brute_force');
  expect(chosen({ category: 'credential_attack', techniques: [] })).toBe('brute_force');
  expect(chosen({ category: 'credential_attack', techniques: ['T1110', 'T1078'] })).toBe('brute_force');
  expect(chosen(logIn)).toBe('account_compromise');
});

test('brute_force: the plan of the demo’s alert', async () => {
  expect(await planOfDemo(REF)).toMatchSnapshot();
});

describe('brute_force', () => {
  branchingScenarios({
    ref: REF,
    alert: spray,
    answers: { ...origin('ws-9'), ...success('yes', 'bo'), ...closed(true) },
    steps: [
      'collect_logs/host:vpn-1',
      'collect_logs/host:ws-9',
      'block_ip/ip:203.0.113.9',
      'isolate_host/host:ws-9',
      'scan_av/host:ws-9',
      'collect_triage/host:vpn-1',
      'disable_account/account:bo',
      'revoke_sessions/account:bo',
      'scan_av/host:vpn-1',
      'release/disable_account/account:bo',
      'release/isolate_host/host:ws-9',
    ],
    contain: 'disable_account/account:bo',
    beside: ['block_ip/ip:203.0.113.9', 'isolate_host/host:ws-9', 'scan_av/host:ws-9'],
    waits: [
      'revoke_sessions/account:bo',
      'release/disable_account/account:bo',
      'release/isolate_host/host:ws-9',
    ],
    gated: ['release/disable_account/account:bo', 'release/isolate_host/host:ws-9'],
    again: [
      'block_ip/ip:203.0.113.9#2',
      'disable_account/account:bo#2',
      'revoke_sessions/account:bo#2',
      'scan_av/host:vpn-1#2',
      'release/disable_account/account:bo#2',
    ],
    silent: [
      'collect_logs/host:vpn-1',
      'block_ip/ip:203.0.113.9',
      'revoke_sessions/account:kim',
      'revoke_sessions/account:bo',
    ],
    late: {
      alert: alertView(
        2,
        { hosts: [host('vpn-2')], accounts: [account('kim'), account('lee')], ips: ['203.0.113.10'] },
        logIn,
      ),
      whileWaiting: [
        'disable_account/account:kim',
        'disable_account/account:lee',
        'block_ip/ip:203.0.113.10',
      ],
      steps: [
        'collect_logs/host:vpn-2',
        'block_ip/ip:203.0.113.10',
        'collect_triage/host:vpn-2',
        'disable_account/account:kim',
        'disable_account/account:lee',
        'revoke_sessions/account:kim',
        'revoke_sessions/account:lee',
        'scan_av/host:vpn-2',
        'release/disable_account/account:kim',
        'release/disable_account/account:lee',
      ],
    },
  });
});
