import { randomUUID } from 'node:crypto';
import { Worker } from '@temporalio/worker';
import { alertsAfter } from '../../activities/incident';
import { Alert } from '../../contracts/alert';
import { AssetIndex } from '../../contracts/assets';
import {
  INCIDENT_WORKFLOW,
  incidentWorkflowId,
  type WaveInput,
  type WaveResult,
} from '../../contracts/messages';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { drillReport } from '../../store/drill-report';
import { startDrill } from '../../store/drills';
import { savePolicy } from '../../store/policies';
import type { Store } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import { PlaybookEnv } from '../support/playbook-env';
import { decide, runnerOn, World, worldConfig } from '../support/runner';
import { memoryStore } from '../support/store';

let env: PlaybookEnv;
let store: Store;
beforeAll(async () => {
  env = await PlaybookEnv.start();
  store = await memoryStore();
}, 120_000);
afterAll(async () => {
  await env.stop();
  await store.close();
});

const config = worldConfig({
  policy: DEFAULT_POLICY,
  assets: [
    { id: 'fin-fs-01', kind: 'host', criticality: 5 },
    { id: 'share', kind: 'dataset', host: 'fin-fs-01', path: '/srv' },
  ],
});
const assets = new AssetIndex(config.assets);

test.each(['ransomware', 'malware_on_endpoint', 'account_compromise'])(
  '%s: drilled from its alert to its end, with people asked and no product told, whatever the run says it is',
  async (playbook) => {
    const world = new World();
    const activities = runnerOn(store, world, config);
    const alert = Alert.parse({
      alertKey: 'siem:1',
      source: 'siem',
      product: 'p',
      title: 't',
      severity: 4,
      category: playbook === 'malware_on_endpoint' ? 'malware' : playbook,
      occurredAt: new Date().toISOString(),
      entities: { hosts: [{ name: 'fin-fs-01' }], accounts: [{ name: 'kim' }], ips: ['203.0.113.9'] },
    });
    const correlation = { assets, windowMinutes: 60, policyVersion: await savePolicy(store, config.policy) };
    const requested = { person: 'lea', playbook: `${playbook}@1`, reason: 'test' };
    const order = { alerts: [alert], raw: {}, requested, key: undefined };
    const answer = await startDrill(store, order, correlation);
    const number = answer.kind === 'started' ? answer.incident : '';
    const answered = async (wave: WaveInput): Promise<WaveResult> => {
      const first = await activities.runWave(wave);
      const requests = new Set(first.items.flatMap(({ request }) => request?.id ?? []));
      for (const request of requests) await decide(store, request, 'lea');
      return requests.size === 0 ? first : activities.runWave(wave);
    };
    const taskQueue = randomUUID();
    const worker = await Worker.create({
      connection: env.env.nativeConnection,
      taskQueue,
      workflowBundle: env.code,
      activities: {
        ...activities,
        runWave: answered,
        runWaves: (waves: WaveInput[]) => Promise.all(waves.map(answered)),
      },
    });
    const input = {
      number,
      mode: 'live',
      severity: 4,
      policyVersion: correlation.policyVersion,
      playbook: requested.playbook,
      alerts: await alertsAfter(store.db, assets, number, 0),
    };
    await worker.runUntil(async () => {
      const handle = await env.env.client.workflow.start(INCIDENT_WORKFLOW, {
        args: [input],
        taskQueue,
        workflowId: incidentWorkflowId(number),
      });
      await handle.result();
    });
    await activities.close();
    expect([world.calls, [...world.inForce]]).toEqual([[], []]);
    const claims = await store.db
      .selectFrom('claims')
      .select(['connection', 'outcome'])
      .distinct()
      .where('incident', '=', number)
      .execute();
    expect(claims).toEqual([{ connection: 'drill:edr', outcome: 'succeeded' }]);
    const left = await store.db
      .selectFrom('lease_holders')
      .select('lease_id')
      .where('incident', '=', number)
      .where('released_at', 'is', null)
      .execute();
    expect(left).toEqual([]);
    const report = await drillReport(store, number);
    expect(report).toMatchObject({ status: 'closed', unanswered: [] });
    expect(typeof report === 'string' ? [] : report.requests.map(({ outcome }) => outcome)).toContain(
      'approved',
    );
    expect((await verifyJournal(store.db)).problems).toEqual([]);
  },
  120_000,
);
