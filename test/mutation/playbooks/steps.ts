import type { Mutant } from '../mutant';

/** A playbook whose every step, and what else it must not lose, is taken out one at a time. */
export interface PlaybookMutants {
  /** Name of its file, without the ending. */
  readonly name: string;
  readonly steps: number;
  readonly mutants: readonly Mutant[];
}

const GONE = '(async (..._: unknown[]): Promise<any> => [])(';

/**
 * Mutants of one playbook. `steps`: its words that do something, each as it stands in the file up to what makes it unique.
 * `others`: what is taken out besides, and what comes in its place.
 */
export function playbookMutants(
  name: string,
  version: number,
  steps: readonly string[],
  others: readonly (readonly [find: string, replace: string])[],
): PlaybookMutants {
  const common = {
    file: `workflows/playbooks/${name}.ts`,
    test: `test/playbooks/${name}.test.ts`,
    fails: `${name.replaceAll('-', '_')}@${String(version)}, step by step`,
  };
  const all = [...steps.map((find) => [find, find.replace(/^\w+\(/, GONE)] as const), ...others];
  return {
    name,
    steps: steps.length,
    mutants: all.map(([find, replace]) => ({
      what: `${name} without ${find.trim()}`,
      find,
      replace,
      ...common,
    })),
  };
}
