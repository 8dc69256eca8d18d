import type { Run } from './run';

/** A playbook's own mistake, as the kit finds it: an input that does not fit, a playbook that is not there. */
export class PlaybookError extends Error {
  override readonly name = 'PlaybookError';
}

const FRAME = /\(?((?:[^\s()]*[\\/])?[^\s()\\/]+\.ts):(\d+)(?::\d+)?\)?$/;
const NOT_THE_AUTHORS = /workflows[\\/]kit[\\/]|node_modules[\\/]|node:/;

/** Where the author's code was when it failed: `workflows/playbooks/phishing.ts:42`; undefined where the stack does not say. */
export function whereOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  const frames = error.stack
    .split('\n')
    .map((line) => FRAME.exec(line.trim()))
    .filter((frame) => frame !== null)
    .map(([, file = '', line = '']) => ({ file: file.replace(/\\/g, '/'), line }));
  const own = frames.find(({ file }) => file.includes('/playbooks/'));
  const found = own ?? frames.find(({ file }) => !NOT_THE_AUTHORS.test(file));
  // From the repository on: where it lies on this machine is nobody's business.
  return found === undefined
    ? undefined
    : `${found.file.replace(/^.*?\/(?=(?:workflows|test)\/)/, '')}:${found.line}`;
}

/** What has failed, where, and why, in one sentence. */
function inWords(playbook: string, error: unknown): string {
  const where = whereOf(error);
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `The playbook ${playbook} failed${where === undefined ? '' : ` at ${where}`}: ${why}`.slice(0, 1500);
}

/** Notes that the playbook broke: a person has to take over. The run goes on as far as it can without it. */
export function noteFailure(run: Run, error: unknown): void {
  run.failure ??= { error };
  const text = `${inWords(run.playbook ?? '', error)}. What is contained stays contained; a person has to take over`;
  run.ledger.note('failure', text, true);
  run.host.log('the playbook failed', { error: text });
}
