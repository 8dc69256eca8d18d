import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Table3 from 'cli-table3';

const MESSAGE = 300;

/** One proved effect: what was seen from outside before, during and after. */
export interface Row {
  what: string;
  before: string;
  during: string;
  after: string;
  ok: boolean;
}

/** The rows of a run, and what they add up to. */
export class Table {
  readonly rows: Row[] = [];
  readonly skipped: string[] = [];
  constructor(private readonly say: (line: string) => void) {}

  /** Adds a row that holds when what was seen is what was expected; what differs is shown with what was expected. */
  row(
    what: string,
    steps: Partial<Record<'before' | 'during' | 'after', [seen: unknown, expected: unknown]>>,
  ): void {
    let ok = true;
    const cell = (step: [unknown, unknown] | undefined): string => {
      if (step === undefined) return '';
      const [seen, expected] = step.map(text);
      if (seen === expected) return seen ?? '';
      ok = false;
      return `${seen ?? ''} (expected ${expected ?? ''})`;
    };
    this.#add({ what, before: cell(steps.before), during: cell(steps.during), after: cell(steps.after), ok });
  }

  /** Adds a row for something that did not come about. */
  fail(what: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#add({ what, before: '', during: '', after: message.slice(0, MESSAGE), ok: false });
  }

  skip(what: string, why: string): void {
    this.skipped.push(`${what}: ${why}`);
    this.say(`- ${what} (skipped: ${why})`);
  }

  #add(row: Row): void {
    this.rows.push(row);
    const seen = [row.before, row.during, row.after].filter((cell) => cell !== '').join(' → ');
    this.say(`${row.ok ? '✓' : '✗'} ${row.what}: ${seen}`);
  }

  get counts(): { passed: number; failed: number; skipped: number } {
    const passed = this.rows.filter(({ ok }) => ok).length;
    return { passed, failed: this.rows.length - passed, skipped: this.skipped.length };
  }

  toString(): string {
    const table = new Table3({
      head: ['what', 'before', 'during', 'after', 'ok'],
      style: { head: [], border: [] },
      colWidths: [44, 26, 32, 32, 5],
      wordWrap: true,
    });
    for (const { what, before, during, after, ok } of this.rows)
      table.push([what, before, during, after, ok ? 'yes' : 'NO']);
    return [table.toString(), ...this.skipped.map((line) => `skipped: ${line}`)].join('\n');
  }
}

function text(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What the outside reads of a run. */
export function writeRows(folder: string, table: Table): void {
  writeFileSync(join(folder, 'rows.json'), JSON.stringify({ rows: table.rows, skipped: table.skipped }));
}

export function readRows(folder: string): { rows: Row[]; skipped: string[] } {
  return JSON.parse(readFileSync(join(folder, 'rows.json'), 'utf8')) as {
    rows: Row[];
    skipped: string[];
  };
}
