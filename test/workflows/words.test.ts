import { data, endpoint, identity, type ActionId } from '../../contracts/actions';
import { defineQuestion } from '../../workflows/kit/ask';
import { category, definePlaybook, technique, type Playbook } from '../../workflows/kit/define-playbook';
import { runVirtually, type Script } from '../../workflows/kit/virtual-host';
import type { Words } from '../../workflows/kit/words';
import { account, alertView, dataset, host, incidentInput } from '../support/incident-fixtures';

const HOUR = 3_600_000;
const A = host('a1');
const B = host('b2');

const playbook = (id: string, run: (words: Words) => Promise<void>): Playbook =>
  definePlaybook({ id, version: 1, title: id, answers: [category('ransomware')] }, run);
const play = (run: (words: Words) => Promise<void>, script: Script = {}, more: Playbook[] = []) =>
  runVirtually(incidentInput([alertView(1, { hosts: [A] })]), [playbook('own', run), ...more], script);

const entry = defineQuestion({
  id: 'entry',
  title: 'How did it get in?',
  why: 'The way in is closed first.',
  fields: {
    way: { type: 'choice', label: 'Way in', options: ['mail', 'service'] },
    sure: { type: 'boolean', label: 'Sure' },
    hosts: { type: 'number', label: 'Hosts', min: 0, required: false },
  },
  roles: ['analyst'],
  within: '4h',
  onSilence: 'wait',
});
const silent = defineQuestion({
  id: 'owner_reached',
  title: 'Was it the owner?',
  why: 'An owner who says so ends it.',
  fields: { owner: { type: 'boolean', label: 'It was the owner' } },
  roles: ['analyst', 'hr'],
  within: '2h',
  onSilence: { owner: false },
});

describe('decide and note', () => {
  const kind: string = 'volumetric';
  test('give the fact back and are told in order, each once, with what the run asks for next', async () => {
    const run = await play(async ({ scope, contain, decide, note }) => {
      if (decide('Several hosts?', scope.hosts.size > 1)) note('never');
      note('Traffic was looked at');
      if (decide('Kind', kind) !== 'volumetric') return;
      await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
    });
    expect(run.told).toEqual([
      { kind: 'branch', n: 1, title: 'Several hosts?', taken: false },
      { kind: 'note', n: 2, text: 'Traffic was looked at' },
      { kind: 'branch', n: 3, title: 'Kind', taken: 'volumetric' },
    ]);
    // They went along with the wave: no update of their own.
    expect(run.updates.filter(({ progress }) => progress?.told !== undefined)).toEqual([]);
    expect(run.items).toEqual(['contain/cut_off isolate_host/host:a1#1']);
  });

  test('more than goes along at once is told all the same', async () => {
    const run = await play(async ({ note }) => {
      for (let n = 1; n <= 250; n += 1) note(`note ${String(n)}`);
    });
    const told = run.updates.flatMap(({ progress }) => progress?.told ?? []);
    expect(told.map(({ n }) => n)).toEqual(Array.from({ length: 250 }, (_, index) => index + 1));
  });
});

