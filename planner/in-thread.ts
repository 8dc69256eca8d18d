import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CordonError } from '../contracts/errors';
import { Plan } from '../contracts/plan';
import type { PlanFacts } from './facts';
import type { ThreadInput, ThreadOutput } from './thread';

const LIMIT_MS = 10_000;
const MEMORY_MB = 256;
const REGISTRY = join(__dirname, '../workflows/registry.ts');

/**
 * Makes a plan in a thread of its own, without an environment and without a way out, and ends it after ten seconds: a playbook that
 * loops or eats memory costs its own plan. Throws a CordonError that says what went wrong.
 */
export function foretellInThread(
  facts: PlanFacts,
  { playbooks = REGISTRY, limitMs = LIMIT_MS }: { playbooks?: string; limitMs?: number } = {},
): Promise<Plan> {
  const workerData: ThreadInput = { facts, playbooks };
  const worker = new Worker(join(__dirname, 'thread.ts'), {
    workerData,
    env: {},
    execArgv: ['--require', require.resolve('tsx/cjs')],
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    stdout: true,
    stderr: true,
  });
  return new Promise<Plan>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new CordonError(
          'timeout',
          `${facts.playbook} did not get to its end within ${String(limitMs / 1000)} s: it is no longer planned. Does it loop?`,
        ),
      );
    }, limitMs);
    worker.once('message', (output: ThreadOutput) => {
      if ('plan' in output) resolve(Plan.parse(output.plan));
      else reject(new CordonError(output.failure.type, output.failure.message));
    });
    worker.once('error', (error) => {
      const { code } = error as NodeJS.ErrnoException;
      reject(
        code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? new CordonError(
              'rejected',
              `${facts.playbook} needs more than ${String(MEMORY_MB)} MB in a plan.`,
            )
          : new CordonError('internal', `The plan broke: ${error.message}`, { cause: error }),
      );
    });
    worker.once('exit', () => {
      reject(new CordonError('rejected', `${facts.playbook} ended its plan without a result.`));
      clearTimeout(timer);
    });
  }).finally(() => worker.terminate());
}
