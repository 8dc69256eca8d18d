import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Connection, type Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { drillSchedule, nextDrillAt, schedule } from '../../cli/up/schedules';
import { Config, type ConfigInput } from '../../contracts/config';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { AssetIndex } from '../../contracts/assets';
import { startScheduledDrill } from '../../activities/start-drill';
import { drillReport } from '../../store/drill-report';
import { memoryStore } from '../support/store';
import { workflowBundle } from '../../temporal-config/bundle';
import { createClient } from '../../temporal-config/client';
import { startDevServer, type DevServer } from '../../temporal-config/dev-server';
import { setUpNamespace } from '../../temporal-config/namespace';
import { createWorker } from '../../temporal-config/worker';
import { quietRuntime } from '../support/temporal';

const QUEUE = 'schedules';
const NAMESPACE = 'default';

let folder: string;
let server: DevServer;
let client: Client;
beforeAll(async () => {
  quietRuntime();
  folder = mkdtempSync(join(tmpdir(), 'cordon-schedules-'));
  server = await startDevServer({ dataDir: folder });
  const connection = await Connection.connect({ address: server.address });
  await setUpNamespace(connection, NAMESPACE);
  await connection.close();
  client = createClient({ address: server.address });
}, 120_000);
afterAll(async () => {
  await client.connection.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const configOf = (seconds: Record<string, number | undefined>, drills: ConfigInput['drills'] = []) =>
  Config.parse({
    drills,
    connections: Object.entries(seconds).map(([id, pollSeconds]) => ({ id, use: 'ids', pollSeconds })),
    policy: DEFAULT_POLICY,
  });
/** Milliseconds between two runs, by the id of the schedule, as Temporal lists them. */
const listed = async (): Promise<Record<string, number | undefined>> => {
  const found: Record<string, number | undefined> = {};
  for await (const { scheduleId, spec } of client.schedule.list())
    found[scheduleId] = spec?.intervals?.[0]?.every;
  return found;
};
/** The list lags behind what was done. */
const listedInTheEnd = async (wanted: Record<string, number>): Promise<void> => {
  for (let round = 0; round < 100; round++) {
    if (isDeepStrictEqual(await listed(), wanted)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await listed()).toEqual(wanted);
};

test('each polled connection has a schedule; a new interval is taken over, and one that is polled no longer loses it', async () => {
  await schedule(client, QUEUE, configOf({ ids: 5, siem: 60, edr: undefined }));
  await listedInTheEnd({
    'cordon/poll/ids': 5000,
    'cordon/poll/siem': 60_000,
    'cordon/sweep-leases': 60_000,
    'cordon/audit-leases': 3_600_000,
  });
  await schedule(client, QUEUE, configOf({ ids: 10 }));
  await listedInTheEnd({
    'cordon/poll/ids': 10_000,
    'cordon/sweep-leases': 60_000,
    'cordon/audit-leases': 3_600_000,
  });
}, 60_000);

test('a schedule polls again and again, also after a poll that failed', async () => {
  const polled: string[] = [];
  let third: () => void = () => undefined;
  const thrice = new Promise<void>((resolve) => {
    third = resolve;
  });
  const native = await NativeConnection.connect({ address: server.address });
  const worker = await createWorker({
    connection: native,
    namespace: NAMESPACE,
    taskQueue: QUEUE,
    workflowBundle: await workflowBundle(join(folder, 'cache')),
    activities: {
      pollSource: ({ connection }: { connection: string }) => {
        polled.push(connection);
        if (polled.length === 1) return Promise.reject(new Error('the product is down'));
        if (polled.length === 3) third();
        return Promise.resolve({ alerts: 0 });
      },
    },
  });
  await schedule(client, QUEUE, configOf({ ids: 5 }));
  await worker.runUntil(thrice);
  await native.close();
  expect(new Set(polled)).toEqual(new Set(['ids']));
}, 60_000);

describe('drills', () => {
  const drill = {
    id: 'quarterly',
    playbook: 'ransomware@1',
    alert: { title: 'Mass file encryption', severity: 5, entities: { hosts: ['fin-fs-01'] } },
    cron: '0 9 1 1,4,7,10 *',
    zone: 'Europe/Berlin',
  };
  const exists = async (id: string): Promise<boolean> => (await nextDrillAt(client, id)) !== null;

  test('a schedule starts its drill in SQL, once a time, skips while it is open, and goes when it left the configuration', async () => {
    const config = configOf({}, [drill, { ...drill, id: 'gone' }]);
    await schedule(client, QUEUE, config);
    const next = new Date((await nextDrillAt(client, 'quarterly')) ?? '');
    const local = new Intl.DateTimeFormat('en-GB', {
      timeZone: 'Europe/Berlin',
      hour: '2-digit',
      day: 'numeric',
    });
    expect(local.formatToParts(next).map(({ value }) => value)).toEqual(['1', ', ', '09']);
    const { policies } = await client.schedule.getHandle(drillSchedule('quarterly')).describe();
    expect(policies.overlap).toBe('SKIP');

    const store = await memoryStore();
    const deps = {
      store,
      config,
      assets: new AssetIndex([]),
      log: { info: () => undefined, warn: () => undefined },
    };
    const answers: (string | null)[] = [];
    const heard = async (count: number): Promise<void> => {
      for (let round = 0; answers.length < count && round < 300; round++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      expect(answers).toHaveLength(count);
    };
    const native = await NativeConnection.connect({ address: server.address });
    const worker = await createWorker({
      connection: native,
      namespace: NAMESPACE,
      taskQueue: QUEUE,
      workflowBundle: await workflowBundle(join(folder, 'cache')),
      activities: {
        sweepLeases: () => Promise.resolve({ due: 0, released: 0, failed: 0 }),
        auditLeases: () => Promise.resolve({ leases: 0, lost: 0, unleased: 0, unread: 0 }),
        startDrill: async (input: { drill: string; key: string }) => {
          const answer = await startScheduledDrill(deps, input);
          // The same attempt again, as after a worker that died before it could answer.
          if (answer.incident !== null) expect(await startScheduledDrill(deps, input)).toEqual(answer);
          answers.push(answer.incident);
          return answer;
        },
      },
    });
    await worker.runUntil(async () => {
      const handle = client.schedule.getHandle(drillSchedule('quarterly'));
      await handle.trigger('ALLOW_ALL');
      await heard(1);
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await handle.trigger('ALLOW_ALL');
      await heard(2);
    });
    await native.close();
    expect(answers).toEqual([expect.stringMatching(/^INC-/), null]);
    const incidents = await store.db.selectFrom('incidents').selectAll().execute();
    expect(incidents).toMatchObject([
      {
        number: answers[0],
        mode: 'drill',
        title: 'DRILL: Mass file encryption',
        playbook: 'ransomware@1',
        started_by: 'schedule:quarterly',
      },
    ]);
    const journal = await store.db.selectFrom('journal').select(['kind', 'data']).orderBy('seq').execute();
    expect(journal.find(({ kind }) => kind === 'drill_scheduled')?.data).toMatchObject({
      schedule: 'quarterly',
    });
    // What the dispatcher takes to start the run.
    expect(await store.db.selectFrom('outbox').select(['kind', 'key']).execute()).toEqual([
      { kind: 'start_or_signal', key: answers[0] },
    ]);
    expect(await drillReport(store, answers[0] ?? '')).toMatchObject({ startedBy: 'schedule:quarterly' });
    await store.close();

    expect(await exists('gone')).toBe(true);
    await schedule(client, QUEUE, configOf({}, [{ ...drill, cron: '30 6 * * *', zone: 'UTC' }]));
    for (let round = 0; (await exists('gone')) && round < 100; round++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await schedule(client, QUEUE, configOf({}, [{ ...drill, cron: '30 6 * * *', zone: 'UTC' }]));
    }
    expect(await exists('gone')).toBe(false);
    expect(await nextDrillAt(client, 'quarterly')).toMatch(/T06:30:00\.000Z$/);
  }, 120_000);
});