describe('ask', () => {
  test('gives the typed answer once somebody has answered; the status names what is waited for', async () => {
    let got: unknown;
    const body = async ({ ask }: Words): Promise<void> => {
      const { way, sure, hosts } = await ask(entry);
      const typed: ['mail' | 'service', boolean, number | undefined] = [way, sure, hosts];
      got = typed;
    };
    const reply: Script['reply'] = (_question, { atMs }) =>
      atMs >= 3 * 24 * HOUR ? { way: 'mail', sure: true } : undefined;
    const stuck = await play(body);
    expect(stuck.stuck).toEqual(['an answer: How did it get in?']);
    expect(stuck.status.attention).toBe(
      'Nobody has answered in time: How did it get in?. The run waits for it',
    );
    const run = await play(body, { reply, wakes: [3 * 24 * HOUR] });
    expect(got).toEqual(['mail', true, undefined]);
    expect(run).toMatchObject({ stuck: null, status: { attention: null } });
    expect(run.questions.map(({ form, status }) => [form.name, status])).toEqual([['entry', 'answered']]);
  });

  test('silence gives its answer when the time is over, and not before', async () => {
    let at = 0;
    const run = await play(async ({ ask, decide }) => {
      decide('Was it the owner?', (await ask(silent)).owner);
      at += 1;
    });
    expect([run.tookMs >= 2 * HOUR, run.tookMs < 2 * HOUR + 60_000, at]).toEqual([true, true, 1]);
    expect(run.questions[0]?.status).toBe('lapsed');
    expect(run.told).toMatchObject([{ kind: 'branch', taken: false }]);
  });

  test('the same question about several matters is several questions; asked again, it is a new one', async () => {
    const run = await play(
      async ({ ask }) => {
        await Promise.all(['kim', 'bo'].map((about) => ask(silent, { about })));
        await ask(silent, { about: 'kim' });
      },
      { reply: () => ({ owner: true }) },
    );
    expect(run.questions.map(({ about, occurrence }) => [about, occurrence])).toEqual([
      ['kim', 1],
      ['bo', 1],
      ['kim', 2],
    ]);
  });

  test('phases beside it go on, and so do standing orders', async () => {
    const alert = alertView(2, { hosts: [B] });
    const run = await play(
      async ({ ask, contain, scope }) => {
        await Promise.all([
          ask(entry),
          contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' }),
        ]);
      },
      { alerts: [{ atMs: HOUR, alert }] },
    );
    expect(run.items).toEqual([
      'contain/cut_off isolate_host/host:a1#1',
      'contain/cut_off isolate_host/host:b2#1',
    ]);
  });

  test('a person ends the run while it waits', async () => {
    const close = { kind: 'close', id: 'c', by: 'person:lea', reason: 'r' } as const;
    const run = await play(({ ask }) => ask(entry).then(() => undefined), {
      commands: [{ atMs: HOUR, command: close }],
    });
    expect(run).toMatchObject({ stuck: null, status: { phase: 'closed' } });
  });

  test('a question that cannot be asked is no question', () => {
    const spec = { id: 'q', title: 't', why: 'w', roles: ['analyst'], within: '1h' } as const;
    const fields = { ok: { type: 'boolean', label: 'l' } } as const;
    expect(() => defineQuestion({ ...spec, fields, onSilence: { ok: 'no' } as never })).toThrow(/ok/);
    expect(() => defineQuestion({ ...spec, id: 'Not Snake', fields, onSilence: 'wait' })).toThrow(
      /snake_case/,
    );
  });
});

describe('waitFor', () => {
  test('a time', async () => {
    const run = await play(async ({ waitFor }) => {
      await waitFor({ time: '30m' });
    });
    expect(run.tookMs).toBe(HOUR / 2);
  });

  test('an alert that fits and joins from now on; undefined when none has come', async () => {
    const titles: (string | undefined)[] = [];
    const body = async ({ waitFor }: Words): Promise<void> => {
      titles.push((await waitFor({ alert: technique('T1078'), within: '2h' }))?.title);
    };
    const fits = alertView(3, { hosts: [B] }, { techniques: ['T1078.004'], title: 'log-on' });
    await play(body, { alerts: [{ atMs: HOUR, alert: alertView(2) }] });
    const came = await play(body, { alerts: [{ atMs: HOUR, alert: fits }] });
    expect(titles).toEqual([undefined, 'log-on']);
    expect(came.tookMs).toBeLessThan(2 * HOUR);
  });
});

