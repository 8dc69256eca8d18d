import { among, connectionAsker } from '../../cli/up/ask-connection';
import type { ActionId } from '../../contracts/actions';
import { Config } from '../../contracts/config';
import { defineIntegration, type Health, type Integration } from '../../contracts/integration';
import { PlanInput } from '../../contracts/plan';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { INTEGRATIONS } from '../../integrations';
import { startFakeManagement } from '../../integrations/simulated-management/fake';
import { askedOf, Unasked, type Answer } from '../../planner/connections';
import { planText } from '../../cli/plan-text';
import { plannerHere } from '../support/planner';
import { memoryStore } from '../support/store';
import { z } from 'zod';
import type { Store } from '../../store/store';

const alert = {
  title: 'Mass file encryption',
  severity: 5,
  techniques: ['T1486'],
  entities: { hosts: ['fin-fs-01', 'dc-01'], accounts: ['m.okafor'] },
};
const input = (checkConnections?: boolean): PlanInput =>
  PlanInput.parse({ playbook: 'ransomware', alert, checkConnections });

/** An integration that does nothing but answer, and counts what it is asked for. */
function answering(id: string, actions: ActionId[], check: (signal: AbortSignal) => Promise<Health>) {
  const calls = { connected: 0, checked: 0, closed: 0, acted: 0 };
  const act = () => {
    calls.acted += 1;
    return Promise.reject(new Error('a plan acts'));
  };
  const handlers = Object.fromEntries(
    actions.map((action) => [action, { permissions: [`${action}:use`], act, probe: act }]),
  );
  const integration = defineIntegration({
    id,
    title: id,
    docs: '',
    simulated: false,
    config: z.looseObject({}),
    actions,
    connect: () => {
      calls.connected += 1;
      return {
        handlers,
        check: (signal) => {
          calls.checked += 1;
          return check(signal);
        },
        close: () => {
          calls.closed += 1;
          return Promise.resolve();
        },
      };
    },
  });
  return { calls, integration: integration as Integration };
}

const EDR: ActionId[] = ['endpoint.isolate_host', 'endpoint.release_host', 'endpoint.collect_triage'];
const IDP: ActionId[] = ['identity.disable_account', 'identity.enable_account', 'identity.revoke_sessions'];

let store: Store;
beforeAll(async () => {
  store = await memoryStore();
});
afterAll(() => store.close());

function plannerWith(edr: (signal: AbortSignal) => Promise<Health>, idp: () => Promise<Health>) {
  const made = [
    answering('edr', EDR, edr),
    answering('idp', IDP, idp),
    answering('unused', ['ticket.create' as ActionId], idp),
  ];
  const integrations = new Map(made.map(({ integration }) => [integration.id, integration]));
  const config = Config.parse({
    policy: DEFAULT_POLICY,
    assets: [{ id: 'dc-01', kind: 'host', protected: true }],
    connections: [...integrations.keys()].map((id) => ({ id, use: id, config: {} })),
  });
  const ask = connectionAsker(among(config.connections), integrations);
  return { plan: plannerHere(store, config, { integrations, ask }), calls: made.map(({ calls }) => calls) };
}
const up = (missing?: string[]) => (): Promise<Health> =>
  Promise.resolve({ ok: true, detail: 'answers', ...(missing === undefined ? {} : { missing }) });
const down = (): Promise<Health> => Promise.reject(new Error('connect ECONNREFUSED'));

