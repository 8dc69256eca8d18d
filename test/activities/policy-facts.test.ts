import { randomUUID } from 'node:crypto';
import type { Alert } from '../../contracts/alert';
import { DEFAULT_POLICY, type PolicyInput } from '../../contracts/policy';
import type { Role } from '../../contracts/values';
import { savePerson, savePeople } from '../../store/people';
import type { Store } from '../../store/store';
import type { RunnerDeps } from '../../activities/runner-types';
import {
  decide,
  item,
  openIncident,
  runnerOn,
  waveOf,
  World,
  worldConfig,
  type Activities,
} from '../support/runner';
import { memoryStore } from '../support/store';

let store: Store;
let activities: Activities;
let incident: string;
let world: World;
beforeAll(async () => {
  store = await memoryStore();
}, 60_000);
afterAll(() => store.close());
afterEach(async () => {
  await activities.close();
  await savePeople(store, []);
  for (const table of ['lease_holders', 'leases'] as const) await store.db.deleteFrom(table).execute();
});

async function begin(
  policy: PolicyInput,
  extra: Partial<RunnerDeps> = {},
  playbook = 'ransomware@1',
): Promise<void> {
  const config = worldConfig({ policy });
  world = new World();
  activities = runnerOn(store, world, config, extra);
  incident = await openIncident(store, config);
  await store.db.updateTable('incidents').set({ playbook }).where('number', '=', incident).execute();
}
/** An alert that the incident has, as the dispatcher leaves it. */
async function attach(data: Partial<Alert>, to: string | null = incident): Promise<string> {
  const at = await store.now();
  const id = randomUUID();
  await store.db
    .insertInto('alerts')
    .values({
      id,
      alert_key: `siem:${id}`,
      source: 'siem',
      delivery_id: id,
      received_at: at,
      updated_at: at,
      data: JSON.stringify({ title: 't', severity: 4, category: 'malware', ...data }),
      raw: '{}',
      incident: to,
      seq: null,
      dirty: false,
    })
    .execute();
  return id;
}
const look = async (name = 'ws-1') =>
  (await activities.runWave(waveOf(incident, item({ id: `isolate/${name}`, input: { host: { name } } }))))
    .items[0];
const people = async (held: Record<string, Role[]>): Promise<void> => {
  for (const [id, roles] of Object.entries(held)) await savePerson(store, { id, name: id, roles });
};
const seats = (result: Awaited<ReturnType<typeof look>>) => result?.status;
const requirementOfRequest = async (id: string | undefined) =>
  (
    await store.db
      .selectFrom('approval_items')
      .select('requirement')
      .where('request_id', '=', id ?? '')
      .executeTakeFirstOrThrow()
  ).requirement;

test('an insider case is refused while nobody is HR or legal, and the reason names the role', async () => {
  await begin(DEFAULT_POLICY);
  await people({ lea: ['lead'], ana: ['analyst'] });
  await attach({ category: 'malware' });
  await attach({ category: 'insider' });
  expect(await look()).toMatchObject({
    status: 'denied',
    failure: {
      type: 'approval_denied',
      message: expect.stringContaining('nobody here is hr or legal') as string,
    },
  });
  expect(world.calls).toEqual([]);
});

test('an insider case is done when a lead and somebody of HR approve, and not by the lead alone', async () => {
  await begin(DEFAULT_POLICY);
  await people({ lea: ['lead'], hanna: ['hr'] });
  await attach({ category: 'insider' });
  const request = (await look())?.request?.id ?? '';
  await decide(store, request, 'lea');
  expect(seats(await look())).toBe('awaiting');
  await store.db
    .updateTable('decisions')
    .set({ roles: '["hr"]' })
    .where('request_id', '=', request)
    .execute();
  await decide(store, request, 'lou');
  expect(seats(await look())).toBe('succeeded');
});

test('the gate holds from when such an alert joins, also over what was asked for before', async () => {
  await begin(DEFAULT_POLICY);
  await people({ lea: ['lead'], hanna: ['hr'] });
  await attach({ category: 'malware' });
  const request = (await look())?.request?.id ?? '';
  await attach({ category: 'insider' });
  await decide(store, request, 'lea');
  expect(seats(await look())).toBe('awaiting');
  expect(world.calls).toEqual([]);
});

const GRADED: PolicyInput = {
  rules: [
    { name: 'sure', when: { minConfidence: 90 }, require: 'none' },
    { name: 'else', when: {}, require: { groups: [{ roles: ['lead'], count: 1 }], timeoutSeconds: 60 } },
  ],
};
test('the confidence is the highest of the alerts that the incident has now', async () => {
  await begin(GRADED);
  await attach({ confidence: 100 }, null);
  await attach({ confidence: 20 });
  expect(seats(await look())).toBe('awaiting');
  const sure = await attach({ confidence: 95 });
  await attach({});
  expect(seats(await look('ws-2'))).toBe('succeeded');
  await store.db.updateTable('alerts').set({ incident: null }).where('id', '=', sure).execute();
  expect(seats(await look('ws-3'))).toBe('awaiting');
});

test('a confidence that no alert tells is not taken for a high one', async () => {
  await begin(GRADED);
  await attach({});
  expect(seats(await look())).toBe('awaiting');
});

const AUTHORS: PolicyInput = {
  rules: [
    {
      name: 'not by its author',
      when: {},
      require: {
        groups: [{ roles: ['lead'], count: 1 }],
        timeoutSeconds: 3600,
        noSelfApproval: ['starter', 'author'],
      },
    },
  ],
};
const authorsOf = (ref: string) => (ref === 'ransomware@1' ? ['lea'] : ref === 'other@1' ? [] : undefined);
test('the author of the playbook version in SQL does not approve; another lead does', async () => {
  await begin(AUTHORS, { authorsOf });
  await attach({});
  const request = (await look())?.request?.id;
  expect(await requirementOfRequest(request)).toMatchObject({ authors: ['lea'], noSelfApproval: true });
  await decide(store, request ?? '', 'lea');
  expect(seats(await look())).toBe('awaiting');
  await decide(store, request ?? '', 'lou');
  expect(seats(await look())).toBe('succeeded');
});

test('a run cannot name another playbook: what a wave says of it is not looked at', async () => {
  await begin(AUTHORS, { authorsOf });
  const said = waveOf(incident, item());
  const wave = { ...said, playbook: 'other@1', group: { ...said.group, reason: 'other@1' } };
  const [asked] = (await activities.runWave(wave)).items;
  await decide(store, asked?.request?.id ?? '', 'lea');
  expect((await activities.runWave(wave)).items[0]?.status).toBe('awaiting');
});

test('where this build does not know the playbook, its authors are not taken for nobody', async () => {
  await begin(AUTHORS, { authorsOf }, 'gone@7');
  expect(await look()).toMatchObject({
    status: 'denied',
    failure: { message: expect.stringContaining('who they are is not known') as string },
  });
});
