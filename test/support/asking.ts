import type { WorkflowBundle } from '@temporalio/worker';

const HEAD = 'async ({ scope, collect, contain, eradicate, release, watch })=>{';

/** The workflow code with a playbook's first lines added, in the words that it has not asked for; they must be findable. */
export function withLines(code: WorkflowBundle, words: string, lines: string): WorkflowBundle {
  if (!('code' in code) || !code.code.includes(HEAD)) throw new Error('the bundle has no such playbook');
  return { code: code.code.replaceAll(HEAD, `${HEAD.replace(' })', `, ${words} })`)} ${lines}`) };
}
