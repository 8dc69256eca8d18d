import { randomUUID } from 'node:crypto';
import type { ApplicationFailure } from '@temporalio/common';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import {
  DECISION_UPDATE,
  INCIDENT_WORKFLOW,
  MAINTENANCE_WORKFLOW,
  STATUS_QUERY,
  type IncidentUpdate,
  type MaintenanceInput,
  type RunStatus,
  type WaveInput,
} from '../../contracts/messages';
import * as workflows from '../../workflows';
import { FakeWorld } from '../support/fake-activities';
import { alertView, host, incidentInput } from '../support/incident-fixtures';
import { eventually, PlaybookEnv } from '../support/playbook-env';

let env: PlaybookEnv;
beforeAll(async () => {
  env = await PlaybookEnv.start();
}, 120_000);
afterAll(() => env.stop());

const alert = alertView(1, { hosts: [host('a1'), host('b2')] }, { category: 'malware', techniques: [] });
const input = incidentInput([alert]);

describe('a wave', () => {
  test('is asked for with patience, and only what is still running is waited for by itself', async () => {
    const world = new FakeWorld([alert]);
    const inner = world.activities.runWave;
    world.activities.runWave = async (wave) => {
      const answer = await inner(wave);
      if (wave.patienceMs === undefined || !wave.group.id.startsWith('contain')) return answer;
      return {
        items: answer.items.map((item) =>
          item.id.endsWith('b2') ? { ...item, status: 'running' as const } : item,
        ),
      };
    };
    await env.run(world, input);
    const waves = world.waves.filter(({ group }) => group.id === 'contain/isolate_the_host');
    const shape = ({ patienceMs, items, progress }: WaveInput) => [
      patienceMs,
      items.map(({ id }) => id),
      progress?.phase,
    ];
    expect(waves.map(shape)).toEqual([
      [1200, ['isolate_host/host:a1', 'isolate_host/host:b2'], 'containment'],
      [undefined, ['isolate_host/host:b2'], undefined],
    ]);
    expect(world.done.at(-1)).toBe('closed undetermined');
  });

  test('that fails is tried again, whole, until it succeeds', async () => {
    const world = new FakeWorld([alert]);
    const inner = world.activities.runWave;
    let failures = 0;
    world.activities.runWave = async (wave) => {
      if (wave.group.id.startsWith('contain') && failures < 4) {
        failures += 1;
        throw new Error('SQL is away');
      }
      return inner(wave);
    };
    await env.run(world, input);
    expect(failures).toBe(4);
    expect(world.done.filter((one) => one.startsWith('isolate'))).toEqual([
      'isolate_host/host:a1',
      'isolate_host/host:b2',
    ]);
    const contained = world.waves.filter(({ group }) => group.id === 'contain/isolate_the_host');
    expect(contained.map(({ patienceMs, progress }) => [patienceMs, progress?.phase])).toEqual([
      [1200, 'containment'],
    ]);
  });
});

