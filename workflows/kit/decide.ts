import type { Run } from './run';

const MOST_CHARACTERS = 300;

/** `decide`: see the words of a playbook. */
export function decide<T extends boolean | string>(
  run: Run,
  title: string,
  given: T,
  among: readonly T[] = [],
): T {
  run.check();
  const ways = typeof given === 'boolean' ? [true, false] : [...new Set([...among, given])];
  // The kit's own reader gives back one of the ways.
  const fact = (run.host.branch?.({ title, fact: given, ways }) ?? given) as T;
  const taken = typeof fact === 'string' ? fact.slice(0, MOST_CHARACTERS) : fact;
  run.tellings.tell({ kind: 'branch', title: title.slice(0, MOST_CHARACTERS), taken });
  return fact;
}

/** `note`: see the words of a playbook. */
export function note(run: Run, text: string): void {
  run.check();
  run.tellings.tell({ kind: 'note', text: text.slice(0, 2000) });
}
