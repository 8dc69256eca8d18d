import { data, endpoint, identity, network } from '../../contracts/actions';
import { category, definePlaybook, matching, technique } from '../../workflows/kit/define-playbook';
import { seconds } from '../../workflows/kit/duration';
import { runVirtually, type Script } from '../../workflows/kit/virtual-host';
import { account, alertView, dataset, host, incidentInput } from '../support/incident-fixtures';

const HOUR = 3_600_000;
const A = host('a1');
const B = host('b2');

const full = definePlaybook(
  { id: 'full', version: 1, title: 'Full', answers: [category('ransomware')] },
  async ({ scope, collect, contain, eradicate, recover, release, watch }) => {
    await collect('Triage', scope.hosts, (one) => endpoint.collectTriage({ host: one }));
    await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '72h' });
    await eradicate('Clean', scope.hosts, (one) => endpoint.scanAv({ host: one }), {
      onFind: 'quarantine',
      lease: '30d',
    });
    await recover('Restore', scope.datasets, (set) => data.restoreBackup({ set }), { verify: 'first' });
    await release(scope.hosts, { when: 'clean' });
    await watch('72h', { onRecurrence: 'contain' });
  },
);
const play = (script: Script = {}, alert = alertView(1, { hosts: [A] })) =>
  runVirtually(incidentInput([alert]), [full], script);

const clean = [
  'collect/triage collect_triage/host:a1#1',
  'contain/cut_off isolate_host/host:a1#1',
  'eradicate/clean scan_av/host:a1#1',
  'release/release_hosts release/isolate_host/host:a1#1',
];

describe('durations', () => {
  test.each([
    ['90m', 5400],
    ['72h', 259_200],
    ['30d', 2_592_000],
  ] as const)('%s is %i seconds', (text, want) => expect(seconds(text)).toBe(want));
});

describe('the choice of a playbook', () => {
  const make = (id: string, ...answers: Parameters<typeof definePlaybook>[0]['answers']) =>
    definePlaybook({ id, version: 1, title: id, answers }, async () => undefined);
  const general = make('general', category('ransomware'));
  const exact = make('exact', technique('T1486'));
  const finest = make('finest', technique('T1059.001'));
  const ids = (techniques: string[]) =>
    matching([general, exact, finest], [alertView(1, {}, { techniques })]).map(({ id }) => id);

  test('a technique beats a category, a sub-technique beats a technique', () => {
    expect(ids(['T1486', 'T1059.001'])).toEqual(['finest', 'exact', 'general']);
  });
  test('a technique takes its sub-techniques along, and no other that begins like it', () => {
    expect(ids(['T1486.002'])).toEqual(['exact', 'general']);
    expect(ids(['T14861'])).toEqual(['general']);
  });
  test('the others are offered to the analyst', async () => {
    const run = await runVirtually(incidentInput([alertView(1)]), [general, exact]);
    expect(run.status.playbook).toBe('exact@1');
    expect(
      run.updates.some(({ progress }) => JSON.stringify(progress?.summary) === '{"offered":["general@1"]}'),
    ).toBe(true);
  });
  test('none: analysis only, until an alert brings one', async () => {
    const lone = alertView(1, { hosts: [A] }, { category: 'policy', techniques: [] });
    const waiting = await play({}, lone);
    expect(waiting).toMatchObject({ items: [], status: { playbook: null, phase: 'analysis' } });
    expect(waiting.status.attention).toBe('no playbook answers these alerts');
    expect(waiting.stuck).not.toBeNull();
    const later = await play({ alerts: [{ atMs: HOUR, alert: alertView(2, { hosts: [B] }) }] }, lone);
    expect(later.items.slice(0, 2)).toEqual([clean[0], 'collect/triage collect_triage/host:b2#1']);
    expect(later).toMatchObject({ stuck: null, status: { attention: null, phase: 'closed' } });
  });
  test('a playbook that a person chose and that does not exist waits for a person', async () => {
    const run = await runVirtually(incidentInput([alertView(1)], { playbook: 'nosuch@3' }), [general]);
    expect(run.status.attention).toBe('no playbook nosuch@3');
    expect(run.items).toEqual([]);
  });
});