test('a connection that is down is a line of the plan and of each step, never a failure of it', async () => {
  const { plan, calls } = plannerWith(down, up([]));
  const made = await plan(input(true));
  expect(made.connections).toEqual([
    expect.objectContaining({ id: 'edr', state: 'down', detail: 'connect ECONNREFUSED', missing: null }),
    expect.objectContaining({ id: 'idp', state: 'up', missing: [] }),
  ]);
  const trouble = (action: string) =>
    made.steps.filter((step) => step.action === action).map(({ connection }) => connection?.trouble);
  expect(trouble('endpoint.isolate_host')).toEqual([['edr is down: connect ECONNREFUSED'], undefined]);
  expect(trouble('identity.disable_account')).toEqual([[]]);
  const text = planText(made).join('\n');
  expect(text).toContain('NOT READY: edr is down: connect ECONNREFUSED');
  expect(text).toMatch(/^Connection edr: DOWN: connect ECONNREFUSED \(\d+ steps? of this plan\)\.$/m);
  expect(text).toMatch(/^Connection idp: up: answers\.$/m);
  // Each that is used is asked once and let go of again; nothing is done by any.
  expect(calls).toEqual([
    { connected: 1, checked: 1, closed: 1, acted: 0 },
    { connected: 1, checked: 1, closed: 1, acted: 0 },
    { connected: 0, checked: 0, closed: 0, acted: 0 },
  ]);
});

test('a permission that is lacking shows at the steps that need it, and at those that need it to be taken back', async () => {
  const { plan } = plannerWith(
    up(['endpoint.release_host:use', 'other:use']),
    up(['identity.disable_account:use']),
  );
  const made = await plan(input(true));
  const of = (action: string) => made.steps.find((step) => step.action === action)?.connection?.trouble;
  expect(of('endpoint.isolate_host')).toEqual(['edr lacks endpoint.release_host:use to take it back']);
  expect(of('endpoint.collect_triage')).toEqual([]);
  expect(of('identity.disable_account')).toEqual(['idp lacks identity.disable_account:use']);
  expect(planText(made).join('\n')).toContain(
    'Connection idp: up: answers; it lacks identity.disable_account:use',
  );
});

test('nothing is asked unless the plan says so', async () => {
  const { plan, calls } = plannerWith(down, down);
  const made = await plan(input());
  expect(made.connections).toBeUndefined();
  expect(calls.map(({ connected }) => connected)).toEqual([0, 0, 0]);
});

test('one that does not answer in time is down, is told to stop, and holds up no other', async () => {
  let stopped = false;
  const { plan } = plannerWith(up(), up());
  const never = (signal: AbortSignal): Promise<Answer> =>
    new Promise(() => {
      signal.addEventListener('abort', () => {
        stopped = true;
      });
    });
  const health: Health = { ok: true, detail: 'answers' };
  const asked = await askedOf(
    await plan(input()),
    { checkConnections: true },
    (id, signal) => (id === 'edr' ? never(signal) : Promise.resolve({ health, permissions: {} })),
    50,
  );
  expect(asked.connections?.map(({ id, state, detail }) => [id, state, detail])).toEqual([
    ['edr', 'down', 'no answer within 0.05 s'],
    ['idp', 'up', 'answers'],
  ]);
  expect(stopped).toBe(true);
});

test('one that cannot be asked from here says why, and is not said to be down', async () => {
  const { plan } = plannerWith(up(), up());
  const asked = await askedOf(await plan(input()), { checkConnections: true }, () =>
    Promise.reject(new Unasked('the environment variable EDR_TOKEN is not set')),
  );
  expect(asked.connections?.map(({ state }) => state)).toEqual(['unasked', 'unasked']);
  expect(asked.steps.flatMap(({ connection }) => connection?.trouble ?? [])).toEqual([]);
  expect(planText(asked)).toContain(
    'Connection edr: not asked: the environment variable EDR_TOKEN is not set.',
  );
});

test('a simulated product tells what it withholds, in the words of its handlers', async () => {
  const fake = await startFakeManagement({ seed: { withheld: ['patch:write'] } });
  const connections = Config.parse({
    policy: DEFAULT_POLICY,
    connections: [{ id: 'mgmt', use: 'simulated_management', config: { url: fake.url } }],
  }).connections;
  try {
    const ask = connectionAsker(among(connections), INTEGRATIONS);
    const { health, permissions } = await ask('mgmt', new AbortController().signal);
    expect(health).toMatchObject({ ok: true, missing: ['patch:write'] });
    expect(Object.values(permissions).flat()).toContain('patch:write');
    expect(fake.ledger()).toEqual({ applied: {}, requests: {} });
  } finally {
    await fake.stop();
  }
});
