import { randomUUID } from 'node:crypto';
import { CordonError } from '../contracts/errors';
import { incidentWorkflowId, type CordonActivities } from '../contracts/messages';
import { canonicalHash, storableJson } from '../store/canonical';
import { inTransaction } from '../store/store';
import { readAlerts, updateIncident } from './incident';
import { LeaseKeeper } from './leases';
import { WaveRunner, type WaveCall } from './run-wave';
import type { RunnerDeps } from './runner-types';

const POLL_TIMEOUT_MS = 30_000;
const DELIVERY_DAYS = 7;

/** All activities, and the end of them. `callOf` gives heartbeat and cancellation of the activity that is running. */
export function createActivities(
  deps: RunnerDeps,
  callOf: () => WaveCall = () => ({}),
): CordonActivities & { close: () => Promise<void> } {
  const runner = new WaveRunner(deps);
  const leases = new LeaseKeeper(deps, runner);
  /** An incident's run speaks for its own incident only, whatever it says. */
  const own = (incident: string): void => {
    const { workflowId } = callOf();
    if (
      workflowId?.startsWith(incidentWorkflowId('')) === true &&
      workflowId !== incidentWorkflowId(incident)
    )
      throw new CordonError('rejected', `This run is not the run of ${incident}.`);
  };
  return {
    runWave: (input) => runner.runWave(input, callOf()),
    readAlerts: async (input) => {
      own(input.incident);
      return readAlerts(deps, input);
    },
    updateIncident: async (input) => {
      own(input.incident);
      return updateIncident(deps, input);
    },
    rollBack: async (input) => {
      own(input.incident);
      return leases.rollBack(input);
    },
    sweepLeases: () => leases.sweep(),
    releaseLease: (input) => leases.release(input),
    pollSource: (input) => pollSource(deps, input.connection),
    close: () => runner.close(),
  };
}

/** Stores what a poll brought as one delivery, together with the cursor: neither is ever ahead of the other. */
async function pollSource({ store, connections }: RunnerDeps, id: string): Promise<{ alerts: number }> {
  const connection = connections.connection(id);
  if (connection.poll === undefined) return { alerts: 0 };
  const last = await store.db
    .selectFrom('poll_cursors')
    .select('cursor')
    .where('connection', '=', id)
    .executeTakeFirst();
  const { alerts, cursor } = await connection.poll(
    last?.cursor ?? null,
    AbortSignal.timeout(POLL_TIMEOUT_MS),
  );
  const at = await store.now();
  await inTransaction(store, async (tx) => {
    await tx
      .insertInto('poll_cursors')
      .values({ connection: id, cursor: JSON.stringify(cursor), polled_at: at })
      .onConflict((conflict) =>
        conflict.column('connection').doUpdateSet({ cursor: JSON.stringify(cursor), polled_at: at }),
      )
      .execute();
    if (alerts.length === 0) return;
    const delivery = randomUUID();
    const ids: string[] = [];
    for (const { alert, raw } of alerts) {
      const data = JSON.stringify(storableJson(alert));
      const row = await tx
        .insertInto('alerts')
        .values({
          id: randomUUID(),
          alert_key: alert.alertKey,
          source: id,
          delivery_id: delivery,
          received_at: at,
          updated_at: at,
          data,
          raw: JSON.stringify(storableJson(raw)),
          incident: null,
          seq: null,
          dirty: true,
        })
        .onConflict((conflict) =>
          conflict.column('alert_key').doUpdateSet({ data, updated_at: at, dirty: true }),
        )
        .returning('id')
        .executeTakeFirstOrThrow();
      ids.push(row.id);
    }
    const expires = new Date(at.getTime() + DELIVERY_DAYS * 86_400_000);
    await tx
      .insertInto('deliveries')
      .values({
        id: delivery,
        source: id,
        delivery_key: `${id}:poll:${canonicalHash(cursor)}:${delivery}`,
        received_at: at,
        expires_at: expires,
        alert_ids: JSON.stringify(ids),
      })
      .execute();
  });
  return { alerts: alerts.length };
}