describe('messages', () => {
  test('an input that does not fit fails the run at once, instead of its task for ever', async () => {
    const world = new FakeWorld([]);
    await expect(env.run(world, { number: 1 } as never)).rejects.toThrow(WorkflowFailedError);
    expect(world.updates).toEqual([]);
  });

  test('a decision that does not fit is refused, one that does is taken; the status says what is waited for', async () => {
    const world = new FakeWorld([alert]);
    let open = true;
    world.decide = ({ action }) =>
      action === 'endpoint.isolate_host' && open
        ? { status: 'awaiting', request: { id: 'req-1', expiresAt: '2999-01-01T00:00:00Z' } }
        : undefined;
    await env.run(world, input, async (run) => {
      const status = () => run.handle.query<RunStatus>(STATUS_QUERY);
      await eventually(
        async () => (await status()).waitingFor.filter((one) => one.startsWith('approval')).length === 2,
        'it waits for two approvals',
      );
      expect(await status()).toMatchObject({
        playbook: 'malware_on_endpoint@1',
        phase: 'containment',
        attention: null,
        waitingFor: ['approval req-1: isolate_host/host:a1', 'approval req-1: isolate_host/host:b2'],
      });
      const refused = run.handle.executeUpdate(DECISION_UPDATE, { args: [{ decisionId: 7 }] });
      await expect(refused).rejects.toThrow(WorkflowUpdateFailedError);
      const item = 'isolate_host/host:a1';
      const unfit = run.command({
        kind: 'resolve_item',
        id: 'r',
        item,
        resolution: 'skip',
        by: 'l',
        reason: 'r',
      });
      await expect(unfit).rejects.toMatchObject({
        cause: { message: `no failed item ${item}`, type: 'rejected' },
      });
      open = false;
      await run.handle.executeUpdate(DECISION_UPDATE);
    });
    expect(world.done.at(-1)).toBe('closed undetermined');
  });

  test('a pause is in the history; what makes no sense is refused with the reason', async () => {
    const world = new FakeWorld([alert]);
    let open = true;
    world.decide = ({ action }) =>
      action === 'endpoint.isolate_host' && open
        ? { status: 'awaiting', request: { id: 'req-1', expiresAt: '2999-01-01T00:00:00Z' } }
        : undefined;
    const words = { by: 'person:ana', reason: 'r' };
    await env.run(world, input, async (run) => {
      const status = () => run.handle.query<RunStatus>(STATUS_QUERY);
      const refused = (message: string) => ({ cause: { message, type: 'rejected' } });
      await eventually(
        async () => (await status()).waitingFor.filter((one) => one.startsWith('approval')).length === 2,
        'it waits for two approvals',
      );
      await expect(run.command({ kind: 'resume', id: 'r0', ...words })).rejects.toMatchObject(
        refused('it is not paused'),
      );
      await expect(run.command({ kind: 'extend_watch', id: 'e0', hours: 1, ...words })).rejects.toMatchObject(
        refused('no watch is under way: the phase is containment'),
      );
      await run.command({ kind: 'pause', id: 'p', ...words });
      await expect(run.command({ kind: 'pause', id: 'p2', ...words })).rejects.toMatchObject(
        refused('it is already paused by person:ana'),
      );
      open = false;
      await run.handle.executeUpdate(DECISION_UPDATE);
      expect(await status()).toMatchObject({ attention: 'paused by person:ana: r', phase: 'containment' });
      expect((await status()).waitingFor).toHaveLength(2);
      expect(world.done).not.toContain('isolate_host/host:a1');
      await Worker.runReplayHistory({ workflowBundle: env.code }, await run.handle.fetchHistory());
      await run.command({ kind: 'resume', id: 'r', ...words });
      await eventually(
        () => world.updates.some(({ progress }) => progress?.phase === 'monitoring'),
        'the watch begins',
      );
      await run.command({ kind: 'extend_watch', id: 'e', hours: 24, ...words });
    });
    expect(world.done).toContain('isolate_host/host:a1');
    expect(world.done.at(-1)).toBe('closed undetermined');
    expect(world.updates.flatMap(({ command }) => command?.id ?? [])).toEqual(['p', 'r', 'e']);
  });

  test('an alert that joins while the run closes is answered before it closes', async () => {
    const world = new FakeWorld([alert]);
    let joined = false;
    world.onUpdate = ({ close }: IncidentUpdate) => {
      if (close === undefined || joined) return;
      joined = true;
      world.alerts.push({ ...alertView(2, { hosts: [host('c3')] }), category: 'malware' });
    };
    const run = await env.run(world, input);
    expect(world.done.slice(-5)).toEqual([
      'collect_triage/host:c3',
      'isolate_host/host:c3',
      'scan_av/host:c3',
      'release/isolate_host/host:c3',
      'closed undetermined',
    ]);
    expect(world.updates.at(-1)?.close?.seenAlertSeq).toBe(2);
    expect(world.leases.size).toBe(0);
    expect((await run.handle.describe()).status.name).toBe('COMPLETED');
  });

  test('a person closes: the playbook ends where it is, and what is contained stays contained', async () => {
    const world = new FakeWorld([alert]);
    await env.run(world, input, async (run) => {
      await eventually(
        () => world.updates.some(({ progress }) => progress?.phase === 'monitoring'),
        'the watch begins',
      );
      await run.command({ kind: 'verdict', id: 'v', verdict: 'true_positive', by: 'lead', reason: 'seen' });
      await run.command({ kind: 'close', id: 'c', by: 'lead', reason: 'enough' });
    });
    expect(world.done.at(-1)).toBe('closed true_positive');
    expect(world.updates.at(-1)?.close).toMatchObject({ reason: 'enough' });
    expect(world.updates.map(({ command }) => command?.id).filter(Boolean)).toEqual(['v', 'c']);
  });
});

describe('maintenance', () => {
  const chore = (task: MaintenanceInput): Promise<unknown> =>
    env.worker(new FakeWorld([]), (taskQueue) =>
      env.env.client.workflow.execute(MAINTENANCE_WORKFLOW, {
        args: [task],
        taskQueue,
        workflowId: randomUUID(),
      }),
    );

  test.each([
    [{ task: 'sweep_leases' }, { due: 3, released: 2, failed: 1 }],
    [{ task: 'release_lease', leaseId: 'l', by: 'lead', reason: 'r' }, { status: 'shared' }],
    [
      { task: 'roll_back', incident: 'INC-2026-000001', by: 'lead', reason: 'r' },
      { released: 0, failed: 0 },
    ],
    [{ task: 'poll_source', connection: 'edr' }, { alerts: 7 }],
  ] as [MaintenanceInput, object][])('%j is one activity', async (task, result) => {
    expect(await chore(task)).toEqual(result);
  });

  test('a task that does not exist is refused', async () => {
    const failure = await chore({ task: 'dance' } as never).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    const cause = (failure as WorkflowFailedError).cause as ApplicationFailure;
    expect(cause.type).toBe('invalid_input');
  });
});

test('there are exactly two workflow types', () => {
  const types = Object.keys(workflows);
  expect(types.sort()).toEqual([INCIDENT_WORKFLOW, MAINTENANCE_WORKFLOW]);
});
