import { parentPort, workerData } from 'node:worker_threads';
import { CordonError, type Failure } from '../contracts/errors';
import type { PlaybookGraph } from '../contracts/graph';
import type { Plan } from '../contracts/plan';
import type { Playbook } from '../workflows/kit/define-playbook';
import { explore } from './explore';
import type { PlanFacts } from './facts';
import { foretell } from './foretell';
import { graphOf } from './graph';
import { seal } from './seal';

/** What a plan thread is asked: what a playbook would do with these facts, or all ways through it. */
export type Question = { readonly facts: PlanFacts } | { readonly explore: string };
/** What it is given, and what it says. */
export interface ThreadInput {
  readonly question: Question;
  /** The file that exports PLAYBOOKS. */
  readonly playbooks: string;
}
export type ThreadOutput = { plan: Plan } | { graph: PlaybookGraph } | { failure: Failure };

async function answerTo(question: Question, playbooks: readonly Playbook[]): Promise<ThreadOutput> {
  if ('facts' in question) return { plan: await foretell(question.facts, playbooks) };
  const playbook = playbooks.find(({ ref }) => ref === question.explore);
  if (playbook === undefined) throw new CordonError('not_found', `There is no playbook ${question.explore}.`);
  return { graph: graphOf(await explore(playbook, playbooks)) };
}

async function main(): Promise<void> {
  const { question, playbooks } = workerData as ThreadInput;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- which playbooks there are is told to the thread
  const { PLAYBOOKS } = require(playbooks) as { PLAYBOOKS: readonly Playbook[] };
  seal();
  let output: ThreadOutput;
  try {
    output = await answerTo(question, PLAYBOOKS);
  } catch (error) {
    if (!(error instanceof CordonError)) throw error;
    output = { failure: error.toFailure() };
  }
  parentPort?.postMessage(output);
}

void main();
