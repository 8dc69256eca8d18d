import Table from 'cli-table3';
import type { Command } from 'commander';
import { plain, plainJson } from './plain-text';

/** One line to people. Control characters of whatever it quotes are gone. */
export function say(line: string): void {
  console.log(plain(line));
}

/** A value to machines. */
export function sayJson(value: unknown, indent?: number): void {
  console.log(plainJson(value, indent));
}

/** Adds a verb that knows `--json`. */
export function verb(parent: Command, usage: string, description: string): Command {
  return parent.command(usage).description(description).option('--json', 'for machines: one JSON value');
}

export interface Common {
  json?: boolean;
}

/** Says of a name that its effects are only pretended. */
export const mark = (simulated: boolean): string => (simulated ? ' (simulated)' : '');

/** Rows for people, JSON for machines. */
export function show<T>(
  { json }: Common,
  value: { items: T[] },
  head: string[],
  cells: (item: T) => string[],
): void {
  if (json === true) {
    sayJson(value);
    return;
  }
  if (value.items.length === 0) {
    say('Nothing.');
    return;
  }
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const item of value.items) table.push(cells(item).map(plain));
  console.log(table.toString());
}

/** What was done: a sentence for people, the answer for machines. */
export function tell({ json }: Common, value: unknown, sentence: string): void {
  if (json === true) sayJson(value);
  else say(sentence);
}
