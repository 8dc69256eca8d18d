import type { AlertView } from '../../contracts/alert';
import { matching } from '../../workflows/kit/define-playbook';
import { PLAYBOOKS } from '../../workflows/registry';
import { branchingScenarios } from '../support/branching-scenarios';
import { account, alertView, host } from '../support/incident-fixtures';
import { allWays, planOfDemo, runbook, type Runbook } from '../support/runbook';

const REF = 'lost_device@1';
const kind = { category: 'lost_device', techniques: [] } satisfies Partial<AlertView>;
const lost = alertView(1, { hosts: [host('lap-5')], accounts: [account('kim')] }, kind);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const contents = (encrypted: string, keys?: string) => ({
  lost_device_contents: { encrypted, ...(keys === undefined ? {} : { keys }) },
});
const told = { lost_device_data_protection: { notified: 'police 7/26' } };
const is = (outcome: string) => ({ lost_device_found: { outcome } });
const wipe = (yes: boolean) => ({ lost_device_wipe: { wipe: yes } });

describe('step by step', () => {
  const lock = 'contain/lock_the_device lock_device/host:lap-5#1 for 2160 h';
  const reach = [
    'contain/end_its_sessions revoke_sessions/account:kim#1',
    'eradicate/new_password_and_second_factor reset_password/account:kim#1',
    'eradicate/new_password_and_second_factor revoke_sessions/account:kim#1',
    'eradicate/new_password_and_second_factor require_mfa_registration/account:kim#1',
  ];
  const key = 'contain/deactivate_the_keys_on_it deactivate_key/key:akia5#1 for 720 h';
  const examine = [
    'contain/keep_it_off_the_network isolate_host/host:lap-5#1 for 720 h',
    'collect/examine_it collect_memory/host:lap-5#1',
    'collect/examine_it collect_triage/host:lap-5#1',
    'eradicate/clean_it scan_av/host:lap-5#1',
    'eradicate/clean_it quarantine_file/file:lap-5/tmp/x#1 for 720 h',
    'eradicate/clean_it scan_av/host:lap-5#2',
  ];
  const giveBack = [
    'release/release_hosts release/isolate_host/host:lap-5#1 when clean',
    'release/release_hosts release/lock_device/host:lap-5#1 when clean',
  ];
  const wiped = 'eradicate/wipe_it wipe_device/host:lap-5#1';
  const ways = new Set<string>();
  const play = async (...given: Parameters<typeof runbook>): Promise<Runbook> => {
    const run = await runbook(...given);
    for (const way of run.ways) ways.add(way);
    return run;
  };
  /** The two sides go on beside each other: the order within each counts. */
  const sides = ({ steps }: Runbook): { reach: string[]; device: string[] } => ({
    reach: steps.filter((step) => step.includes('account:')),
    device: steps.filter((step) => !step.includes('account:')),
  });

  test('lost_device@1, step by step: found: kept off the network, examined, cleaned, then given back', async () => {
    const answers = { ...contents('yes', 'AKIA5'), ...is('found') };
    const run = await play(REF, lost, { answers, infected: true });
    expect(sides(run)).toEqual({ reach, device: [lock, key, ...examine, ...giveBack] });
    expect(run).toMatchObject({ notes: [], days: 30, waits: null });
  });

  test('lost_device@1, step by step: gone: wiped where people say so, and it stays locked', async () => {
    const answers = { ...contents('no'), ...told, ...is('gone'), ...wipe(true) };
    const run = await play(REF, lost, { answers });
    expect(sides(run)).toEqual({ reach, device: [lock, wiped] });
    expect(run.notes).toEqual(['Told of the loss: police 7/26']);
    const kept = await play(REF, lost, { answers: { ...answers, ...contents('unknown'), ...wipe(false) } });
    expect(sides(kept)).toEqual({ reach, device: [lock] });
  });

  test('lost_device@1, step by step: nobody answers: it is locked, its reach is closed, and it is not wiped', async () => {
    const run = await play(REF, lost);
    expect(sides(run)).toEqual({ reach, device: [lock] });
    expect(run.notes).toEqual(['Told of the loss: nobody has said']);
    expect(run.waits).toBeNull();
  });

  test('lost_device@1, step by step: a device that is offline for six days is locked and wiped when it is back', async () => {
    const done: string[] = [];
    const run = await play(REF, lost, {
      answers: { ...contents('yes'), ...is('gone'), ...wipe(true) },
      answer: ({ id }, { atMs }) => {
        if (!id.includes('host:lap-5') || atMs >= 6 * DAY) {
          done.push(`${id} on day ${String(Math.floor(atMs / DAY))}`);
          return undefined;
        }
        return { status: 'pending', againInMs: 60_000 };
      },
    });
    expect(done.sort()).toEqual([
      'lock_device/host:lap-5 on day 6',
      'require_mfa_registration/account:kim on day 0',
      'reset_password/account:kim on day 0',
      'revoke_sessions/account:kim on day 0',
      'revoke_sessions/account:kim on day 0',
      'wipe_device/host:lap-5 on day 6',
    ]);
    expect(run).toMatchObject({ days: 36, waits: null });
  });

  test('lost_device@1, step by step: what is found before its lock took hold is unlocked once it has', async () => {
    const run = await play(REF, lost, {
      answers: { ...contents('yes'), ...is('found') },
      answer: ({ id }, { atMs }) =>
        id.startsWith('lock_device') && atMs < HOUR ? { status: 'pending', againInMs: 60_000 } : undefined,
    });
    expect(run.steps.slice(-2)).toEqual(giveBack);
    expect(run.days).toBeCloseTo(30, 0);
  });

  test('lost_device@1, step by step: these runs take every way that there is', async () => {
    await play(REF, lost, { answers: { ...contents('no'), ...told, ...is('gone') } });
    expect([...ways].sort()).toEqual(await allWays(REF));
  });
});