describe('an alert that is detached', () => {
  const both = [alertView(1, { hosts: [A] }), alertView(2, { hosts: [B] })];
  const detach = {
    atMs: HOUR,
    command: { kind: 'detach_alert', id: 'd1', alert: 'alert-2', seq: 2, by: 'person:ana', reason: 'r' },
  } as const;
  /** Isolation takes four hours; what was detached is denied, as the guard does it. */
  const script = (alerts: Script['alerts'] = []): Script => ({
    commands: [detach],
    alerts,
    answer: (item, { atMs }) => {
      if (item.action !== 'endpoint.isolate_host' || item.release) return undefined;
      if (JSON.stringify(item.input).includes('b2') && item.occurrence === 1 && atMs >= HOUR)
        return { status: 'denied', failure: { type: 'rejected', message: 'detached' } };
      return atMs < 4 * HOUR ? { status: 'pending', againInMs: 60_000 } : undefined;
    },
  });
  const ofB = (items: readonly string[]) => [...new Set(items.filter((one) => one.includes('host:b2')))];

  test('takes what only it brought out of every later order, and the run notes it', async () => {
    const run = await runVirtually(incidentInput(both), [full], script());
    expect(ofB(run.items)).toEqual([
      'collect/triage collect_triage/host:b2#1',
      'contain/cut_off isolate_host/host:b2#1',
    ]);
    expect(run.items).toEqual(expect.arrayContaining(clean));
    expect(run.updates.some(({ command }) => command?.kind === 'detach_alert')).toBe(true);
    expect(run.stuck).toBeNull();
  });
  test('keeps what another alert brought too', async () => {
    const shared = [both[0]!, alertView(2, { hosts: [A, B] }), alertView(3, { hosts: [B] })];
    const run = await runVirtually(incidentInput(shared), [full], { commands: [detach] });
    expect(ofB(run.items)).toContain('release/release_hosts release/isolate_host/host:b2#1');
  });
  test('comes into reach again with an alert that brings it anew', async () => {
    const again = [{ atMs: 2 * HOUR, alert: alertView(3, { hosts: [B] }) }];
    const run = await runVirtually(incidentInput(both), [full], script(again));
    expect(ofB(run.items)).toEqual(
      expect.arrayContaining([
        'contain/cut_off isolate_host/host:b2#2',
        'release/release_hosts release/isolate_host/host:b2#1',
      ]),
    );
    expect(ofB(run.items)).not.toContain('eradicate/clean scan_av/host:b2#2');
    expect(run.stuck).toBeNull();
  });
  test('also while it is being brought through the orders that came before it', async () => {
    const run = await runVirtually(incidentInput([both[0]!]), [full], {
      commands: [detach],
      alerts: [{ atMs: HOUR / 2, alert: both[1]! }],
      answer: (item, { atMs }) => {
        const ofHostB = JSON.stringify(item.input).includes('b2');
        if (ofHostB && item.action === 'endpoint.isolate_host')
          return atMs < HOUR
            ? { status: 'pending', againInMs: 60_000 }
            : { status: 'denied', failure: { type: 'rejected', message: 'detached' } };
        const scan = item.action === 'endpoint.scan_av' && !ofHostB && atMs < 4 * HOUR;
        return scan ? { status: 'pending', againInMs: 60_000 } : undefined;
      },
    });
    expect(ofB(run.items)).toEqual([
      'collect/triage collect_triage/host:b2#1',
      'contain/cut_off isolate_host/host:b2#1',
    ]);
    expect(run.stuck).toBeNull();
  });
});

