import { z } from 'zod';
import type { AlertView } from '../contracts/alert';
import type { CallContext } from '../contracts/integration';
import { Command, MaintenanceInput, type IncidentInput } from '../contracts/messages';
import type { Mode } from '../contracts/values';
import { correlateBatch, noteSeen, signalAgain, type CorrelateOptions } from '../store/correlate';
import { forgetRequests } from '../store/once';
import { forgetSent, markFailed, markSent, takeDue } from '../store/outbox';
import type { Row } from '../store/schema';
import type { Store } from '../store/store';
import { targetsOf } from '../store/targets';
import { noteUndelivered, reopen } from './ended-runs';
import { Loops } from './loops';
import { TemporalAway, WorkerAway, type Runs } from './runs';

const POLL_MS = 250;
const IN_FLIGHT = 50;
/** While Temporal is away only so many knock at a time. */
const IN_FLIGHT_AWAY = 3;
const KNOCK_AGAIN_MS = 1_000;
const CHORES_EVERY_MS = 60_000;

export interface DispatcherDeps {
  store: Store;
  runs: Runs;
  correlation: CorrelateOptions;
  /** Alerts of an incident as a run reads them. */
  readAlerts: (incident: string) => Promise<AlertView[]>;
  log: CallContext['log'];
}

/** Rows that go out as one message: all signals that wait for one incident; anything else by itself. */
function groups(rows: readonly Row<'outbox'>[]): Row<'outbox'>[][] {
  const found = new Map<string, Row<'outbox'>[]>();
  for (const row of rows) {
    const name = row.kind === 'start_or_signal' ? `alerts:${row.key}` : row.id;
    found.set(name, [...(found.get(name) ?? []), row]);
  }
  return [...found.values()];
}

/**
 * Correlates what came in and sends what waits in the outbox, each in a loop of its own: neither an alert that cannot be correlated
 * nor a run that does not answer holds up the rest. Several processes may run one each.
 */
export class Dispatcher {
  readonly #loops: Loops;
  readonly #sending = new Set<Promise<void>>();
  #isTemporalAway = false;
  /** Every place in flight was taken at the last look: there may be more. */
  #isFull = false;
  #choresAt = 0;

  constructor(private readonly deps: DispatcherDeps) {
    this.#loops = new Loops(deps.log, 'the dispatcher will try again');
  }

  start(): void {
    this.#loops.start(() => this.#correlate(), POLL_MS);
    this.#loops.start(() => this.#dispatch(), POLL_MS);
  }

  /** Something came in: look at once. */
  wake(): void {
    this.#loops.wake();
  }

  /** Ends both loops and waits for what is on its way. */
  async stop(): Promise<void> {
    await this.#loops.stop();
    await Promise.all(this.#sending);
  }

  async #correlate(): Promise<boolean> {
    const taken = await correlateBatch(this.deps.store, this.deps.correlation);
    if (taken > 0) this.wake();
    if (Date.now() - this.#choresAt > CHORES_EVERY_MS) {
      this.#choresAt = Date.now();
      await signalAgain(this.deps.store);
      await forgetSent(this.deps.store);
      await forgetRequests(this.deps.store);
    }
    return taken > 0;
  }

  async #dispatch(): Promise<boolean> {
    const free = (this.#isTemporalAway ? IN_FLIGHT_AWAY : IN_FLIGHT) - this.#sending.size;
    const due = free <= 0 ? [] : await takeDue(this.deps.store, free);
    this.#isFull = due.length >= free;
    for (const rows of groups(due)) {
      const sending = this.#send(rows)
        .catch((error: unknown) => {
          this.deps.log.warn({ error }, 'the outbox could not be written; its rows are sent again');
        })
        .finally(() => {
          this.#sending.delete(sending);
          if (this.#isFull) this.wake();
        });
      this.#sending.add(sending);
    }
    return due.length > 0;
  }

  async #send(rows: Row<'outbox'>[]): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    const { store, log } = this.deps;
    try {
      await this.#deliver(
        first,
        rows.some(({ payload }) => payload['first'] === true),
      );
    } catch (error) {
      if (error instanceof TemporalAway) {
        if (!this.#isTemporalAway)
          log.warn({ error }, 'Temporal does not answer; what waits in the outbox goes out when it is back');
        this.#isTemporalAway = true;
        await markFailed(store, rows, 'Temporal does not answer', KNOCK_AGAIN_MS);
        return;
      }
      const { kind, key } = first;
      log.warn({ kind, key, error }, 'it could not be delivered; it stays in the outbox');
      const inMs = error instanceof WorkerAway ? KNOCK_AGAIN_MS : undefined;
      await markFailed(store, rows, String(error), inMs);
      return;
    }
    if (this.#isTemporalAway) log.info({}, 'Temporal is back');
    this.#isTemporalAway = false;
    await markSent(
      store.db,
      rows.map(({ id }) => id),
      await store.now(),
    );
  }

  async #deliver({ id, kind, key, payload }: Row<'outbox'>, isFirst: boolean): Promise<void> {
    const { runs, store } = this.deps;
    switch (kind) {
      case 'start_or_signal':
        await this.#startOrSignal(key, isFirst);
        return;
      case 'decision':
        // The decision is in SQL. A signal is as good as an Update here, and Temporal keeps it while no worker is there.
        if ((await runs.wake(key)) === 'gone')
          await noteUndelivered(store, key, `the decision ${z.string().parse(payload['decision'])}`);
        return;
      case 'command':
        await this.#command(key, Command.parse(payload));
        return;
      case 'wake':
        await runs.wake(key);
        return;
      case 'release_lease':
      case 'roll_back':
      case 'audit_leases':
        await runs.maintenance(
          `maintenance/${kind}/${id}`,
          MaintenanceInput.parse({ task: kind, ...payload }),
        );
        return;
      default:
        throw new Error(`the outbox holds a row of the unknown kind ${kind}`);
    }
  }

  async #startOrSignal(incident: string, isFirst: boolean): Promise<void> {
    const { runs, store } = this.deps;
    const input = await this.#inputOf(incident);
    const answer = await runs.startOrSignal(input, isFirst);
    if (answer === 'gone') await reopen(store, incident);
    // Its alerts rode along: it has seen them without asking.
    if (answer === 'started') await noteSeen(store, incident, input.alerts.at(-1)?.seq ?? 0);
  }

  async #command(incident: string, command: Command): Promise<void> {
    const answer = await this.deps.runs.command(incident, command);
    if (answer === 'ok') return;
    const what = `the ${command.kind === 'resolve_item' ? `${command.resolution} of ${command.item}` : command.kind} by ${command.by}`;
    await noteUndelivered(this.deps.store, incident, what, answer === 'gone' ? undefined : answer.refused);
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
      quickStart: true,
      ...(row.target_seq === 0 ? {} : { targets: await targetsOf(this.deps.store, number) }),
      ...(row.playbook === null ? {} : { playbook: row.playbook }),
      ...(row.reopens === null ? {} : { reopens: row.reopens }),
    };
  }
}
