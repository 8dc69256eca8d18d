import { randomUUID } from 'node:crypto';
import { Worker } from '@temporalio/worker';
import { Alert } from '../../contracts/alert';
import { AssetIndex } from '../../contracts/assets';
import type { Json } from '../../contracts/values';
import type { Config, ConfigInput } from '../../contracts/config';
import { viewOf } from '../../contracts/correlation';
import {
  INCIDENT_WORKFLOW,
  incidentWorkflowId,
  type WaveInput,
  type WaveResult,
} from '../../contracts/messages';
import type { Plan, PlanInput, PlanStep } from '../../contracts/plan';
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

const config = (policy = DEFAULT_POLICY, extra: Partial<ConfigInput> = {}): Config =>
  worldConfig({
    policy,
    assets: [
      { id: 'fin-fs-01', kind: 'host', criticality: 5, tags: ['site:hq'] },
      { id: 'share', kind: 'dataset', host: 'fin-fs-01', path: '/srv' },
      { id: 'dc-01', kind: 'host', protected: true },
      { id: 'kim', kind: 'account' },
    ],
    budgets: [{ id: 'cuts', actions: ['endpoint.isolate_host'], limit: 20, windowSeconds: 3600 }],
    ...extra,
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
  done: boolean;
  /** What held it for a while. */
  heldBy: string[];
}

/** Runs it on Temporal with the real activities; people say at once what they are assumed to say. What the guard said, in order. */
async function reality(
  store: Store,
  own: Config,
  alert: Alert,
  { playbook, assume }: Pick<PlanInput, 'playbook' | 'assume'>,
  waits: boolean,
): Promise<{ number: string; seen: Map<string, Seen>; requests: string[][] }> {
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
      for (const person of ['lea', 'otto'])
        await decide(store, request, person, assume.includes('denied') ? 'deny' : 'approve');
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
  const items = await store.db.selectFrom('approval_items').selectAll().execute();
  const keysOf = (request: string): string[] =>
    items.filter(({ request_id }) => request_id === request).map(({ action_key }) => action_key);
  const requests = [...new Set(items.map(({ request_id }) => request_id))].map(keysOf);
  return { number, seen: await seenBy(store, number), requests };
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
  const held: [string, string][] = [];
  const note = (key: string, one: Omit<Seen, 'done' | 'heldBy'>): void => {
    if (!seen.has(key)) seen.set(key, { ...one, done: false, heldBy: [] });
  };
  for (const { kind, data } of rows) {
    const { action, target, connection } = data;
    const key = actionKey(
      number,
      data['group'] as string,
      data['item'] as string,
      data['occurrence'] as number,
    );
    if (kind === 'action_claimed') {
      note(key, { action, target, connection, said: 'allowed' });
      Object.assign(seen.get(key) ?? {}, { done: true });
    }
    if (kind === 'action_held') held.push([key, data['message'] as string]);
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
  for (const [key, message] of held) seen.get(key)?.heldBy.push(message);
  return seen;
}

/** The guard's words for a refusal that a plan tells the reason of. */
function foretoldWords({ guard }: PlanStep): string {
  if (guard.verdict === 'allowed') return 'allowed';
  if (guard.verdict === 'asks') return `asks: ${canonicalJson(guard.requirement as Json)}`;
  return `refused: ${guard.why}`;
}

/** Makes a plan and has the run happen, on one store; says what they are where they are not the same. */
async function compare(
  own: Config,
  alert: Alert,
  how: Pick<PlanInput, 'playbook' | 'assume'>,
  before: (store: Store) => Promise<unknown> = () => Promise.resolve(),
): Promise<Plan> {
  const store = await memoryStore({ now: async () => new Date(await env.env.currentTimeMs()) });
  await before(store);
  const input = { ...how, alert: JSON.parse(JSON.stringify(alert)) as JsonObject };
  const plan = await plannerHere(store, own, {
    integrations: new Map([['world', new World().integration()]]),
  })(input);
  const { number, seen, requests } = await reality(store, own, alert, input, plan.ends.how === 'waits');
  await store.close();
  const nameOf = (step: PlanStep | undefined): string =>
    step === undefined ? '?' : actionKey(number, step.group.id, step.item, step.occurrence);
  const foretold = new Map(
    plan.steps.map((step) => [
      nameOf(step),
      {
        stage: step.stage,
        seen: {
          action: step.action,
          target: step.target.key,
          connection: step.connection?.id,
          said: foretoldWords(step),
          done: step.outcome === 'done',
          heldBy: step.heldBy,
        },
      },
    ]),
  );
  expect(foretold.size).toBeGreaterThan(6);
  // Inside a stage the guard goes by the target: compared stage by stage, in the order in which reality came to them.
  const stages = [...seen].map(([key]) => foretold.get(key)?.stage);
  expect(stages).toEqual(stages.map((stage) => stage ?? 0).sort((a, b) => a - b));
  expect(Object.fromEntries(seen)).toEqual(
    Object.fromEntries([...foretold].map(([key, one]) => [key, one.seen])),
  );
  const sorted = (all: string[][]): string[][] => all.map((keys) => keys.sort()).sort();
  expect(sorted(requests)).toEqual(
    sorted(plan.requests.map(({ steps }) => steps.map((n) => nameOf(plan.steps[n - 1])))),
  );
  return plan;
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
    const alert = alertOf(about === 'a strict policy' ? 'ransomware' : about);
    await compare(config(policy), alert, { playbook, assume });
  },
  60_000,
);

const ransomware = alertOf('ransomware');
const RANSOMWARE = { playbook: 'ransomware@1', assume: [] as PlanInput['assume'] };
const minutesFromNow = async (minutes: number): Promise<string> =>
  new Date((await env.env.currentTimeMs()) + minutes * 60_000).toISOString();

test('a window that holds, and one that denies', async () => {
  const from = await minutesFromNow(-60);
  const maintenance: ConfigInput['maintenance'] = [
    {
      id: 'batch',
      targets: ['fin-fs-01'],
      actions: ['endpoint.isolate_host'],
      from,
      to: await minutesFromNow(10),
    },
    { id: 'payday', mode: 'deny', targets: ['kim'], from, to: await minutesFromNow(600) },
  ];
  const plan = await compare(config(DEFAULT_POLICY, { maintenance }), ransomware, RANSOMWARE);
  expect(plan.steps.filter(({ heldBy }) => heldBy.length > 0).map(({ target }) => target.key)).toEqual([
    'host:fin-fs-01',
  ]);
  const closed = plan.steps.filter(({ guard }) => guard.verdict === 'maintenance');
  expect(closed.map(({ target }) => target.key)).toContain('account:kim');
}, 60_000);

test('a budget for each site', async () => {
  const own = config(DEFAULT_POLICY, {
    assets: ['fin-fs-01', 'ws-7', 'ws-8'].map((id) => ({
      id,
      kind: 'host',
      site: id === 'ws-8' ? 'plant' : 'hq',
    })),
    budgets: [{ id: 'cuts', actions: ['endpoint.isolate_host'], per: 'site', limit: 2, windowSeconds: 600 }],
  });
  const hosts = ['fin-fs-01', 'ws-7', 'ws-8'].map((name) => ({ name }));
  const plan = await compare(own, alertOf('ransomware', { hosts }), RANSOMWARE, async (store) =>
    store.db
      .insertInto('budget_uses')
      .values({ budget: 'cuts site hq', action_key: 'another', at: await store.now() })
      .execute(),
  );
  expect(plan.steps.flatMap(({ heldBy }) => heldBy)).toEqual([
    'The budget cuts of site hq (2 in 600 s) is used up.',
  ]);
  const cuts = { id: 'cuts', limit: 2, windowSeconds: 600 };
  expect(plan.summary.budgets).toEqual([
    { ...cuts, share: 'site hq', usedNow: 1, wanted: 2, exceeded: true },
    { ...cuts, share: 'site plant', usedNow: 0, wanted: 1, exceeded: false },
  ]);
  expect(plan.summary.blastRadius).toMatchObject({ hosts: 3, sites: 2 });
}, 60_000);

test('what silence allows is asked for apart, and done when nobody answers', async () => {
  const silent = {
    name: 'addresses, unless somebody minds',
    when: { actions: ['network.block_ip'] },
    require: {
      groups: [{ roles: ['analyst' as const, 'lead' as const], count: 1 }],
      timeoutSeconds: 900,
      silence: 'allow' as const,
    },
  };
  const own = config({ rules: [silent, ...DEFAULT_POLICY.rules] });
  const plan = await compare(own, ransomware, { ...RANSOMWARE, assume: ['silence'] });
  const asked = plan.steps.filter(({ guard }) => guard.verdict === 'asks');
  expect(asked.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual(
    expect.arrayContaining(['network.block_ip done', 'endpoint.isolate_host expired']),
  );
  expect(plan.requests.map(({ silence }) => silence)).toContain('allow');
}, 60_000);

test('the seat of an owner is filled by nobody else', async () => {
  const owned = {
    name: 'who owns it decides',
    when: { targetTags: ['owned'], readOnly: false },
    require: { groups: [{ roles: ['owner' as const], count: 1 }], timeoutSeconds: 900 },
  };
  const own = config(
    { rules: [owned, ...DEFAULT_POLICY.rules] },
    { assets: [{ id: 'kim', kind: 'account', tags: ['owned'], owner: 'otto' }] },
  );
  const plan = await compare(
    own,
    alertOf('ransomware', { accounts: [{ name: 'kim' }] }),
    RANSOMWARE,
    (store) =>
      store.db
        .insertInto('people')
        .values(
          ['lea', 'otto'].map((id) => ({ id, name: id, roles: JSON.stringify(['lead']), active: true })),
        )
        .execute(),
  );
  const [step] = plan.steps.filter(({ target, effect }) => target.key === 'account:kim' && effect);
  const asked = plan.requests.filter(({ n }) => n === step?.guard.request);
  expect(step?.guard.requirement).toMatchObject({ owners: ['otto'] });
  expect(asked).toMatchObject([{ canBeMet: true, people: ['otto'] }]);
}, 60_000);