describe('steering', () => {
  const by = 'person:ana';
  const reason = 'we look first';
  const at = (hours: number, kind: 'pause' | 'resume') => ({
    atMs: hours * HOUR,
    command: { kind, id: `${kind}${hours}`, by, reason },
  });
  const extend = (atHours: number, id: string, hours: number) => ({
    atMs: atHours * HOUR,
    command: { kind: 'extend_watch' as const, id, hours, by, reason },
  });
  const waves = async (script: Script, alert = alertView(1, { hosts: [A] })) => {
    const hours: number[] = [];
    const run = await play({ ...script, onWave: (_wave, { atMs }) => hours.push(atMs / HOUR) }, alert);
    return { ...run, hours };
  };
  /** Isolation takes four hours. */
  const slow: NonNullable<Script['answer']> = (item, { atMs }) =>
    item.action === 'endpoint.isolate_host' && !item.release && atMs < 4 * HOUR
      ? { status: 'pending', againInMs: 60_000 }
      : undefined;

  test('a paused run asks for no wave, says by whom and why, and goes on without loss', async () => {
    const run = await waves({ answer: slow, commands: [at(1, 'pause'), at(10, 'resume')] });
    expect(run.hours.filter((hour) => hour < 1).length).toBeGreaterThan(5);
    expect(run.hours.filter((hour) => hour >= 1 && hour < 10)).toEqual([]);
    expect([...new Set(run.items)]).toEqual(clean);
    const told = run.updates.flatMap(({ progress }) =>
      progress?.attention === undefined ? [] : [progress.attention],
    );
    expect(told).toEqual([`paused by ${by}: ${reason}`, null]);
    expect(run.updates.flatMap(({ command }) => command?.kind ?? [])).toEqual(['pause', 'resume']);
    expect(run).toMatchObject({ stuck: null, tookMs: 82 * HOUR });
  });
  test('what joins a paused run waits for the resume', async () => {
    const alerts = [{ atMs: 2 * HOUR, alert: alertView(2, { hosts: [B] }) }];
    const run = await waves({ alerts, answer: slow, commands: [at(1, 'pause'), at(10, 'resume')] });
    expect(run.hours.filter((hour) => hour >= 1 && hour < 10)).toEqual([]);
    expect(run.items.filter((one) => one.includes('host:b2'))).toHaveLength(4);
  });
  test('a paused run whose watch ends is not closed by that', async () => {
    const left = await waves({ commands: [at(1, 'pause')] });
    expect(left.stuck).not.toBeNull();
    expect(left.status).toMatchObject({ phase: 'post_incident', attention: `paused by ${by}: ${reason}` });
    const resumed = await waves({ commands: [at(1, 'pause'), at(100, 'resume')] });
    expect(resumed).toMatchObject({ stuck: null, tookMs: 100 * HOUR });
  });
  test('a verdict passes a pause, and takes back what is in force', async () => {
    const verdict = {
      atMs: 2 * HOUR,
      command: { kind: 'verdict', id: 'v', verdict: 'false_positive', by, reason },
    } as const;
    const run = await waves({ answer: slow, commands: [at(1, 'pause'), verdict] });
    expect(run).toMatchObject({ rolledBack: true, stuck: null, tookMs: 2 * HOUR });
  });
  test('an extended watch ends later by what was asked for, each command once', async () => {
    const run = await waves({ commands: [extend(1, 'a', 24), extend(2, 'a', 24), extend(71, 'b', 1)] });
    expect(run).toMatchObject({ stuck: null, tookMs: 97 * HOUR });
    const again = await waves({ commands: [extend(1, 'a', 24), extend(80, 'b', 5)] });
    expect(again).toMatchObject({ stuck: null, tookMs: 101 * HOUR });
  });
  test('an attacker who comes back in the extension is contained again', async () => {
    const alerts = [{ atMs: 80 * HOUR, alert: alertView(2, { hosts: [A] }) }];
    const run = await waves({ alerts, commands: [extend(1, 'a', 24)] });
    expect(run.items).toContain('contain/cut_off isolate_host/host:a1#2');
    expect(run).toMatchObject({ stuck: null, tookMs: 152 * HOUR });
  });
});

