import { actionSpec, type ActionId } from '../contracts/actions';
import { drillConnection } from '../contracts/drill';
import { CordonError } from '../contracts/errors';
import { identify } from '../contracts/identity';
import type { CallContext, Handler, Probe } from '../contracts/integration';
import { SYSTEM_CHAIN } from '../contracts/journal';
import type { LeaseAuditRow } from '../contracts/lease';
import type { Target } from '../contracts/values';
import { appendJournal } from '../store/journal';
import { finishAudit } from '../store/lease-audits';
import { holdersOf } from '../store/leases';
import type { Row } from '../store/schema';
import { inTransaction } from '../store/store';
import type { Route } from './route';
import { asCordonError, withTimeout } from './effect';
import type { ConnectionGates } from './gates';
import type { WaveCall } from './run-wave';
import type { RunnerDeps } from './runner-types';

const CALL_TIMEOUT_MS = 30_000;
const HEARTBEAT_MS = 1_000;
/** A product that has not answered so often is not asked again in this audit. */
const PATIENCE = 3;

interface Listed {
  route: Route;
  action: ActionId;
  input: object;
  target: Target;
}

/**
 * Compares every lease with what its product says, and every list of a product with the leases. It tells no product to change
 * anything, and no lease ends by it: what is lost is journaled once and shown to people.
 */
export class LeaseAuditor {
  readonly #silent = new Map<string, number>();
  readonly #signal: AbortSignal;

  constructor(
    private readonly deps: RunnerDeps,
    private readonly gates: ConnectionGates,
    private readonly call: WaveCall,
  ) {
    this.#signal = call.signal ?? new AbortController().signal;
  }

  async run(audit?: string): Promise<{ leases: number; lost: number; unleased: number; unread: number }> {
    const { heartbeat } = this.call;
    const beat = heartbeat === undefined ? undefined : setInterval(heartbeat, HEARTBEAT_MS);
    try {
      return await this.#run(audit);
    } finally {
      clearInterval(beat);
    }
  }

  async #run(audit?: string) {
    const { store } = this.deps;
    const startedAt = await store.now();
    // The lists first: what is contained while they are read has its lease by the time that the leases are.
    const lists = await Promise.all(this.deps.connections.reversible().map((one) => this.#list(one)));
    const leases = await store.db
      .selectFrom('leases')
      .selectAll()
      .where('status', '<>', 'released')
      // What is pretended is in force nowhere.
      .where('connection', 'not like', drillConnection('%'))
      .orderBy('created_at')
      .execute();
    const rows = await Promise.all(leases.map((lease) => this.#compare(lease)));
    rows.push(...lists.flatMap(({ unread }) => unread));
    const known = new Set(leases.map((one) => keyOf(one.connection, one.action, one.target_key)));
    for (const key of await this.#underWay()) known.add(key);
    const strays = lists
      .flatMap(({ listed }) => listed)
      .filter(({ route, action, target }) => !known.has(keyOf(route.id, action, target.key)));
    const unleased = await Promise.all(strays.map((one) => this.#confirm(one)));
    rows.push(...unleased.filter((row) => row !== undefined));
    const at = await store.now();
    for (const row of rows) await this.#note(row, at);
    await inTransaction(store, (tx) => finishAudit(tx, audit, rows, { startedAt, at }));
    const count = (finding: LeaseAuditRow['finding']): number =>
      rows.filter((row) => row.finding === finding).length;
    return {
      leases: leases.length,
      lost: count('lost'),
      unleased: count('unleased'),
      unread: count('unread'),
    };
  }

  /** What a product says that an action of it is in force on, as far as this connection is the one that serves it. */
  async #list([route, action]: [Route, ActionId]): Promise<{ listed: Listed[]; unread: LeaseAuditRow[] }> {
    try {
      const handler = route.handler();
      const list = handler.inForce?.bind(handler);
      if (list === undefined) return { listed: [], unread: [] };
      const inputs = await this.#ask(route, handler, list);
      const listed = inputs.map((input) => {
        const { target } = identify({ action, input }, this.deps.assets);
        return { route, action, input, target };
      });
      return { listed: listed.filter((one) => this.#isServed(one)), unread: [] };
    } catch (error) {
      const target: Target = { kind: 'channel', key: `channel:${route.id}`, label: `all of ${route.id}` };
      return { listed: [], unread: [unread({ route, action, target }, error)] };
    }
  }

  #isServed({ route, action, target }: Listed): boolean {
    return this.deps.connections.route(action, target, this.deps.assets).id === route.id;
  }

  async #compare(lease: Row<'leases'>): Promise<LeaseAuditRow> {
    const row: LeaseAuditRow = {
      connection: lease.connection,
      simulated: lease.simulated,
      action: lease.action as ActionId,
      target: {
        kind: lease.target_kind as Target['kind'],
        key: lease.target_key,
        label: lease.target_label,
      },
      lease: lease.id,
      here: lease.status as 'in_force' | 'releasing',
      there: 'unknown',
      finding: 'unread',
      detail: null,
      holders: await holdersOf(this.deps.store.db, lease.id),
    };
    try {
      const { action } = row;
      const route = this.deps.connections.byId(lease.connection, action, lease.integration);
      const probe = await this.#probe(route, actionSpec(action).input.parse(lease.inverse_input) as object);
      if (probe === undefined) return { ...row, detail: 'The product cannot be asked for its state.' };
      const isLost = !probe.inForce && lease.status === 'in_force';
      return { ...row, there: probe.inForce ? 'in_force' : 'gone', finding: isLost ? 'lost' : 'agrees' };
    } catch (error) {
      return { ...row, detail: asCordonError(error).message };
    }
  }

  /** Still in force, although no lease knows of it. */
  async #confirm(one: Listed): Promise<LeaseAuditRow | undefined> {
    try {
      const probe = await this.#probe(one.route, one.input);
      if (probe?.inForce === false) return undefined;
      return { ...unread(one, undefined), there: 'in_force', finding: 'unleased', detail: null };
    } catch (error) {
      return unread(one, error);
    }
  }

  async #probe(route: Route, input: object): Promise<Probe | undefined> {
    const handler = route.handler();
    const probe = handler.probe?.bind(handler);
    if (probe === undefined) return undefined;
    return this.#ask(route, handler, (context) => probe(input as never, context));
  }

  async #ask<T>(
    route: Route,
    { timeoutMs }: Pick<Handler<ActionId>, 'timeoutMs'>,
    work: (context: CallContext) => Promise<T>,
  ): Promise<T> {
    return this.gates.through(route, this.#signal, async () => {
      const failures = this.#silent.get(route.id) ?? 0;
      if (failures >= PATIENCE) throw new CordonError('unavailable', `${route.id} did not answer before.`);
      try {
        return await withTimeout(
          () => work(this.#context(route)),
          timeoutMs ?? CALL_TIMEOUT_MS,
          this.#signal,
        );
      } catch (error) {
        const { type } = asCordonError(error);
        if (type === 'unavailable' || type === 'timeout') this.#silent.set(route.id, failures + 1);
        throw error;
      }
    });
  }

  /** With this an adapter can read and cannot change anything: its fence never opens. */
  #context(route: Route): CallContext {
    const never = (): Promise<never> =>
      Promise.reject(new CordonError('rejected', 'An audit changes nothing at a product.'));
    return {
      actionKey: `audit/${route.id}`,
      incident: SYSTEM_CHAIN,
      reason: 'audit of containments',
      attempt: 1,
      signal: this.#signal,
      log: this.deps.log,
      fence: never,
      putEvidence: never,
    };
  }

  /** Effects that have no lease yet. */
  async #underWay(): Promise<string[]> {
    const claims = await this.deps.store.db
      .selectFrom('claims')
      .select(['connection', 'action', 'target_key'])
      .where('state', '<>', 'done')
      .execute();
    return claims.map((one) => keyOf(one.connection, one.action, one.target_key));
  }

