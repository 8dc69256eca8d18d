import type { AlertView } from '../../contracts/alert';
import { matching } from '../../workflows/kit/define-playbook';
import type { Script } from '../../workflows/kit/virtual-host';
import { PLAYBOOKS } from '../../workflows/registry';
import { branchingScenarios } from '../support/branching-scenarios';
import { alertView, dataset, host } from '../support/incident-fixtures';
import { allWays, planOfDemo, runbook, type Runbook } from '../support/runbook';

const REF = 'web_shell@1';
const HASH = 'd'.repeat(64);
const kind = { category: 'web_attack', techniques: ['T1505.003'] } satisfies Partial<AlertView>;
const shell = alertView(
  1,
  {
    hosts: [host('a1')],
    datasets: [dataset('share')],
    ips: ['203.0.113.9'],
    files: [{ path: '/srv/up.php', host: 'host:a1' }, { path: '/srv/else' }, { name: 'no path' }],
    processes: [{ key: 'process:a1/4242:sh', pid: 4242, name: 'sh', host: host('a1') }],
    hashes: [HASH],
  },
  kind,
);
const tried = alertView(1, { hosts: [host('a1')], ips: ['203.0.113.9'] }, kind);
const flawed: Script['answer'] = ({ action, input }) => {
  const findings = [{ id: 'CVE-2026-0001', title: 'upload', severity: 5 }];
  const output = { ...input, clean: false, findings, errors: [], scanner: 's' };
  return action === 'vuln.scan' ? { output } : undefined;
};
const answers = (ran: string, way: string, accounts?: string) => ({
  web_shell_execution: { ran },
  web_shell_reach: accounts === undefined ? {} : { accounts },
  web_shell_return: { way },
});
const flaw = (closed: boolean) => ({ web_shell_flaw: { closed } });

describe('step by step', () => {
  const ways = new Set<string>();
  const play = async (...given: Parameters<typeof runbook>): Promise<Runbook> => {
    const run = await runbook(...given);
    for (const way of run.ways) ways.add(way);
    return run;
  };
  const onHost = (name: string): string[] => [
    `collect/memory_and_logs_before_anything_changes collect_memory/host:${name}#1`,
    `collect/memory_and_logs_before_anything_changes collect_logs/host:${name}#1`,
    `contain/have_the_flaw_shielded open/ticket:shield ${name}#1`,
    `collect/disk_image collect_disk/host:${name}#1`,
    `eradicate/clean_the_server scan_av/host:${name}#1`,
    `eradicate/close_the_flaw patch/host:${name}#1`,
    `collect/look_for_the_flaw scan/host:${name}#1`,
  ];
  const isolated = (name: string): string =>
    `contain/take_it_off_the_network isolate_host/host:${name}#1 for 72 h`;
  const released = (name: string): string =>
    `release/release_hosts release/isolate_host/host:${name}#1 when clean`;
  const blocked = 'contain/block_the_sources block_ip/ip:203.0.113.9#1 for 168 h';
  const base = [...onHost('a1'), blocked];

  test('web_shell@1, step by step: code ran, a sister server has the file, data is restored', async () => {
    const run = await play(REF, shell, {
      infected: true,
      answers: answers('no', 'restore its data', 'svc'),
      answer: ({ action, input }) =>
        action === 'endpoint.hunt_hash'
          ? { output: { ...input, hosts: [{ name: 'a2' }], asked: 2, silent: 0 } }
          : undefined,
    });
    const rotated = 'eradicate/rotate_what_it_could_read';
    expect([...run.steps].sort()).toEqual(
      [
        ...base,
        ...onHost('a2'),
        `collect/hunt_its_files_on_sister_servers hunt_hash/hash:${HASH}#1`,
        ...['a1', 'a2'].flatMap((name) => [
          isolated(name),
          released(name),
          `eradicate/clean_the_server quarantine_file/file:${name}/tmp/x#1 for 720 h`,
          `eradicate/clean_the_server scan_av/host:${name}#2`,
          `recover/scan_what_came_back scan_av/host:${name}#1`,
        ]),
        `${rotated} revoke_sessions/account:svc#1`,
        `${rotated} reset_password/account:svc#1`,
        `${rotated} open/ticket:call svc#1`,
        'eradicate/end_its_processes kill_process/process:a1/4242:sh#1',
        'eradicate/take_its_files_away quarantine_file/file:host:a1/srv/up.php#1 for 720 h',
        'recover/restore_its_data verify_backup/dataset:share#1',
        'recover/restore_its_data restore_backup/dataset:share#1',
      ].sort(),
    );
    const at = (part: string): number => run.steps.findIndex((step) => step.includes(part));
    for (const [first, then] of [
      ['collect_memory/host:a1', 'isolate_host/host:a1'],
      ['collect_memory/host:a1', 'kill_process'],
      ['patch/host:a1', ' scan/host:a1'],
      [' scan/host:a1', 'restore_backup'],
      ['verify_backup', 'restore_backup'],
      ['recover/scan_what_came_back scan_av/host:a1', 'release/isolate_host/host:a1'],
    ] as const)
      expect(at(first)).toBeLessThan(at(then));
    expect(run).toMatchObject({ days: 3, waits: null });
  });

  test('web_shell@1, step by step: no code ran, so the server stays up; the flaw is closed by hand', async () => {
    const run = await play(REF, tried, {
      answers: { ...answers('no', 'cleaned'), ...flaw(true) },
      answer: flawed,
    });
    expect([...run.steps].sort()).toEqual([...base].sort());
    expect(run.days).toBe(3);
  });

  test('web_shell@1, step by step: nobody knows, so it is taken off, and silence brings nothing back', async () => {
    const run = await play(REF, tried);
    expect([...run.steps].sort()).toEqual([...base, isolated('a1')].sort());
    expect(run.notes).toEqual([expect.stringContaining('stays off the network')]);
    expect(
      (await play(REF, tried, { answers: answers('unknown', 'keep it off'), answer: flawed })).steps,
    ).not.toContain(released('a1'));
  });

  test('web_shell@1, step by step: a flaw that stays open keeps the server off, whatever is wanted', async () => {
    const run = await play(REF, tried, {
      answers: { ...answers('yes', 'cleaned'), ...flaw(false) },
      answer: flawed,
    });
    expect([...run.steps].sort()).toEqual([...base, isolated('a1')].sort());
  });

  test('web_shell@1, step by step: a new system is scanned before it goes back; so is a cleaned one', async () => {
    expect((await play(REF, tried, { answers: answers('yes', 'reimage it') })).steps.slice(-3)).toEqual([
      'recover/set_it_up_anew reimage/host:a1#1',
      'recover/scan_what_came_back scan_av/host:a1#1',
      released('a1'),
    ]);
    expect((await play(REF, tried, { answers: answers('yes', 'cleaned') })).steps.at(-1)).toBe(
      released('a1'),
    );
    await play(REF, tried, { answers: answers('yes', 'keep it off') });
  });

  test('web_shell@1, step by step: these runs take every way that there is', async () => {
    expect([...ways].sort()).toEqual(await allWays(REF));
  });
});