describe('phases', () => {
  test('go in order and end 72 hours after recovery', async () => {
    const run = await play();
    expect(run.items).toEqual(clean);
    expect(run).toMatchObject({ tookMs: 72 * HOUR, stuck: null });
  });

  test('pending items are looked at again with growing pauses, one timer for the group', async () => {
    const script: Script = {
      answer: (item, { atMs }) =>
        item.action === 'endpoint.isolate_host' && atMs < 48 * HOUR
          ? { status: 'pending', againInMs: 10_000 }
          : undefined,
    };
    const run = await play(script, alertView(1, { hosts: [A, B] }));
    const looks = run.items.filter(
      (one) => one.endsWith('isolate_host/host:a1#1') && one.startsWith('contain'),
    ).length;
    expect(looks).toBeGreaterThan(48 * 4 - 5);
    expect(looks).toBeLessThan(48 * 4 + 20);
    expect(run.stuck).toBeNull();
  });

  test('triage that hangs does not keep the hosts on the network for more than five minutes', async () => {
    const run = await play({
      answer: (item, { atMs }) =>
        item.action === 'endpoint.collect_triage' && atMs < HOUR
          ? { status: 'pending', againInMs: 60_000 }
          : undefined,
    });
    const contained = run.items.indexOf(clean[1]!);
    expect(contained).toBeLessThanOrEqual(6);
    expect(run.items.lastIndexOf(clean[0]!)).toBeGreaterThan(contained);
    expect(run.stuck).toBeNull();
  });

  test('a skipped failure lets recovery go on; what was not contained is not released', async () => {
    const script = (commands: Script['commands']): Script => ({
      answer: ({ id }) => (id === 'isolate_host/host:a1' ? { status: 'unknown' } : undefined),
      ...(commands === undefined ? {} : { commands }),
    });
    const waiting = await play(script(undefined), alertView(1, { hosts: [A, B] }));
    expect(waiting.stuck).toEqual(['a person: isolate_host/host:a1']);
    expect(waiting.items.some((one) => one.startsWith('release'))).toBe(false);
    const command = {
      kind: 'resolve_item',
      id: 'c',
      item: 'contain/cut_off/isolate_host/host:a1',
      resolution: 'skip',
      by: 'l',
      reason: 'r',
    } as const;
    const run = await play(script([{ atMs: HOUR, command }]), alertView(1, { hosts: [A, B] }));
    expect(run.items.filter((one) => one.startsWith('release'))).toEqual([
      'release/release_hosts release/isolate_host/host:b2#1',
    ]);
    expect(run.stuck).toBeNull();
  });

  test('a host that joins after recovery is contained, cleaned and released, with its evidence first', async () => {
    const run = await play({ alerts: [{ atMs: HOUR, alert: alertView(2, { hosts: [B] }) }] });
    expect(run.items).toEqual([...clean, ...clean.map((one) => one.replace('a1', 'b2'))]);
    expect(run.tookMs).toBe(73 * HOUR);
  });

  test('five recurrences are answered, the sixth calls a person and ends nothing', async () => {
    const alerts = [1, 2, 3, 4, 5, 6].map((n) => ({
      atMs: n * HOUR,
      alert: alertView(n + 1, { hosts: [A] }),
    }));
    const run = await play({ alerts });
    const times = (text: string) =>
      run.items.filter((one) => one.includes(text) && one.startsWith('contain')).length;
    expect(times('isolate_host')).toBe(6);
    expect(run.items.at(-1)).toBe('release/release_hosts release/isolate_host/host:a1#6');
    expect(run.status.attention).toContain('more than 5 times');
    expect(run.stuck).not.toBeNull();
  });

  test('an alert that names nothing to act upon is no recurrence', async () => {
    const run = await play({ alerts: [{ atMs: HOUR, alert: alertView(2, {}) }] });
    expect(run).toMatchObject({ items: clean, tookMs: 72 * HOUR, stuck: null });
  });

  test('an alert that the vendor resolved is no recurrence', async () => {
    const run = await play({
      alerts: [{ atMs: HOUR, alert: alertView(2, { hosts: [A] }, { resolved: true }) }],
    });
    expect(run.items).toEqual(clean);
  });
});

