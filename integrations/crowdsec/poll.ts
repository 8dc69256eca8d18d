import type { Alert } from '../../contracts/alert';
import { CordonError } from '../../contracts/errors';
import type { ConnectTools } from '../../contracts/integration';
import type { JsonObject } from '../../contracts/values';
import { noNews, timeOf, toAlert } from './alerts';
import type { CrowdsecClient } from './client';
import { Cursor, LapiAlert, type CrowdsecConfig } from './schemas';

/** At most so many ids are taken in one round; the next round goes on. */
const ROUND = 500;
/** A round that has taken longer than this ends with what it has, well before whoever polls gives up. */
const ROUND_MS = 15_000;
/** An id that does not exist is looked for again for so long: its transaction may still be open. */
const LATE_MS = 10 * 60_000;
const MISSING_MAX = 50;
/** Alerts that are created later than the newest we know by more than this, but have lower ids: the numbering began again. */
const SLACK_MS = 60_000;

interface Read {
  alert: LapiAlert;
  raw: JsonObject;
}

export interface Polled {
  alerts: { alert: Alert; raw: JsonObject }[];
  cursor: Cursor;
}

/**
 * One round of reading alerts. Ids grow, so the cursor is the highest id that was taken, and the ids below it that did not exist
 * yet. The API can neither page nor filter by id: the newest hundred come as a list, the ones before that one by one.
 */
export class Poller {
  constructor(
    private readonly client: CrowdsecClient,
    private readonly config: CrowdsecConfig,
    private readonly tools: Pick<ConnectTools, 'connectionId' | 'log'>,
    private readonly now: () => number = Date.now,
  ) {}

  async poll(stored: JsonObject | null, signal: AbortSignal): Promise<Polled> {
    const newest = new Map<number, Read>();
    for (const one of await this.client.newest(signal)) {
      const read = this.#read(one);
      if (read !== undefined) newest.set(read.alert.id, read);
    }
    const cursor = stored === null ? undefined : Cursor.parse(stored);
    const since = new Date(this.now() - this.config.startHours * 3_600_000).toISOString();
    if (cursor === undefined) return this.#startAt(since, newest);
    if (beganAgain(cursor, newest)) {
      this.tools.log.warn({ connection: this.tools.connectionId }, 'crowdsec: its alerts are numbered anew');
      return this.#startAt(cursor.at, newest);
    }
    return this.#goOn(cursor, newest, signal);
  }

  /** Takes the newest since a time: the first round, and after the numbering began again. */
  #startAt(since: string, newest: ReadonlyMap<number, Read>): Polled {
    const taken = [...newest.values()].filter(({ alert }) => createdAt(alert) >= since).sort(byId);
    const id = Math.max(0, ...newest.keys());
    const at = [since, ...taken.map(({ alert }) => createdAt(alert))].sort().at(-1) ?? since;
    return { alerts: this.#news(taken), cursor: { id, at, missing: [] } };
  }

  async #goOn(cursor: Cursor, newest: ReadonlyMap<number, Read>, signal: AbortSignal): Promise<Polled> {
    const started = this.now();
    const last = Math.max(cursor.id, ...newest.keys());
    const missedSince = new Map(cursor.missing);
    const end = Math.min(last, cursor.id + ROUND);
    const wanted = [...missedSince.keys()];
    for (let id = cursor.id + 1; id <= end; id++) wanted.push(id);
    const taken: Read[] = [];
    const missing: Cursor['missing'] = [];
    let { id: reached, at } = cursor;
    for (const id of wanted) {
      const since = missedSince.get(id);
      if (this.now() - started > ROUND_MS) {
        if (since !== undefined) missing.push([id, since]);
        continue;
      }
      const found = newest.get(id) ?? (await this.#lookUp(id, signal));
      if (found === 'absent') {
        const first = since ?? new Date(this.now()).toISOString();
        if (this.now() - Date.parse(first) < LATE_MS) missing.push([id, first]);
      } else if (found !== undefined) {
        taken.push(found);
        const created = createdAt(found.alert);
        if (created > at) at = created;
      }
      reached = Math.max(reached, id);
    }
    return {
      alerts: this.#news(taken),
      // Those far below are gone for good: only the newest can still be on their way.
      cursor: { id: reached, at, missing: missing.slice(-MISSING_MAX) },
    };
  }

  /** An alert by its id; `absent` when there is none, undefined when it cannot be read. */
  async #lookUp(id: number, signal: AbortSignal): Promise<Read | 'absent' | undefined> {
    try {
      const found = await this.client.alert(id, signal);
      return found === undefined ? 'absent' : this.#read(found);
    } catch (error) {
      // Too large or not JSON: it would be so the next time too, and must not stop those behind it.
      if (!(error instanceof CordonError) || error.type !== 'unexpected_reply') throw error;
      this.#unreadable(id, error.message);
      return undefined;
    }
  }

  #read(one: unknown): Read | undefined {
    const parsed = LapiAlert.safeParse(one);
    if (parsed.success) return { alert: parsed.data, raw: one as JsonObject };
    this.#unreadable(null, 'it has no id');
    return undefined;
  }

  #news(reads: readonly Read[]): Polled['alerts'] {
    return reads.flatMap(({ alert, raw }) => {
      if (this.client.isOurs(alert) || noNews(alert) !== undefined) return [];
      try {
        return [{ alert: toAlert(alert, this.tools.connectionId, this.config), raw }];
      } catch (error) {
        this.#unreadable(alert.id, error instanceof Error ? error.name : 'unknown');
        return [];
      }
    });
  }

  #unreadable(alert: number | null, why: string): void {
    const { connectionId: connection, log } = this.tools;
    log.warn({ connection, alert, why }, 'crowdsec: an alert cannot be read and is left out');
  }
}

const byId = (a: Read, b: Read): number => a.alert.id - b.alert.id;

/** When it was created; in the far past where that cannot be read, so that it counts as old. */
const createdAt = ({ created_at: text }: LapiAlert): string => timeOf(text) ?? '1970-01-01T00:00:00.000Z';

function beganAgain(cursor: Cursor, newest: ReadonlyMap<number, Read>): boolean {
  const missing = new Set(cursor.missing.map(([id]) => id));
  const latest = new Date(Date.parse(cursor.at) + SLACK_MS).toISOString();
  return [...newest.values()].some(
    ({ alert }) => alert.id <= cursor.id && !missing.has(alert.id) && createdAt(alert) > latest,
  );
}
