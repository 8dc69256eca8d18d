import { z } from 'zod';
import type { AlertView } from '../contracts/alert';
import type { CallContext } from '../contracts/integration';
import { Command, MaintenanceInput, type IncidentInput } from '../contracts/messages';
import type { Mode } from '../contracts/values';
import { appendJournal } from '../store/journal';
import { correlateBatch, type CorrelateOptions } from '../store/correlate';
import { markFailed, markSent, takeDue } from '../store/outbox';
import type { Row } from '../store/schema';
import { inTransaction, type Store } from '../store/store';
import type { Runs } from './runs';

const POLL_MS = 250;
const BATCH = 50;

export interface DispatcherDeps {
  store: Store;
  runs: Runs;
  correlation: CorrelateOptions;
  /** Alerts of an incident as a run reads them. */
  readAlerts: (incident: string) => Promise<AlertView[]>;
  log: CallContext['log'];
}

/** Correlates what came in and sends what waits in the outbox. Several processes may run one each. */
export class Dispatcher {
  #wake: () => void = () => undefined;
  #wakes = 0;
  #stopped = false;
  #loop: Promise<void> | undefined;

  constructor(private readonly deps: DispatcherDeps) {}

  start(): void {
    this.#loop = this.#run();
  }

  /** Something came in: look at once. */
  wake(): void {
    this.#wakes += 1;
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#loop;
  }

  /** One round. Returns whether there was anything to do. */
  async round(): Promise<boolean> {
    const correlated = await correlateBatch(this.deps.store, this.deps.correlation);
    const due = await takeDue(this.deps.store, BATCH);
    // One signal for all that came for one incident.
    const groups = new Map<string, Row<'outbox'>[]>();
    for (const row of due) {
      const group = row.kind === 'start_or_signal' ? `alerts:${row.key}` : row.id;
      groups.set(group, [...(groups.get(group) ?? []), row]);
    }
    await Promise.all([...groups.values()].map((rows) => this.#send(rows)));
    return correlated > 0 || due.length > 0;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const wakes = this.#wakes;
      try {
        // What came in while the round was under way may have come in after it looked.
        if ((await this.round()) || wakes !== this.#wakes) continue;
      } catch (error) {
        this.deps.log.warn({ error: String(error) }, 'the dispatcher will try again');
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async #send(rows: Row<'outbox'>[]): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    try {
      await this.#deliver(
        first,
        rows.some(({ payload }) => payload['first'] === true),
      );
      for (const row of rows) await markSent(this.deps.store, row.id);
    } catch (error) {
      this.deps.log.warn(
        { kind: first.kind, key: first.key, error: String(error) },
        'Temporal did not take it; it stays in the outbox',
      );
      for (const row of rows) await markFailed(this.deps.store, row, String(error));
    }
  }

  async #deliver({ id, kind, key, payload }: Row<'outbox'>, isFirst: boolean): Promise<void> {
    const { runs } = this.deps;
    switch (kind) {
      case 'start_or_signal':
        if ((await runs.startOrSignal(await this.#inputOf(key), isFirst)) === 'gone') await this.#reopen(key);
        return;
      case 'decision':
        await runs.decision(key, z.string().parse(payload['decision']));
        return;
      case 'command':
        await runs.command(key, Command.parse(payload));
        return;
      case 'wake':
        await runs.wake(key);
        return;
      case 'release_lease':
      case 'roll_back':
        await runs.maintenance(
          `maintenance/${kind}/${id}`,
          MaintenanceInput.parse({ task: kind, ...payload }),
        );
        return;
      default:
        throw new Error(`the outbox holds a row of the unknown kind ${kind}`);
    }
  }

  async #inputOf(number: string): Promise<IncidentInput> {
    const row = await this.deps.store.db
      .selectFrom('incidents')
      .selectAll()
      .where('number', '=', number)
      .executeTakeFirstOrThrow();
    return {
      number,
      mode: row.mode as Mode,
      severity: row.severity,
      policyVersion: row.policy_version,
      alerts: await this.deps.readAlerts(number),
      ...(row.playbook === null ? {} : { playbook: row.playbook }),
      ...(row.reopens === null ? {} : { reopens: row.reopens }),
    };
  }

  /** The run ended while alerts were on their way: what it has not seen is correlated anew, into an incident that says so. */
  async #reopen(number: string): Promise<void> {
    const { store } = this.deps;
    const at = await store.now();
    await inTransaction(store, async (tx) => {
      const incident = await tx
        .selectFrom('incidents')
        .selectAll()
        .where('number', '=', number)
        .forUpdate()
        .executeTakeFirstOrThrow();
      if (incident.status === 'open') {
        await tx
          .updateTable('incidents')
          .set({ status: 'closed', phase: 'closed', closed_at: at, updated_at: at })
          .where('number', '=', number)
          .execute();
        await appendJournal(tx, {
          incident: number,
          at,
          actor: 'cordon',
          kind: 'incident_closed',
          data: { reason: 'its run had ended' },
        });
      }
      await tx
        .updateTable('alerts')
        .set({ dirty: true, incident: null, seq: null })
        .where('incident', '=', number)
        .where('updated_at', '>', incident.closed_at ?? incident.opened_at)
        .execute();
    });
  }
}