describe('eradication', () => {
  const found = {
    clean: false,
    findings: [{ path: '/tmp/x', signature: 'Eicar' }],
    errors: [],
    engine: 'e',
    host: { name: 'a1' },
  };

  test('quarantines what a scan finds and scans again, before the host is released', async () => {
    const run = await play({
      answer: ({ action, occurrence }) =>
        action === 'endpoint.scan_av' && occurrence === 1 ? { output: found } : undefined,
    });
    expect(run.items.slice(2)).toEqual([
      'eradicate/clean scan_av/host:a1#1',
      'eradicate/clean quarantine_file/file:a1/tmp/x#1',
      'eradicate/clean scan_av/host:a1#2',
      'release/release_hosts release/isolate_host/host:a1#1',
    ]);
    expect(run).toMatchObject({ stuck: null, status: { attention: null } });
  });

  test('stops after three rounds and asks a person', async () => {
    const run = await play({
      answer: ({ action }) => (action === 'endpoint.scan_av' ? { output: found } : undefined),
    });
    expect(run.items.filter((one) => one.includes('quarantine_file')).map((one) => one.slice(-1))).toEqual([
      '1',
      '2',
      '3',
    ]);
    expect(run.status.attention).toBe('host:a1 is not clean: the scan still finds 1 file(s)');
    expect(run.stuck).not.toBeNull();
  });

  test('a retry of a failed quarantine scans anew', async () => {
    const run = await play({
      answer: ({ action, occurrence }) => {
        if (action === 'endpoint.scan_av' && occurrence === 1) return { output: found };
        return action === 'endpoint.quarantine_file' && occurrence === 1 ? { status: 'failed' } : undefined;
      },
      commands: [
        {
          atMs: HOUR,
          command: {
            kind: 'resolve_item',
            id: 'c',
            item: 'quarantine_file/file:a1/tmp/x',
            resolution: 'retry',
            by: 'l',
            reason: 'r',
          },
        },
      ],
    });
    expect(run.items.slice(4)).toEqual(['eradicate/clean scan_av/host:a1#2', clean[3]]);
    expect(run.stuck).toBeNull();
  });
});

describe('recovery', () => {
  const verify = (output: object) =>
    play(
      {
        answer: ({ action, input }) =>
          action === 'data.verify_backup'
            ? {
                output: {
                  ...input,
                  snapshot: 's9',
                  takenAt: '2026-01-01T00:00:00Z',
                  findings: [],
                  ...output,
                },
              }
            : undefined,
      },
      alertView(1, { datasets: [dataset('finance')] }),
    );

  test('restores the verified snapshot', async () => {
    const run = await verify({ intact: true, clean: null });
    expect(run.items).toEqual([
      'recover/restore verify_backup/dataset:finance#1',
      'recover/restore restore_backup/dataset:finance#1',
    ]);
  });
  test.each([
    [{ intact: false, clean: true }, 'is not intact'],
    [{ intact: true, clean: false }, 'is not clean'],
    [{ intact: 'perhaps' }, 'could not be verified'],
  ])('a backup that is %j is not restored', async (output, why) => {
    const run = await verify(output);
    expect(run.items).toEqual(['recover/restore verify_backup/dataset:finance#1']);
    expect(run.status.attention).toBe(`Backup of dataset:finance ${why}: not restored`);
  });
});