describe('findings', () => {
  const scan = (one: { name: string }) => endpoint.scanAv({ host: one });

  test('collect returns what was said, typed, and leaves out what has failed', async () => {
    let clean: (boolean | string)[] = [];
    await runVirtually(
      incidentInput([alertView(1, { hosts: [A, B] })]),
      [
        playbook('own', async ({ collect, scope }) => {
          const found = await collect('Scan', scope.hosts, scan);
          clean = found.map(({ output, target }) => (output.clean ? target.key : output.engine));
        }),
      ],
      { answer: ({ id }) => (id.endsWith('b2') ? { status: 'failed' } : undefined) },
    );
    expect(clean).toEqual(['host:a1']);
  });

  test('what joins the scope meets the standing orders, with a request of its own, and joins once', async () => {
    const run = await play(async ({ contain, scope, widen }) => {
      const cut = contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), {
        lease: '1h',
      });
      await cut;
      await widen('The hash was found there', { hosts: [{ name: 'B2' }] });
      await widen('The hash was found there', { hosts: [{ name: 'B2' }] });
      await contain('Stop', scope.accounts, (one) => identity.disableAccount({ account: one }), {
        lease: '1h',
      });
      await widen('It was typed there', { accounts: [{ name: 'kim' }] });
    });
    expect(run.items).toEqual([
      'contain/cut_off isolate_host/host:a1#1',
      'contain/cut_off isolate_host/host:b2#1',
      'contain/stop disable_account/account:kim#1',
    ]);
  });

  test('`found` is asked of every target, also of one that joins later', async () => {
    const run = await play(
      async ({ collect, contain, scope, waitFor }) => {
        await collect('Scan', scope.hosts, scan, {
          found: ({ output, target }) =>
            output.clean ? undefined : { accounts: [{ name: `user-of-${target.name}` }] },
        });
        await contain('Stop', scope.accounts, (one) => identity.disableAccount({ account: one }), {
          lease: '1h',
        });
        await waitFor({ time: '3h' });
      },
      {
        answer: ({ action, input }) =>
          action === 'endpoint.scan_av'
            ? { output: { ...input, clean: false, findings: [], errors: [], engine: 'x' } }
            : undefined,
        alerts: [{ atMs: HOUR, alert: alertView(2, { hosts: [B] }) }],
      },
    );
    expect(run.items.filter((one) => one.includes('disable'))).toEqual([
      'contain/stop disable_account/account:user-of-a1#1',
      'contain/stop disable_account/account:user-of-b2#1',
    ]);
  });

  test('what names nothing is left out, and a flood waits for a person', async () => {
    const run = await play(async ({ widen }) => {
      await widen('Found', {
        ips: [
          'not an address',
          ...Array.from({ length: 1100 }, (_, n) => `10.1.${String(n >> 8)}.${String(n & 255)}`),
        ],
      });
    });
    expect(run.status.attention).toContain('1100 ips were found, only the first 1000 joined');
    expect(run.stuck).not.toBeNull();
  });

  test('what is found after recovery is contained as one who came back', async () => {
    const run = await play(async ({ contain, release, scope, watch, widen }) => {
      await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
      await release(scope.hosts);
      await watch('1h', { onRecurrence: 'contain' });
      await widen('Found late', { hosts: [{ name: 'b2' }] });
    });
    expect(run.items).toEqual(expect.arrayContaining(['contain/cut_off isolate_host/host:b2#1']));
    expect(run.stuck).toBeNull();
  });

  test('a detached alert does not take along what the playbook found', async () => {
    const command = {
      kind: 'detach_alert',
      id: 'd',
      alert: 'alert-2',
      seq: 2,
      by: 'person:lea',
      reason: 'r',
    } as const;
    const run = await play(
      async ({ contain, scope, waitFor, widen }) => {
        await widen('Found', { accounts: [{ name: 'kim' }] });
        await waitFor({ time: '3h' });
        await contain('Stop', scope.accounts, (one) => identity.disableAccount({ account: one }), {
          lease: '1h',
        });
      },
      {
        alerts: [{ atMs: HOUR, alert: alertView(2, { accounts: [account('bo')] }) }],
        commands: [{ atMs: 2 * HOUR, command }],
      },
    );
    expect(run.items).toEqual(['contain/stop disable_account/account:kim#1']);
  });
});

