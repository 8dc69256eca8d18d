import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Store } from '../store/store';

/** What `/metrics` shows. */
export interface Metrics {
  registry: Registry;
  rejected: Counter;
  accepted: Counter;
}

/** Counts in SQL, by name; one query each, all over partial indexes. */
const GAUGES: readonly { name: string; help: string; read: (store: Store) => Promise<number> }[] = [
  {
    name: 'cordon_incidents_open',
    help: 'Incidents that are open.',
    read: ({ db }) =>
      count(
        db
          .selectFrom('incidents')
          .select((eb) => eb.fn.countAll<string>().as('n'))
          .where('status', '=', 'open'),
      ),
  },
  {
    name: 'cordon_incidents_needing_a_person',
    help: 'Open incidents whose run waits for a person.',
    read: ({ db }) =>
      count(
        db
          .selectFrom('incidents')
          .select((eb) => eb.fn.countAll<string>().as('n'))
          .where('status', '=', 'open')
          .where('attention', 'is not', null),
      ),
  },
  {
    name: 'cordon_approval_requests_open',
    help: 'Approval requests with items that nobody has settled.',
    read: ({ db }) =>
      count(
        db
          .selectFrom('approval_requests')
          .select((eb) => eb.fn.countAll<string>().as('n'))
          .where('status', '=', 'open'),
      ),
  },
  {
    name: 'cordon_leases_in_force',
    help: 'Containments that are in force, or whose release is under way.',
    read: ({ db }) =>
      count(
        db
          .selectFrom('leases')
          .select((eb) => eb.fn.countAll<string>().as('n'))
          .where('status', '<>', 'released'),
      ),
  },
  {
    name: 'cordon_leases_release_failed',
    help: 'Containments whose release failed and is tried again.',
    read: ({ db }) =>
      count(
        db
          .selectFrom('leases')
          .select((eb) => eb.fn.countAll<string>().as('n'))
          .where('status', '=', 'releasing')
          .where('last_error', 'is not', null),
      ),
  },
  {
    name: 'cordon_alerts_waiting',
    help: 'Alerts that are stored and not yet correlated.',
    read: ({ db }) =>
      count(
        db
          .selectFrom('alerts')
          .select((eb) => eb.fn.countAll<string>().as('n'))
          .where('dirty', '=', true),
      ),
  },
  {
    name: 'cordon_outbox_depth',
    help: 'Messages that wait for Temporal.',
    read: ({ db }) =>
      count(
        db
          .selectFrom('outbox')
          .select((eb) => eb.fn.countAll<string>().as('n'))
          .where('done_at', 'is', null)
          .where('kind', '<>', 'notice'),
      ),
  },
  {
    name: 'cordon_outbox_oldest_seconds',
    help: 'Age of the oldest message that waits for Temporal.',
    read: async (store) => {
      const { db } = store;
      const row = await db
        .selectFrom('outbox')
        .select((eb) => eb.fn.min('created_at').as('oldest'))
        .where('done_at', 'is', null)
        .where('kind', '<>', 'notice')
        .executeTakeFirst();
      const oldest = row?.oldest as Date | null | undefined;
      return oldest == null ? 0 : Math.max(0, ((await store.now()).getTime() - oldest.getTime()) / 1000);
    },
  },
  {
    name: 'cordon_kill_switch',
    help: '1 while effects are held.',
    read: async ({ db }) => {
      const row = await db
        .selectFrom('settings')
        .select('value')
        .where('key', '=', 'kill_switch')
        .executeTakeFirst();
      return (row?.value as { on?: boolean } | undefined)?.on === true ? 1 : 0;
    },
  },
];

async function count(query: { executeTakeFirstOrThrow(): Promise<{ n: string }> }): Promise<number> {
  return Number((await query.executeTakeFirstOrThrow()).n);
}

/** The metrics of one server process; what is in SQL is read when it is asked for. */
export function createMetrics(store: Store): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name, help, read } of GAUGES)
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        try {
          this.set(await read(store));
        } catch {
          // The database is away: no number is better than a wrong one, and `cordon_database_up` says so.
          this.remove();
        }
      },
    });
  new Gauge({
    name: 'cordon_database_up',
    help: '1 while the database answers.',
    registers: [registry],
    async collect() {
      const up = await store.db
        .selectFrom('settings')
        .select('key')
        .limit(1)
        .execute()
        .then(
          () => 1,
          () => 0,
        );
      this.set(up);
    },
  });
  return {
    registry,
    rejected: new Counter({
      name: 'cordon_deliveries_rejected_total',
      help: 'Deliveries and channel decisions refused, by source and reason.',
      labelNames: ['source', 'why'],
      registers: [registry],
    }),
    accepted: new Counter({
      name: 'cordon_deliveries_accepted_total',
      help: 'Deliveries stored or recognised as repeats.',
      labelNames: ['source', 'duplicate'],
      registers: [registry],
    }),
  };
}
