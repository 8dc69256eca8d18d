import { randomUUID } from 'node:crypto';
import { Worker } from '@temporalio/worker';
import type { WorkflowHandle } from '@temporalio/client';
import { Alert } from '../../contracts/alert';
import { AssetIndex } from '../../contracts/assets';
import { viewOf } from '../../contracts/correlation';
import { INCIDENT_WORKFLOW, incidentWorkflowId, WAKE_SIGNAL } from '../../contracts/messages';
import { APPROVALS_OFF_FOR_LAB, type PolicyInput } from '../../contracts/policy';
import { Secret } from '../../contracts/secret';
import { recordDecision } from '../../store/decisions';
import { savePerson } from '../../store/people';
import type { Store } from '../../store/store';
import { eventually, PlaybookEnv } from '../support/playbook-env';
import { kindsOf, openIncident, runnerOn, World, worldConfig } from '../support/runner';
import { memoryStore } from '../support/store';

let env: PlaybookEnv;
let store: Store;
// A server for each: what a run that was ended leaves behind would hold the next one's clock.
beforeEach(async () => {
  env = await PlaybookEnv.start();
  // One clock: what the database takes for now is what Temporal does.
  store = await memoryStore({ now: async () => new Date(await env.env.currentTimeMs()) });
  await savePerson(store, { id: 'ciso', name: 'ciso', roles: ['lead'] });
}, 120_000);
afterEach(async () => {
  await env.stop();
  await store.close();
});

const HOUR = 3600;
const pager = {
  id: 'pager',
  use: 'pagerduty',
  config: { routingKey: new Secret('R0123456789abcdefghijklmnopqrstu') },
};
const policyWith = (silence: 'deny' | 'allow'): PolicyInput => ({
  rules: [
    {
      name: 'a lead within three days',
      when: { actions: ['endpoint.isolate_host'] },
      require: {
        groups: [{ roles: ['lead'], count: 1 }],
        timeoutSeconds: 72 * HOUR,
        silence,
        escalation: [
          { afterSeconds: 24 * HOUR, people: ['oncall'] },
          { afterSeconds: 48 * HOUR, people: ['ciso'], channels: ['pager'] },
        ],
      },
    },
    APPROVALS_OFF_FOR_LAB,
  ],
});

interface Waited {
  number: string;
  request: string;
  world: World;
  status: () => Promise<string>;
  handle: WorkflowHandle;
  /** So many hours later, with the chores of a minute done. */
  later: (hours: number) => Promise<void>;
}

/** Runs the playbook on Temporal with the guard, SQL and its own clock; it has asked, and nobody has answered. */
async function waiting(silence: 'deny' | 'allow', during: (waited: Waited) => Promise<void>): Promise<void> {
  const config = worldConfig({ policy: policyWith(silence), channels: [pager] });
  const world = new World();
  const activities = runnerOn(store, world, config);
  const number = await openIncident(store, config);
  const alert = Alert.parse({
    alertKey: 'siem:1',
    source: 'siem',
    product: 'p',
    title: 't',
    severity: 4,
    category: 'malware',
    occurredAt: '2026-03-01T08:00:00Z',
    entities: { hosts: [{ name: 'ws-1' }] },
  });
  const taskQueue = randomUUID();
  const worker = await Worker.create({
    connection: env.env.nativeConnection,
    taskQueue,
    workflowBundle: env.code,
    activities,
  });
  const input = {
    number,
    mode: 'live',
    severity: 4,
    policyVersion: 'p',
    playbook: 'malware_on_endpoint@1',
    alerts: [viewOf(alert, { id: 'a', seq: 1 }, new AssetIndex([]))],
  };
  await worker.runUntil(async () => {
    const handle = await env.env.client.workflow.start(INCIDENT_WORKFLOW, {
      args: [input],
      taskQueue,
      workflowId: incidentWorkflowId(number),
    });
    const requests = () =>
      store.db
        .selectFrom('approval_requests')
        .innerJoin('approval_items', 'request_id', 'id')
        .select(['id', 'approval_items.status'])
        .where('incident', '=', number)
        .execute();
    await eventually(async () => (await requests()).length > 0, 'it asked');
    const request = (await requests())[0]?.id ?? '';
    try {
      await during({
        number,
        request,
        world,
        handle,
        status: async () => (await requests())[0]?.status ?? '',
        later: async (hours) => {
          await env.env.sleep(`${hours} hours`);
          await activities.sweepLeases();
        },
      });
    } finally {
      await handle.terminate().catch(() => undefined);
    }
  });
  await activities.close();
}

const told = async (request: string) =>
  (await store.db.selectFrom('outbox').select('payload').where('key', '=', request).orderBy('id').execute())
    .map(({ payload }) => payload)
    .filter(({ event }) => event === 'approval_escalated')
    .map(({ people, channels }) => [people, channels]);
const BOTH = [
  [['oncall'], []],
  [['ciso'], ['pager']],
];
const isolated = (world: World): boolean => [...world.inForce].some((one) => /isolat.*ws-1/.test(one));

test('three days, two escalations: whom the second one told approves, and it is done', async () => {
  await waiting('deny', async ({ number, request, world, status, handle, later }) => {
    await later(24.5);
    expect(await told(request)).toEqual(BOTH.slice(0, 1));
    await later(24);
    expect(await told(request)).toEqual(BOTH);
    expect([await status(), isolated(world)]).toEqual(['pending', false]);
    await later(23);
    const answer = await recordDecision(
      store,
      request,
      { decisionId: randomUUID(), verdict: 'approve' },
      { person: 'ciso', roles: ['lead'], channel: 'api' },
    );
    expect(answer).toMatchObject({ kind: 'recorded' });
    await handle.signal(WAKE_SIGNAL);
    await eventually(() => isolated(world), 'the host was cut off');
    expect(await status()).toBe('approved');
    expect(await kindsOf(store, number)).not.toContain('approval_expired');
  });
}, 60_000);

test('three days of silence deny: nothing is done, and nobody can approve it afterwards', async () => {
  await waiting('deny', async ({ number, request, world, status, later }) => {
    await later(71);
    expect([await status(), await told(request)]).toEqual(['pending', BOTH]);
    await later(2);
    await eventually(async () => (await status()) === 'expired', 'it expired');
    const late = await recordDecision(
      store,
      request,
      { decisionId: randomUUID(), verdict: 'approve' },
      { person: 'ciso', roles: ['lead'], channel: 'api' },
    );
    expect(late).toMatchObject({ kind: 'too_late' });
    expect(isolated(world)).toBe(false);
    expect(await kindsOf(store, number)).toContain('approval_expired');
  });
}, 60_000);

test('three days of silence allow where the rule says so, and not an hour before', async () => {
  await waiting('allow', async ({ number, request, world, status, later }) => {
    await later(71);
    expect([await status(), isolated(world), await told(request)]).toEqual(['pending', false, BOTH]);
    await later(2);
    // By now a clean host may have been let go again: what was done is in the claims.
    const done = async (): Promise<boolean> =>
      (
        await store.db
          .selectFrom('claims')
          .select('outcome')
          .where('incident', '=', number)
          .where('action', '=', 'endpoint.isolate_host')
          .execute()
      ).some(({ outcome }) => outcome === 'succeeded');
    await eventually(done, 'the host was cut off');
    expect(await status()).toBe('approved');
  });
}, 60_000);
