import { actionSpec } from '../../contracts/actions';
import { AssetIndex } from '../../contracts/assets';
import { resolveScope } from '../../contracts/correlation';
import type { AlertView } from '../../contracts/alert';
import type {
  CordonActivities,
  IncidentUpdate,
  ItemResult,
  WaveInput,
  WaveItem,
} from '../../contracts/messages';
import { simulatedOutput } from '../../contracts/simulated';
import type { JsonObject } from '../../contracts/values';

export type FakeAnswer = Partial<Pick<ItemResult, 'status' | 'output' | 'failure' | 'request' | 'againInMs'>>;
/** Decides about one effect; undefined lets it succeed. `call` counts the times that this occurrence was asked for. */
export type Decide = (item: WaveItem, call: number) => FakeAnswer | undefined;

const SHA = 'a'.repeat(64);

/** What all went well looks like, with values of the fake's own where tests look at them. */
function output(item: WaveItem): JsonObject {
  const simulated = simulatedOutput(item, '2026-02-28T00:00:00Z');
  switch (item.action) {
    case 'endpoint.scan_av':
      return { ...simulated, engine: 'fake' };
    case 'endpoint.quarantine_file':
      return { sha256: SHA, ...item.input };
    case 'data.verify_backup':
      return { ...simulated, snapshot: 'snap-7' };
    case 'data.restore_backup':
      return { files: 3, ...item.input };
    default:
      return simulated;
  }
}

/**
 * Cordon's activities with a memory instead of SQL. An effect happens once for each occurrence however often it is
 * asked for, leases are kept by target, and a release of a host waits for its newest scan.
 */
export class FakeWorld {
  /** Effects and other doings, in order: `isolate_host/host:fin-ws-042`, with `#2` for a second occurrence. */
  readonly done: string[] = [];
  readonly waves: WaveInput[] = [];
  readonly updates: IncidentUpdate[] = [];
  readonly leases = new Map<string, WaveItem>();
  readonly alerts: AlertView[] = [];
  decide: Decide = () => undefined;
  /** Answers that people have given, by `name/about#occurrence`; and the questions that were asked, with when they end. */
  readonly answers = new Map<string, JsonObject>();
  readonly questions = new Map<string, string>();
  /** The time of every open question is over. */
  lapse = false;
  /** Called within each update, before it is answered. */
  onUpdate: (update: IncidentUpdate) => void = () => undefined;
  readonly #calls = new Map<string, number>();
  readonly #settled = new Map<string, ItemResult>();
  readonly #dirty = new Set<string>();

  constructor(alerts: readonly AlertView[]) {
    this.alerts.push(...alerts);
  }

  /** What the run last said that a person must look at. */
  attention: string | null = null;

  #note(progress: WaveInput['progress']): void {
    if (progress?.attention !== undefined) this.attention = progress.attention;
  }

  #settle(group: string, item: WaveItem): ItemResult {
    const key = `${group} ${item.id} ${String(item.occurrence)}`;
    const before = this.#settled.get(key);
    if (before !== undefined) return before;
    const call = (this.#calls.get(key) ?? 0) + 1;
    this.#calls.set(key, call);
    const target = actionSpec(item.action).target(item.input);
    const result: ItemResult = {
      id: item.id,
      occurrence: item.occurrence,
      action: item.action,
      target,
      connection: 'fake',
      status: 'succeeded',
      output: output(item),
      ...this.decide(item, call),
    };
    if (item.release && item.onlyWhenClean && this.#dirty.has(target.key)) result.status = 'denied';
    const open = ['awaiting', 'running', 'pending', 'held'].includes(result.status);
    if (open) return result;
    this.#settled.set(key, result);
    const suffix = item.occurrence === 1 ? '' : `#${String(item.occurrence)}`;
    this.done.push(`${item.id}${suffix}${result.status === 'succeeded' ? '' : ` ${result.status}`}`);
    if (result.status !== 'succeeded') return result;
    const lease = `${item.action} ${target.key}`;
    if (item.release) this.leases.delete(lease);
    else if (item.leaseSeconds !== null) this.leases.set(lease, item);
    if (item.action === 'endpoint.scan_av') {
      if (result.output?.['clean'] === true) this.#dirty.delete(target.key);
      else this.#dirty.add(target.key);
    }
    return result;
  }

  readonly activities: CordonActivities = {
    runWave: async (input) => {
      this.waves.push(input);
      this.#note(input.progress);
      return { items: input.items.map((item) => this.#settle(input.group.id, item)) };
    },
    runWaves: (inputs) => Promise.all(inputs.map((input) => this.activities.runWave(input))),
    readAlerts: async ({ afterSeq }) => ({
      alerts: this.alerts.filter(({ seq }) => seq > afterSeq).slice(0, 50),
    }),
    updateIncident: async (update) => {
      this.updates.push(update);
      this.#note(update.progress);
      this.onUpdate(update);
      if (update.close === undefined) return { closed: false, moreAlerts: false };
      const { seenAlertSeq, verdict } = update.close;
      const moreAlerts = this.alerts.some(({ seq }) => seq > seenAlertSeq);
      if (!moreAlerts) this.done.push(`closed ${verdict}`);
      return { closed: !moreAlerts, moreAlerts };
    },
    askQuestion: async ({ form, about, occurrence }) => {
      const name = `${form.name}/${about}#${String(occurrence)}`;
      const answer = this.answers.get(name);
      const known =
        this.questions.get(name) ?? new Date(Date.now() + form.withinSeconds * 1000).toISOString();
      this.questions.set(name, known);
      if (answer !== undefined) return { id: name, status: 'answered', answer, expiresAt: known };
      const isOver = this.lapse && form.default !== null;
      return isOver
        ? { id: name, status: 'lapsed', answer: form.default ?? {}, expiresAt: known }
        : { id: name, status: 'open', expiresAt: known };
    },
    widenScope: async ({ entities }) => ({ scope: resolveScope({ entities }, new AssetIndex([])) }),
    rollBack: async ({ by }) => {
      const released = this.leases.size;
      this.leases.clear();
      this.done.push(`rolled back by ${by}`);
      return { released, failed: 0 };
    },
    sweepLeases: async () => ({ due: 3, released: 2, failed: 1 }),
    releaseLease: async () => ({ status: 'shared' }),
    auditLeases: async () => ({ leases: 4, lost: 1, unleased: 0, unread: 0 }),
    pollSource: async () => ({ alerts: 7 }),
    startDrill: async ({ key }) => ({ incident: key }),
  };
}
