import type { Run } from './run';
import type { Matcher } from './wait-for';

const MOST_CHARACTERS = 300;

/** A way of a decision or an answer in words: `yes`, `no`, or what it says. */
export const wayOf = (value: boolean | string): string =>
  value === true ? 'yes' : value === false ? 'no' : value;

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

/** `alerted`: see the words of a playbook. */
export function alerted(run: Run, what: Matcher, about?: { readonly key: string }): boolean {
  return run.alerts.some(({ scope, ...alert }) => {
    const named = [...scope.hosts, ...scope.accounts, ...scope.datasets, ...(scope.processes ?? [])];
    return (
      what.matches({ ...alert, scope }) && (about === undefined || named.some(({ key }) => key === about.key))
    );
  });
}
