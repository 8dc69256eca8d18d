import type { Run } from './run';

const MOST_CHARACTERS = 300;

/** `decide`: see the words of a playbook. */
export function decide<T extends boolean | string>(run: Run, title: string, fact: T): T {
  run.check();
  const way = (run.host.branch?.(title, fact) ?? fact) as T;
  const taken: boolean | string = typeof way === 'string' ? way.slice(0, MOST_CHARACTERS) : way;
  run.tellings.tell({ kind: 'branch', title: title.slice(0, MOST_CHARACTERS), taken });
  return way;
}

/** `note`: see the words of a playbook. */
export function note(run: Run, text: string): void {
  run.check();
  run.tellings.tell({ kind: 'note', text: text.slice(0, 2000) });
}