test('lost_device answers its category only', () => {
  const chosen = (more: Partial<AlertView>) =>
    matching(PLAYBOOKS, [alertView(1, {}, more)]).map(({ id }) => id);
  expect(chosen(kind)).toEqual(['lost_device']);
  expect(chosen({ category: 'policy', techniques: [] })).not.toContain('lost_device');
});

test('lost_device: the plan of the demo’s alert', async () => {
  expect(await planOfDemo(REF)).toMatchSnapshot();
});

describe('lost_device', () => {
  const reach = (name: string): string[] => [
    `revoke_sessions/account:${name}`,
    `reset_password/account:${name}`,
    `revoke_sessions/account:${name}`,
    `require_mfa_registration/account:${name}`,
  ];
  branchingScenarios({
    ref: REF,
    alert: lost,
    answers: { ...contents('yes', 'AKIA5'), ...is('found') },
    steps: [
      'lock_device/host:lap-5',
      ...reach('kim'),
      'deactivate_key/key:akia5',
      'isolate_host/host:lap-5',
      'collect_memory/host:lap-5',
      'collect_triage/host:lap-5',
      'scan_av/host:lap-5',
      'release/isolate_host/host:lap-5',
      'release/lock_device/host:lap-5',
    ],
    contain: 'lock_device/host:lap-5',
    beside: [...reach('kim'), 'deactivate_key/key:akia5', 'scan_av/host:lap-5'],
    waits: ['release/isolate_host/host:lap-5', 'release/lock_device/host:lap-5'],
    gated: ['release/isolate_host/host:lap-5', 'release/lock_device/host:lap-5'],
    again: [
      'lock_device/host:lap-5#2',
      ...reach('kim').map((one) => `${one}#2`),
      'isolate_host/host:lap-5#2',
      'scan_av/host:lap-5#2',
      'release/isolate_host/host:lap-5#2',
      'release/lock_device/host:lap-5#2',
    ],
    silent: ['lock_device/host:lap-5', ...reach('kim')],
    late: {
      alert: alertView(2, { hosts: [host('lap-6')], accounts: [account('bo')] }, kind),
      whileWaiting: ['lock_device/host:lap-6', 'reset_password/account:bo', 'isolate_host/host:lap-6'],
      steps: [
        'lock_device/host:lap-6',
        ...reach('bo'),
        'isolate_host/host:lap-6',
        'collect_memory/host:lap-6',
        'collect_triage/host:lap-6',
        'scan_av/host:lap-6',
        'release/isolate_host/host:lap-6',
        'release/lock_device/host:lap-6',
      ],
    },
  });
});
