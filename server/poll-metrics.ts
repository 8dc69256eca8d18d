import { Gauge, type Registry } from 'prom-client';
import type { Store } from '../store/store';

/** Metrics of polled connections, read from SQL when they are asked for: any server process shows those of all workers. */
export function pollMetrics(store: Store, registry: Registry): void {
  /** None while the database is away: `cordon_database_up` says so. */
  const rows = () =>
    store.db
      .selectFrom('poll_cursors')
      .select(['connection', 'polled_at', 'failures'])
      .execute()
      .catch(() => []);
  new Gauge({
    name: 'cordon_poll_failures',
    help: 'Polls of a connection that failed since the last that did not.',
    labelNames: ['connection'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { connection, failures } of await rows()) this.set({ connection }, failures);
    },
  });
  new Gauge({
    name: 'cordon_poll_last_success_timestamp_seconds',
    help: 'When a connection was last polled with success; 0: never yet.',
    labelNames: ['connection'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { connection, polled_at: at } of await rows())
        this.set({ connection }, at === null ? 0 : at.getTime() / 1000);
    },
  });
}
