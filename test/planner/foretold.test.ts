import { randomUUID } from 'node:crypto';
import { Worker } from '@temporalio/worker';
import { Alert } from '../../contracts/alert';
import { AssetIndex } from '../../contracts/assets';
import type { Json } from '../../contracts/values';
import type { Config } from '../../contracts/config';
import { viewOf } from '../../contracts/correlation';
import {
  INCIDENT_WORKFLOW,
  incidentWorkflowId,
  type WaveInput,
  type WaveResult,
} from '../../contracts/messages';
import type { PlanInput, PlanStep } from '../../contracts/plan';
import { DEFAULT_POLICY } from '../../contracts/policy';
import type { JsonObject } from '../../contracts/values';
import { canonicalJson } from '../../store/canonical';
import { actionKey } from '../../store/claims';
import type { Store } from '../../store/store';
import { plannerHere } from '../support/planner';
import { PlaybookEnv } from '../support/playbook-env';
import { decide, openIncident, runnerOn, World, worldConfig } from '../support/runner';
import { memoryStore } from '../support/store';

let env: PlaybookEnv;
beforeAll(async () => {
  env = await PlaybookEnv.start();
}, 120_000);
afterAll(() => env.stop());

const config = (policy = DEFAULT_POLICY): Config =>
  worldConfig({
    policy,
    assets: [
      { id: 'fin-fs-01', kind: 'host', criticality: 5, tags: ['site:hq'] },
      { id: 'share', kind: 'dataset', host: 'fin-fs-01', path: '/srv' },
      { id: 'dc-01', kind: 'host', protected: true },
      { id: 'kim', kind: 'account' },
    ],
    budgets: [{ id: 'cuts', actions: ['endpoint.isolate_host'], limit: 20, windowSeconds: 3600 }],
  });
const STRICT = {
  rules: [
    {
      name: 'never on this site',
      when: { targetTags: ['site:hq'], impact: ['high' as const] },
      require: 'never' as const,
    },
    ...DEFAULT_POLICY.rules,
  ],
};
const entities = {
  hosts: [{ name: 'fin-fs-01' }, { name: 'ws-7' }, { name: 'dc-01' }],
  accounts: [{ name: 'kim' }, { name: 'b.kim' }],
  ips: ['203.0.113.9', '169.254.1.1'],
};
const alertOf = (category: string, more: Partial<typeof entities> = {}) =>
  Alert.parse({
    alertKey: 'siem:1',
    source: 'siem',
    product: 'p',
    title: 't',
    severity: 4,
    category,
    occurredAt: '2026-03-01T08:00:00Z',
    entities: { ...entities, ...more },
  });

interface Seen {
  action: unknown;
  target: unknown;
  connection: unknown;
  /** What the guard said first. */
  said: string;
}

/** Runs it on Temporal with the real activities; people say at once what they are assumed to say. What the guard said, in order. */
async function reality(
  store: Store,
  own: Config,
  alert: Alert,
  { playbook, assume }: Pick<PlanInput, 'playbook' | 'assume'>,
  waits: boolean,
): Promise<{ number: string; seen: Map<string, Seen> }> {
  const world = new World();
  const finding = { path: '/example/finding', signature: 'assumed' };
  if (assume.includes('scan_infected')) world.infected = finding;
  const number = await openIncident(store, own, { severity: alert.severity });
  const activities = runnerOn(store, world, own);
  const answered = async (wave: WaveInput): Promise<WaveResult> => {
    const first = await activities.runWave(wave);
    const requests = new Set(first.items.flatMap(({ request }) => request?.id ?? []));
    if (requests.size === 0 || assume.includes('silence')) return first;
    for (const request of requests)
      await decide(store, request, 'lea', assume.includes('denied') ? 'deny' : 'approve');
    return activities.runWave(wave);
  };
  const taskQueue = randomUUID();
  const worker = await Worker.create({
    connection: env.env.nativeConnection,
    taskQueue,
    workflowBundle: env.code,
    activities: {
      ...activities,
      runWave: answered,
      // One after another, so that what is compared has one order.
      runWaves: async (waves: WaveInput[]) => {
        const results: WaveResult[] = [];
        for (const { patienceMs: _patience, ...wave } of waves) results.push(await answered(wave));
        return results;
      },
    },
  });
  const alerts = [viewOf(alert, { id: 'a', seq: 1 }, new AssetIndex(own.assets))];
  const input = { number, mode: 'live', severity: alert.severity, policyVersion: 'p', playbook, alerts };
  await worker.runUntil(async () => {
    const handle = await env.env.client.workflow.start(INCIDENT_WORKFLOW, {
      args: [input],
      taskQueue,
      workflowId: incidentWorkflowId(number),
    });
    if (waits) {
      // For a person, who never comes.
      await env.env.sleep('40 days');
      await handle.terminate();
    } else await handle.result();
  });
  await activities.close();
  return { number, seen: await seenBy(store, number) };
}