describe('items', () => {
  test('carry readable ids, leases only where something can be taken back, and an input that fits', async () => {
    const seen: unknown[] = [];
    const one = definePlaybook(
      { id: 'one', version: 1, title: 'One', answers: [category('ransomware')] },
      async ({ scope, contain }) => {
        await contain(
          'Stop!',
          scope.accounts,
          (it) => [identity.disableAccount({ account: it }), identity.revokeSessions({ account: it })],
          { lease: '90m' },
        );
        await contain('Stop!', scope.ips, () => network.blockIp({ ip: 'not an address' }), { lease: '90m' });
      },
    );
    const input = incidentInput([alertView(1, { accounts: [account('kim')], ips: ['192.0.2.1'] })]);
    const run = await runVirtually(input, [one], {
      answer: (item) => void seen.push([item.id, item.leaseSeconds, item.input]),
    });
    expect(seen).toEqual([
      ['disable_account/account:kim', 5400, { account: { name: 'kim', domain: 'corp.example.com' } }],
      ['revoke_sessions/account:kim', null, { account: { name: 'kim', domain: 'corp.example.com' } }],
    ]);
    expect(run.status.attention).toBe(
      'Block IP address on ip:192.0.2.1: the playbook gave an input that does not fit',
    );
  });

  test('a release names the containment and waits for a clean scan of hosts only', async () => {
    const seen: unknown[] = [];
    const both = definePlaybook(
      { id: 'both', version: 1, title: 'Both', answers: [category('ransomware')] },
      async (words) => {
        const { scope, contain, release } = words;
        await contain('Cut', scope.hosts, (it) => endpoint.isolateHost({ host: it }), { lease: '1h' });
        await contain('Stop', scope.accounts, (it) => identity.disableAccount({ account: it }), {
          lease: '1h',
        });
        await release(scope.hosts, { when: 'clean' });
        await release(scope.accounts);
      },
    );
    const input = incidentInput([alertView(1, { hosts: [A], accounts: [account('kim')] })]);
    await runVirtually(input, [both], {
      answer: ({ action, release, onlyWhenClean, leaseSeconds }) =>
        void seen.push([action, release, onlyWhenClean, leaseSeconds]),
    });
    expect(seen).toEqual([
      ['endpoint.isolate_host', false, false, 3600],
      ['identity.disable_account', false, false, 3600],
      ['endpoint.isolate_host', true, true, null],
      ['identity.disable_account', true, false, null],
    ]);
  });

  test('a release without a condition asks for no scan', async () => {
    const plain = definePlaybook(
      { id: 'plain', version: 1, title: 'Plain', answers: [category('ransomware')] },
      async (words) => {
        await words.contain('Cut', words.scope.hosts, (it) => endpoint.isolateHost({ host: it }), {
          lease: '1h',
        });
        await words.release(words.scope.hosts);
      },
    );
    const seen: boolean[] = [];
    await runVirtually(incidentInput([alertView(1, { hosts: [A] })]), [plain], {
      answer: ({ release, onlyWhenClean }) => {
        if (release) seen.push(onlyWhenClean);
        return undefined;
      },
    });
    expect(seen).toEqual([false]);
  });

  test('a release that nobody approves leaves the containment in force and asks a person', async () => {
    const run = await play({ answer: ({ release }) => (release ? { status: 'denied' } : undefined) });
    expect(run.status.attention).toBe('host:a1 stays contained: the release was not approved');
    expect(run.stuck).not.toBeNull();
  });

  test('unsupported ones are named but keep nothing open', async () => {
    const run = await play({
      answer: ({ action }) => (action === 'endpoint.collect_triage' ? { status: 'unsupported' } : undefined),
    });
    expect(run.status.attention).toBe('Collect triage evidence on host:a1: no connection can do it');
    expect(run.stuck).toBeNull();
  });
});