describe('a playbook within a playbook', () => {
  const inner = definePlaybook(
    { id: 'inner', version: 2, title: 'Inner', answers: [] },
    async ({ contain, scope, watch }) => {
      await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
      await watch('3h', { onRecurrence: 'contain' });
    },
  );

  test('its orders are groups of their own, the journal is told, and its watch comes last', async () => {
    const waves: string[] = [];
    const run = await play(
      async ({ contain, scope, subPlaybook, watch }) => {
        await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
        await subPlaybook('inner@2');
        await watch('1h', { onRecurrence: 'contain' });
      },
      { onWave: ({ group }) => waves.push(`${group.id} ${group.reason}`) },
      [inner],
    );
    expect(waves).toEqual([
      'contain/cut_off own@1: Cut off',
      'inner/contain/cut_off own@1 > inner@2: Cut off',
    ]);
    expect(run.told).toEqual([{ kind: 'playbook', n: 1, playbook: 'inner@2' }]);
    expect(run.tookMs).toBe(3 * HOUR);
  });

  test('its watch is taken although the outer playbook has none', async () => {
    const run = await play(({ subPlaybook }) => subPlaybook('inner@2'), {}, [inner]);
    expect(run.tookMs).toBe(3 * HOUR);
  });

  test('one that is not there, and one within itself, are the author’s mistakes', async () => {
    await expect(play(({ subPlaybook }) => subPlaybook('inner@3'), {}, [inner])).rejects.toThrow(
      'There is no playbook inner@3; there are own@1, inner@2',
    );
    await expect(play(({ subPlaybook }) => subPlaybook('own@1'))).rejects.toThrow(/are not let/);
  });
});

describe('a playbook that throws', () => {
  const breaks = async ({ contain, scope }: Words): Promise<void> => {
    await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
    throw new TypeError('planted');
  };

  test('fails an author’s test by its own error', async () => {
    await expect(play(breaks)).rejects.toThrow('planted');
  });

  test('goes to a person with the line; what it contained stays, and newcomers are contained', async () => {
    const updates: string[] = [];
    const items: string[] = [];
    const run = play(breaks, {
      alerts: [{ atMs: HOUR, alert: alertView(2, { hosts: [B] }) }],
      onWave: (wave) => items.push(...wave.items.map(({ id }) => id)),
      onUpdate: ({ progress }) => updates.push(progress?.attention ?? ''),
    });
    await expect(run).rejects.toThrow('planted');
    expect(updates.join()).toMatch(
      /The playbook own@1 failed at test\/workflows\/words\.test\.ts:\d+: TypeError: planted\. What is contained stays/,
    );
    expect(items).toEqual(['isolate_host/host:a1', 'isolate_host/host:b2']);
  });

  test('one order that breaks on a newcomer does not keep it from the others', async () => {
    const items: string[] = [];
    const run = play(
      async ({ contain, eradicate, scope, waitFor }) => {
        await eradicate('Breaks', scope.hosts, (one) => {
          if (one.name === 'b2') throw new TypeError('planted');
          return endpoint.scanAv({ host: one });
        });
        await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
        await waitFor({ time: '3h' });
      },
      {
        alerts: [{ atMs: HOUR, alert: alertView(2, { hosts: [B] }) }],
        onWave: (wave) => items.push(...wave.items.map(({ id }) => id)),
      },
    );
    await expect(run).rejects.toThrow('planted');
    expect(items).toContain('isolate_host/host:b2');
  });
});

test('every action can be collected from: findings are told apart by the action', async () => {
  const actions: ActionId[] = [];
  await runVirtually(incidentInput([alertView(1, { hosts: [A], datasets: [dataset('d')] })]), [
    playbook('own', async ({ collect, scope }) => {
      for (const { action } of await collect('Both', scope.hosts, (one) => [
        endpoint.scanAv({ host: one }),
        endpoint.collectTriage({ host: one }),
      ]))
        actions.push(action);
      for (const { output } of await collect('Backups', scope.datasets, (set) => data.verifyBackup({ set })))
        expect(output.intact).toBe(true);
    }),
  ]);
  expect(actions).toEqual(['endpoint.scan_av', 'endpoint.collect_triage']);
});
