import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { PLAYBOOKS } from '../../workflows/registry';
import { bundle } from '../support/playbook-env';
import { quietRuntime } from '../support/temporal';

const FOLDER = join(__dirname, 'histories');
const stored = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

let code: WorkflowBundle;
beforeAll(async () => {
  quietRuntime();
  code = await bundle();
}, 120_000);

async function replay(workflowBundle: WorkflowBundle, file: string): Promise<void> {
  const history = temporal.api.history.v1.History.fromObject(
    JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Record<string, unknown>,
  );
  await Worker.runReplayHistory({ workflowBundle }, history, 'incident/INC-2026-000042');
}

/** The code with one piece of it changed; the piece must be there. */
function changed(from: string, to: string): WorkflowBundle {
  if (!('code' in code) || !code.code.includes(from)) throw new Error(`the bundle has no ${from}`);
  return { code: code.code.replaceAll(from, to) };
}

test('every playbook of the registry has a stored history', () => {
  expect(stored).toEqual(expect.arrayContaining(PLAYBOOKS.map(({ ref }) => `${ref}.json`)));
});

test.each(stored)('%s has local activities in its first task only, one after another', (file) => {
  const { events } = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as {
    events: {
      eventType: string;
      activityTaskScheduledEventAttributes?: { activityType: { name: string } };
    }[];
  };
  const types = events.map(({ eventType }) => eventType.replace('EVENT_TYPE_', ''));
  const second = types.indexOf('WORKFLOW_TASK_SCHEDULED', types.indexOf('WORKFLOW_TASK_COMPLETED'));
  expect(types.slice(second)).not.toContain('MARKER_RECORDED');
  // A question is asked by a regular activity, which ends the time of local ones.
  const first = events.find(({ eventType }) => /MARKER_RECORDED|ACTIVITY_TASK_SCHEDULED/.test(eventType));
  const asksFirst = first?.activityTaskScheduledEventAttributes?.activityType.name === 'askQuestion';
  const isRegular = file.endsWith('-regular.json') || asksFirst;
  expect(types.slice(0, second).includes('MARKER_RECORDED')).toBe(!isRegular);
});

describe.each(stored)('%s', (file) => {
  test('runs that are under way go on with this code', async () => {
    await expect(replay(code, file)).resolves.toBeUndefined();
  });

  test('a playbook that leaves a phase out is noticed', async () => {
    const without = changed('await eradicate(', 'await (async (..._left) => {})(');
    await expect(replay(without, file)).rejects.toThrow(DeterminismViolationError);
  });

  test('a kit that acts in another way is noticed', async () => {
    const other = changed('activities.runWaves(', 'activities.updateIncident(');
    await expect(replay(other, file)).rejects.toThrow(DeterminismViolationError);
  });
});
