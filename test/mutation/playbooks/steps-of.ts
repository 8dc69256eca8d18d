import type { Mutant } from '../mutant';

/** Mutants of one playbook, noticed by its step-by-step tests on the virtual clock. */
export interface PlaybookMutants {
  /** The file's name without its ending. */
  readonly name: string;
  /** One for each phase that the playbook goes through. */
  readonly steps: readonly Mutant[];
  /** Options, questions, and who is meant. */
  readonly others: readonly Mutant[];
}

const gone = '(async (..._: unknown[]) => undefined)(';

/** `steps`: each word that does something, as it stands in the file up to what makes it unique. `others`: what is replaced by what. */
export function stepsOf(
  name: string,
  version: number,
  steps: readonly string[],
  others: readonly (readonly [find: string, replace: string])[],
): PlaybookMutants {
  const at = {
    file: `workflows/playbooks/${name}.ts`,
    test: `test/playbooks/${name}.test.ts`,
    fails: `${name.replaceAll('-', '_')}@${String(version)}, step by step`,
  };
  const what = (find: string): string => `${name} without ${find.trim()}`;
  return {
    name,
    steps: steps.map((find) => ({ ...at, what: what(find), find, replace: find.replace(/^\w+\(/, gone) })),
    others: others.map(([find, replace]) => ({ ...at, what: what(find), find, replace })),
  };
}
