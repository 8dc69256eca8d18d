import { randomUUID } from 'node:crypto';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { INCIDENT_WORKFLOW, STATUS_QUERY, WAKE_SIGNAL, type RunStatus } from '../../contracts/messages';
import type { QuestionForm } from '../../contracts/question';
import { withLines } from '../support/asking';
import { FakeWorld } from '../support/fake-activities';
import { alertView, host, incidentInput } from '../support/incident-fixtures';
import { eventually, PlaybookEnv } from '../support/playbook-env';

let env: PlaybookEnv;
beforeAll(async () => {
  env = await PlaybookEnv.start();
}, 120_000);
afterAll(() => env.stop());

const alert = alertView(1, { hosts: [host('a1')] }, { category: 'malware', techniques: [] });
const form: QuestionForm = {
  name: 'entry',
  title: 'How did it get in?',
  why: 'w',
  fields: { ok: { type: 'boolean', label: 'ok' } },
  roles: ['analyst'],
  withinSeconds: 7200,
  default: null,
};

/** Runs the malware playbook with these lines first. */
async function play(
  world: FakeWorld,
  lines: string,
  during: (run: {
    status: () => Promise<RunStatus>;
    wake: () => Promise<void>;
    close: () => Promise<void>;
    history: () => Promise<string[]>;
  }) => Promise<void>,
): Promise<string[]> {
  const code: WorkflowBundle = withLines(env.code, 'ask, decide, note, widen', lines);
  const taskQueue = `test-${randomUUID()}`;
  const worker = await Worker.create({
    connection: env.env.nativeConnection,
    taskQueue,
    workflowBundle: code,
    activities: world.activities,
  });
  return worker.runUntil(async () => {
    const handle = await env.env.client.workflow.start(INCIDENT_WORKFLOW, {
      args: [incidentInput([alert])],
      taskQueue,
      workflowId: `incident/${randomUUID()}`,
    });
    const history = async (): Promise<string[]> =>
      ((await handle.fetchHistory()).events ?? []).flatMap(
        ({ activityTaskScheduledEventAttributes: scheduled, workflowTaskFailedEventAttributes: failed }) => [
          ...(scheduled == null ? [] : [scheduled.activityType?.name ?? '']),
          ...(failed == null ? [] : ['TASK FAILED']),
        ],
      );
    await during({
      status: () => handle.query<RunStatus>(STATUS_QUERY),
      wake: () => handle.signal(WAKE_SIGNAL),
      close: async () => {
        await handle.executeUpdate('command', {
          args: [{ kind: 'close', id: 'c', by: 'person:lea', reason: 'r' }],
          updateId: 'c',
        });
      },
      history,
    });
    await handle.result();
    return history();
  });
}

test('a run asks, waits, and goes on with the answer once a signal wakes it; what it tells rides in a wave', async () => {
  const world = new FakeWorld([alert]);
  const lines = `const { ok } = await ask({ form: ${JSON.stringify(form)} }); if (decide('Go on?', ok)) note('it was told to go on');`;
  const history = await play(world, lines, async ({ status, wake }) => {
    await eventually(
      async () => (await status()).waitingFor.includes('an answer: How did it get in?'),
      'it waits for the answer',
    );
    expect(world.done).toEqual([]);
    world.answers.set('entry/#1', { ok: true });
    await wake();
  });
  expect(world.done.at(-1)).toBe('closed undetermined');
  const told = world.waves.flatMap(({ progress }) => progress?.told ?? []);
  expect(told).toEqual([
    { kind: 'branch', n: 1, title: 'Go on?', taken: true },
    { kind: 'note', n: 2, text: 'it was told to go on' },
  ]);
  expect(history.filter((name) => name === 'askQuestion')).toHaveLength(2);
});

test('a time that is over wakes the run by itself, and silence gives its answer', async () => {
  const world = new FakeWorld([alert]);
  world.lapse = false;
  const silent = { ...form, default: { ok: false } };
  const inner = world.activities.askQuestion;
  let calls = 0;
  world.activities.askQuestion = (input) => {
    calls += 1;
    world.lapse = calls > 1;
    return inner(input);
  };
  const lines = `decide('Go on?', (await ask({ form: ${JSON.stringify(silent)} })).ok);`;
  await play(world, lines, async () => undefined);
  const told = world.waves.flatMap(({ progress }) => progress?.told ?? []);
  expect([told, calls]).toEqual([[{ kind: 'branch', n: 1, title: 'Go on?', taken: false }], 2]);
});

test('a playbook that throws goes to a person, and its tasks do not fail for ever; a close ends it', async () => {
  const world = new FakeWorld([alert]);
  const lines = `await contain('First', scope.hosts, (one) => ({ action: 'endpoint.isolate_host', input: { host: one } }), { lease: '1h' }); throw new TypeError('planted');`;
  const history = await play(world, lines, async ({ status, close }) => {
    await eventually(
      async () => (await status()).attention?.includes('planted') === true,
      'a person is told',
    );
    expect((await status()).attention).toMatch(
      /^The playbook malware_on_endpoint@1 failed at workflows\/playbooks\/malware-on-endpoint\.ts:\d+: TypeError: planted/,
    );
    await close();
  });
  expect(history).not.toContain('TASK FAILED');
  expect([...world.leases.keys()]).toEqual(['endpoint.isolate_host host:a1']);
  expect(world.done).toEqual(['isolate_host/host:a1', 'closed undetermined']);
});

test('what a playbook finds meets its standing orders', async () => {
  const world = new FakeWorld([alert]);
  const lines = `await contain('First', scope.hosts, (one) => ({ action: 'endpoint.isolate_host', input: { host: one } }), { lease: '1h' }); await widen('Found', { hosts: [{ name: 'b2' }] });`;
  await play(world, lines, async () => undefined);
  expect(world.done).toContain('isolate_host/host:b2');
});
