import { parentPort, workerData } from 'node:worker_threads';
import { CordonError, type Failure } from '../contracts/errors';
import type { Plan } from '../contracts/plan';
import type { Playbook } from '../workflows/kit/define-playbook';
import type { PlanFacts } from './facts';
import { foretell } from './foretell';
import { seal } from './seal';

/** What a plan thread is given, and what it says. */
export interface ThreadInput {
  readonly facts: PlanFacts;
  /** The file that exports PLAYBOOKS. */
  readonly playbooks: string;
}
export type ThreadOutput = { plan: Plan } | { failure: Failure };

async function main(): Promise<void> {
  const { facts, playbooks } = workerData as ThreadInput;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- which playbooks there are is told to the thread
  const { PLAYBOOKS } = require(playbooks) as { PLAYBOOKS: readonly Playbook[] };
  seal();
  let output: ThreadOutput;
  try {
    output = { plan: await foretell(facts, PLAYBOOKS) };
  } catch (error) {
    if (!(error instanceof CordonError)) throw error;
    output = { failure: error.toFailure() };
  }
  parentPort?.postMessage(output);
}

void main();
