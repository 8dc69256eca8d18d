import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
import type { WorkflowBundle } from '@temporalio/worker';
import {
  COMMAND_UPDATE,
  DECISION_UPDATE,
  incidentWorkflowId,
  INCIDENT_WORKFLOW,
} from '../../contracts/messages';
import type { Command, IncidentInput } from '../../contracts/messages';
import type { FakeWorld } from './fake-activities';
import { BUNDLE_OPTIONS } from '../../temporal-config/bundle';
import { createTimeSkipping } from '../../temporal-config/test-server';
import { quietRuntime } from './temporal';

const noLog = { log: noop, trace: noop, debug: noop, info: noop, warn: noop, error: noop };
function noop(): void {
  // Webpack's progress is not worth reading in a test's output.
}

/** The workflow code as the worker loads it. */
export function bundle(workflowsPath = BUNDLE_OPTIONS.workflowsPath): Promise<WorkflowBundle> {
  return bundleWorkflowCode({ ...BUNDLE_OPTIONS, workflowsPath, logger: noLog });
}

/** One run under test. */
export interface RunUnderTest {
  readonly handle: WorkflowHandle;
  readonly env: TestWorkflowEnvironment;
  /** Tells the run that a decision was stored. */
  decided(): Promise<void>;
  command(command: Command): Promise<void>;
}

/** Reads `check` until it holds: the clock is real between two awaited results. */
export async function eventually(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`it never happened that ${what}`);
}

/** One time-skipping server and one bundle: for all tests of a file. */
export class PlaybookEnv {
  private constructor(
    readonly env: TestWorkflowEnvironment,
    readonly code: WorkflowBundle,
  ) {}

  static async start(): Promise<PlaybookEnv> {
    quietRuntime();
    const env = await createTimeSkipping();
    return new PlaybookEnv(env, await bundle());
  }
  async stop(): Promise<void> {
    await this.env.teardown();
  }

  /** A worker for one test, with the fake world behind it. */
  async worker<T>(world: FakeWorld, work: (taskQueue: string) => Promise<T>): Promise<T> {
    const taskQueue = `test-${randomUUID()}`;
    const worker = await Worker.create({
      connection: this.env.nativeConnection,
      taskQueue,
      workflowBundle: this.code,
      activities: world.activities,
    });
    return worker.runUntil(() => work(taskQueue));
  }

  /** Starts an incident, lets the test do what it does, and waits (skipping time) until the run has ended. */
  async run(
    world: FakeWorld,
    input: IncidentInput,
    during?: (run: RunUnderTest) => Promise<void>,
  ): Promise<RunUnderTest> {
    return this.worker(world, async (taskQueue) => {
      const handle = await this.env.client.workflow.start(INCIDENT_WORKFLOW, {
        args: [input],
        taskQueue,
        workflowId: `${incidentWorkflowId(input.number)}-${randomUUID()}`,
      });
      const run: RunUnderTest = {
        handle,
        env: this.env,
        decided: async () => {
          await handle.executeUpdate(DECISION_UPDATE, { args: [{ decisionId: randomUUID() }] });
        },
        command: async (command) => {
          await handle.executeUpdate(COMMAND_UPDATE, { args: [command], updateId: command.id });
        },
      };
      await during?.(run);
      await handle.result();
      return run;
    });
  }
}