test('web_shell answers what got in through the web', () => {
  const chosen = (more: Partial<AlertView>): string | undefined =>
    matching(PLAYBOOKS, [alertView(1, {}, more)])[0]?.id;
  expect(chosen(kind)).toBe('web_shell');
  expect(chosen({ category: 'web_attack', techniques: [] })).toBe('web_shell');
  expect(chosen({ category: 'other', techniques: ['T1190'] })).toBe('web_shell');
  expect(chosen({ category: 'malware', techniques: ['T1505.003', 'T1059'] })).toBe('web_shell');
});

test('web_shell: the plan of the demo’s alert', async () => {
  expect(await planOfDemo(REF)).toMatchSnapshot();
});

describe('web_shell', () => {
  const cleaned = [
    'kill_process/process:a1/4242:sh',
    'quarantine_file/file:host:a1/srv/up.php',
    'scan_av/host:a1',
    'patch/host:a1',
  ];
  const contained = ['block_ip/ip:203.0.113.9', 'open/ticket:shield a1', 'isolate_host/host:a1'];
  branchingScenarios({
    ref: REF,
    alert: shell,
    answers: { ...answers('yes', 'reimage it', 'svc'), ...flaw(true) },
    steps: [
      'collect_memory/host:a1',
      'collect_logs/host:a1',
      ...contained,
      `hunt_hash/hash:${HASH}`,
      'collect_disk/host:a1',
      'revoke_sessions/account:svc',
      'reset_password/account:svc',
      'open/ticket:call svc',
      ...cleaned,
      'scan/host:a1',
      'reimage/host:a1',
      'scan_av/host:a1',
      'release/isolate_host/host:a1',
    ],
    contain: 'isolate_host/host:a1',
    beside: ['block_ip/ip:203.0.113.9', 'open/ticket:shield a1', `hunt_hash/hash:${HASH}`],
    waits: ['collect_disk/host:a1', 'reimage/host:a1', 'release/isolate_host/host:a1'],
    gated: ['reimage/host:a1', 'release/isolate_host/host:a1'],
    again: [...contained, ...cleaned, 'release/isolate_host/host:a1'].map((one) => `${one}#2`),
    late: {
      alert: alertView(2, { hosts: [host('a2')] }, kind),
      whileWaiting: ['isolate_host/host:a2'],
      steps: [
        'collect_memory/host:a2',
        'collect_logs/host:a2',
        'open/ticket:shield a2',
        'isolate_host/host:a2',
        'collect_disk/host:a2',
        'scan_av/host:a2',
        'patch/host:a2',
        'scan/host:a2',
        'reimage/host:a2',
        'scan_av/host:a2',
        'release/isolate_host/host:a2',
      ],
    },
  });
});
