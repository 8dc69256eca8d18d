import { join } from 'node:path';
import { Config } from '../../contracts/config';
import type { Plan } from '../../contracts/plan';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { INTEGRATIONS } from '../../integrations';
import { createPlanner } from '../../planner';
import { foretell } from '../../planner/foretell';
import { foretellInThread } from '../../planner/in-thread';
import { SOURCES } from '../../sources';
import type { Store } from '../../store/store';
import { PLAYBOOKS } from '../../workflows/registry';
import { PLAYBOOKS as HOSTILE } from '../support/hostile-playbooks';
import { memoryStore } from '../support/store';

const alert = { title: 'x', entities: { hosts: ['ws-1'] }, occurredAt: '2026-03-01T08:00:00Z' };
const config = Config.parse({
  policy: DEFAULT_POLICY,
  connections: [{ id: 'edr', use: 'simulated_edr', config: { url: 'http://192.0.2.1' } }],
});
let store: Store;
beforeAll(async () => {
  store = await memoryStore({ now: async () => new Date('2026-03-01T09:00:00Z') });
});
afterAll(() => store.close());

/** What a plan that must fail says. */
const said = (playbook: string): Promise<string> =>
  hostilePlan(playbook).then(
    () => 'it was planned',
    (error: unknown) => (error as Error).message,
  );

const hostilePlan = (playbook: string, limitMs = 8_000): Promise<Plan> =>
  createPlanner({
    store,
    config,
    integrations: INTEGRATIONS,
    sources: SOURCES,
    playbooks: HOSTILE,
    foretell: (facts) =>
      foretellInThread(facts, { limitMs, playbooks: join(__dirname, '../support/hostile-playbooks.ts') }),
  })({ playbook, alert, assume: [] });

test('a thread foretells what this process foretells', async () => {
  const input = { playbook: 'malware_on_endpoint', alert, assume: [] };
  const deps = { store, config, integrations: INTEGRATIONS, sources: SOURCES, playbooks: PLAYBOOKS };
  const here = await createPlanner({ ...deps, foretell: (facts) => foretell(facts, PLAYBOOKS) })(input);
  expect(here.steps.length).toBeGreaterThan(3);
  expect(await createPlanner(deps)(input)).toEqual(here);
});

test('a playbook that never lets go is ended in time, and holds up nobody meanwhile', async () => {
  let ticks = 0;
  const ticker = setInterval(() => (ticks += 1), 20);
  const ends = await Promise.allSettled([hostilePlan('spins', 2_500), hostilePlan('turns', 2_500)]);
  clearInterval(ticker);
  for (const end of ends)
    expect(end).toMatchObject({
      status: 'rejected',
      reason: { type: 'timeout', message: expect.stringMatching(/Does it loop\?$/) as string },
    });
  expect(ticks).toBeGreaterThan(30);
});

test.each([
  ['loops', 'rejected', /^loops@1 asks for more than 2000 steps/],
  ['stays', 'rejected', /^stays@1 goes on for more than 400 days/],
  ['throws', 'rejected', /^throws@1 fails on this alert: cannot read name of undefined$/],
  ['grows', 'rejected', /^grows@1 needs more than 256 MB/],
  ['exits', 'rejected', /^exits@1 ended its plan without a result/],
])('%s: %s', async (playbook, type, message) => {
  const error = await hostilePlan(playbook).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ type });
  expect((error as Error).message).toMatch(message);
});

test('a playbook that would leave is told that a plan reaches nothing', async () => {
  const lines = (await said('leaves'))
    .split('\n')
    .map((line) => line.replace(/^.*?fails on this alert: /, ''));
  expect(lines).toHaveLength(6);
  for (const line of lines) expect(line).toContain('a plan run reaches nothing outside');
});

test('where a playbook runs there is no environment, no store and no integration', async () => {
  expect((await said('looks')).replace(/^.*?: /, '')).toBe('{"env":[],"loaded":[]}');
});

test('two at once; a third is told to ask again', async () => {
  let go: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => (go = resolve));
  const plan = createPlanner({
    store,
    config,
    integrations: INTEGRATIONS,
    sources: SOURCES,
    playbooks: PLAYBOOKS,
    foretell: async (facts) => {
      await waiting;
      return foretell(facts, PLAYBOOKS);
    },
  });
  const input = { playbook: 'ransomware@1', alert, assume: [] };
  const both = [plan(input), plan(input)];
  await expect(plan(input)).rejects.toMatchObject({ type: 'rate_limited' });
  go();
  await Promise.all(both);
  await expect(plan(input)).resolves.toMatchObject({ planVersion: 1 });
});
