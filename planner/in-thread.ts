import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CordonError } from '../contracts/errors';
import { PlaybookGraph } from '../contracts/graph';
import { Plan } from '../contracts/plan';
import type { PlanFacts } from './facts';
import type { Question, ThreadInput, ThreadOutput } from './thread';

const LIMIT_MS = 10_000;
const MEMORY_MB = 256;
const REGISTRY = join(__dirname, '../workflows/registry.ts');

interface ThreadOptions {
  playbooks?: string;
  limitMs?: number;
}

/** Makes a plan. Throws a CordonError that says what went wrong. */
export async function foretellInThread(facts: PlanFacts, options: ThreadOptions = {}): Promise<Plan> {
  const output = await inThread({ facts }, facts.playbook, options);
  return Plan.parse('plan' in output ? output.plan : undefined);
}

/** Walks all ways through a playbook, `id@version`. Throws a CordonError that says what went wrong. */
export async function exploreInThread(ref: string, options: ThreadOptions = {}): Promise<PlaybookGraph> {
  const output = await inThread({ explore: ref }, ref, options);
  return PlaybookGraph.parse('graph' in output ? output.graph : undefined);
}

/**
 * Runs a playbook's code in a thread of its own, without an environment and without a way out, and ends it after ten seconds: one
 * that loops or eats memory costs its own plan.
 */
function inThread(
  question: Question,
  playbook: string,
  { playbooks = REGISTRY, limitMs = LIMIT_MS }: ThreadOptions,
): Promise<Exclude<ThreadOutput, { failure: unknown }>> {
  const workerData: ThreadInput = { question, playbooks };
  const worker = new Worker(join(__dirname, 'thread.ts'), {
    workerData,
    env: {},
    execArgv: ['--require', require.resolve('tsx/cjs')],
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    stdout: true,
    stderr: true,
  });
  return new Promise<Exclude<ThreadOutput, { failure: unknown }>>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new CordonError(
          'timeout',
          `${playbook} did not get to its end within ${String(limitMs / 1000)} s: it is no longer planned. Does it loop?`,
        ),
      );
    }, limitMs);
    worker.once('message', (output: ThreadOutput) => {
      if ('failure' in output) reject(new CordonError(output.failure.type, output.failure.message));
      else resolve(output);
    });
    worker.once('error', (error) => {
      const { code } = error as NodeJS.ErrnoException;
      reject(
        code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? new CordonError('rejected', `${playbook} needs more than ${String(MEMORY_MB)} MB in a plan.`)
          : new CordonError('internal', `The plan broke: ${error.message}`, { cause: error }),
      );
    });
    worker.once('exit', () => {
      reject(new CordonError('rejected', `${playbook} ended its plan without a result.`));
      clearTimeout(timer);
    });
  }).finally(() => worker.terminate());
}
