import { setTimeout as pause } from 'node:timers/promises';
import type { IncidentDetail } from '../contracts/api';
import type { JournalEntry } from '../contracts/journal';
import { api } from './api';

const LOOK_EVERY_MS = 500;

/** One journal entry as a line. */
export function lineOf({ at, actor, kind, data }: JournalEntry): string {
  const what = [
    data['title'],
    data['action'],
    data['target'],
    data['verdict'],
    data['status'],
    data['from'],
    data['to'],
    data['playbook'],
    data['name'],
    data['message'],
    data['text'],
    data['reason'],
  ];
  const simulated = data['simulated'] === true ? ' [simulated]' : '';
  const who = /^(person|channel|source):/.test(actor) ? `${actor}  ` : '';
  return `${at.slice(11, 23)}  ${kind.padEnd(20)} ${who}${what.filter((part) => typeof part === 'string').join('  ')}${simulated}`;
}

const path = (number: string): string => `/incidents/${encodeURIComponent(number)}`;

/** Entries after a seq, and the highest seq of them. */
export async function entriesAfter(number: string, after: number): Promise<JournalEntry[]> {
  const { items } = await api<{ items: JournalEntry[] }>(
    'GET',
    `${path(number)}/timeline?after=${String(after)}`,
  );
  return items;
}

/** Shows what was and what happens until the incident is closed, or until it is interrupted. */
export async function watch(number: string, show: (entry: JournalEntry) => void): Promise<IncidentDetail> {
  for (let seen = 0; ;) {
    // First the incident, then its entries: what closed it is among them.
    const incident = await api<IncidentDetail>('GET', path(number));
    for (let page = await entriesAfter(number, seen); page.length > 0;) {
      for (const entry of page) show(entry);
      seen = page.at(-1)?.seq ?? seen;
      page = await entriesAfter(number, seen);
    }
    if (incident.status === 'closed') return incident;
    await pause(LOOK_EVERY_MS);
  }
}