  /** Journals what is lost, once; what is found in force again may be lost again. */
  async #note(row: LeaseAuditRow, at: Date): Promise<void> {
    const { lease: id, finding, there, target } = row;
    if (id === null || (finding !== 'lost' && there !== 'in_force')) return;
    await inTransaction(this.deps.store, async (tx) => {
      const lease = await tx
        .selectFrom('leases')
        .select(['lost_at', 'status'])
        .where('id', '=', id)
        .forUpdate()
        .executeTakeFirst();
      // Released meanwhile: then it is gone because of us.
      if (finding === 'lost' && lease?.status !== 'in_force') {
        Object.assign(row, { finding: 'agrees', here: lease?.status === 'releasing' ? 'releasing' : 'none' });
        return;
      }
      if ((lease?.lost_at === null) !== (finding === 'lost')) return;
      const lostAt = finding === 'lost' ? at : null;
      await tx.updateTable('leases').set({ lost_at: lostAt }).where('id', '=', id).execute();
      if (lostAt === null) return;
      for (const incident of await holdersOf(tx, id)) {
        await appendJournal(tx, {
          incident,
          at,
          actor: 'cordon',
          kind: 'lease_audit_mismatch',
          data: { lease: id, action: row.action, target: target.key, connection: row.connection, finding },
        });
        await tx
          .updateTable('incidents')
          .set({
            attention: `The containment of ${target.label} is no longer in force at ${row.connection}: contain it again, or release it.`,
          })
          .where('number', '=', incident)
          .where('attention', 'is', null)
          .execute();
      }
    });
  }
}

const keyOf = (connection: string, action: string, target: string): string =>
  `${connection}|${action}|${target}`;

function unread({ route, action, target }: Omit<Listed, 'input'>, error: unknown): LeaseAuditRow {
  return {
    connection: route.id,
    simulated: route.simulated,
    action,
    target,
    lease: null,
    here: 'none',
    there: 'unknown',
    finding: 'unread',
    detail: error === undefined ? null : asCordonError(error).message,
    holders: [],
  };
}