async function seenBy(store: Store, number: string): Promise<Map<string, Seen>> {
  const rows = await store.db
    .selectFrom('journal')
    .select(['kind', 'data'])
    .where('incident', '=', number)
    .orderBy('seq')
    .execute();
  const items = await store.db.selectFrom('approval_items').selectAll().execute();
  const seen = new Map<string, Seen>();
  const note = (key: string, one: Seen): void => {
    if (!seen.has(key)) seen.set(key, one);
  };
  for (const { kind, data } of rows) {
    const { action, target, connection } = data;
    const key = actionKey(
      number,
      data['group'] as string,
      data['item'] as string,
      data['occurrence'] as number,
    );
    if (kind === 'action_claimed') note(key, { action, target, connection, said: 'allowed' });
    if (kind === 'action_refused')
      note(key, { action, target, connection, said: `refused: ${data['message'] as string}` });
    if (kind !== 'approval_requested') continue;
    for (const item of items.filter(({ request_id }) => request_id === data['request']))
      note(item.action_key, {
        action: item.action,
        target: item.target_key,
        connection: item.connection,
        said: `asks: ${canonicalJson(item.requirement)}`,
      });
  }
  return seen;
}

/** The guard's words for a refusal that a plan tells the reason of. */
function foretoldWords({ guard }: PlanStep): string {
  if (guard.verdict === 'allowed') return 'allowed';
  if (guard.verdict === 'asks') return `asks: ${canonicalJson(guard.requirement as Json)}`;
  return guard.verdict === 'never'
    ? `refused: The policy does not allow it: ${guard.why}.`
    : `refused: ${guard.why}`;
}

test.each([
  ['ransomware@1', 'ransomware', [], DEFAULT_POLICY],
  ['ransomware@1', 'ransomware', ['scan_infected'], DEFAULT_POLICY],
  ['ransomware@1', 'ransomware', ['silence'], DEFAULT_POLICY],
  ['ransomware@1', 'a strict policy', [], STRICT],
  ['malware_on_endpoint@1', 'malware', ['scan_infected'], DEFAULT_POLICY],
  ['account_compromise@1', 'account_compromise', [], DEFAULT_POLICY],
] as [string, string, PlanInput['assume'], typeof DEFAULT_POLICY][])(
  'the plan of %s (%s, %j) is what a run on Temporal does: items, targets, connections, order, whom it asks',
  async (playbook, about, assume, policy) => {
    const store = await memoryStore({ now: async () => new Date(await env.env.currentTimeMs()) });
    const own = config(policy);
    const alert = alertOf(about === 'a strict policy' ? 'ransomware' : about);
    const input = { playbook, alert: JSON.parse(JSON.stringify(alert)) as JsonObject, assume };
    const plan = await plannerHere(store, own, {
      integrations: new Map([['world', new World().integration()]]),
    })(input);
    const { number, seen } = await reality(store, own, alert, input, plan.ends.how === 'waits');
    await store.close();
    const foretold = new Map(
      plan.steps.map((step) => [
        actionKey(number, step.group.id, step.item, step.occurrence),
        {
          stage: step.stage,
          seen: {
            action: step.action,
            target: step.target.key,
            connection: step.connection?.id,
            said: foretoldWords(step),
          },
        },
      ]),
    );
    expect(foretold.size).toBeGreaterThan(6);
    // Inside a stage the guard goes by the target: compared stage by stage, in the order in which reality came to them.
    const stages = [...seen].map(([key, one]) => [foretold.get(key)?.stage, one] as const);
    expect(stages.map(([stage]) => stage)).toEqual(stages.map(([stage]) => stage ?? 0).sort((a, b) => a - b));
    expect(Object.fromEntries(seen)).toEqual(
      Object.fromEntries([...foretold].map(([key, one]) => [key, one.seen])),
    );
  },
  60_000,
);
