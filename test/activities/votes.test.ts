import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { ConnectionRegistry } from '../../activities/connections';
import { createActivities } from '../../activities/create-activities';
import { AssetIndex } from '../../contracts/assets';
import type { Config } from '../../contracts/config';
import type { ItemResult, WaveInput } from '../../contracts/messages';
import { APPROVALS_OFF_FOR_LAB, DEFAULT_POLICY } from '../../contracts/policy';
import { votesOn } from '../../store/approvals';
import { savePolicy } from '../../store/policies';
import { inTransaction, type Store } from '../../store/store';
import { addTarget, removeTarget } from '../../store/targets';
import { FakeEstate, fakeConfig, hostInput } from '../support/estate';
import { fileIncident } from '../support/server';
import { memoryStore } from '../support/store';

const quiet = { info: () => undefined, warn: () => undefined };
const nothing = {
  entries: () => Promise.resolve([]),
  get: async () => null,
  put: async () => undefined,
  remove: async () => false,
};
let store: Store;
let estate: FakeEstate;
let close: () => Promise<void>;
let run: (host: string, release?: true) => Promise<ItemResult>;
let incident = 'INC-2026-900000';
beforeAll(async () => {
  store = await memoryStore();
}, 60_000);
afterAll(() => store.close());
afterEach(() => close());

/** The runner as it is, over a fake product, for one incident under this policy. */
async function setUp(config: Config, startedBy?: string): Promise<void> {
  estate = new FakeEstate();
  incident = incident.replace(/\d+$/, (number) => String(Number(number) + 1));
  await fileIncident(store, incident, startedBy);
  const policy_version = await savePolicy(store, config.policy);
  await store.db.updateTable('incidents').set({ policy_version }).where('number', '=', incident).execute();
  const connections = new ConnectionRegistry(
    config,
    new Map([['fake', estate.integration()]]),
    (connectionId) => ({
      connectionId,
      dataDir: tmpdir,
      log: quiet,
      blocklist: nothing,
    }),
  );
  const deps = { store, config, connections, log: quiet, owner: randomUUID(), dataDir: tmpdir() };
  const activities = createActivities({ ...deps, assets: new AssetIndex(config.assets) });
  close = activities.close;
  run = async (host, release) => {
    const wave: WaveInput = {
      incident,
      group: { id: release ? 'release' : 'contain', phase: 'containment', title: 'Cut off', reason: 'r' },
      ask: true,
      items: [
        {
          id: `${release ? 'release/' : ''}isolate/${host}`,
          occurrence: 1,
          action: 'endpoint.isolate_host',
          input: hostInput(host),
          release: release ?? false,
          onlyWhenClean: false,
          leaseSeconds: release ? null : 3600,
        },
      ],
    };
    return (await activities.runWave(wave)).items[0] as ItemResult;
  };
}

/** A row as the server writes it, or somebody who owns the database. */
async function vote(request: string, person: string, voice = 'person'): Promise<void> {
  const items = await store.db
    .selectFrom('approval_items')
    .select('item_hash')
    .where('request_id', '=', request)
    .execute();
  const at = await store.now();
  for (const { item_hash } of items)
    await store.db
      .insertInto('decisions')
      .values({
        decision_id: randomUUID(),
        request_id: request,
        item_hash,
        person,
        roles: '["lead"]',
        verdict: 'approve',
        reason: null,
        channel: voice === 'person' ? 'api' : voice,
        voice,
        at,
      })
      .execute();
}
const rule = (count: number, noSelfApproval = false) => ({
  rules: [
    {
      name: 'leads',
      when: {},
      require: { groups: [{ roles: ['lead' as const], count }], timeoutSeconds: 3600, noSelfApproval },
    },
  ],
});

test('two people named by a channel that does not authenticate them are one voice', async () => {
  await setUp(fakeConfig({ policy: rule(2) }));
  const id = (await run('ws-1')).request?.id ?? '';
  await vote(id, 'lee', 'channel:chat');
  await vote(id, 'mia', 'channel:chat');
  expect(await run('ws-1')).toMatchObject({ status: 'awaiting' });
  await store.db.deleteFrom('decisions').where('person', '=', 'mia').execute();
  await vote(id, 'lee');
  await vote(id, 'lee', 'channel:tickets');
  expect(await run('ws-1')).toMatchObject({ status: 'awaiting' });
  expect(estate.calls).toEqual([]);
  await vote(id, 'mia', 'channel:chat');
  expect(await run('ws-1')).toMatchObject({ status: 'succeeded' });
});

test('a person who started the incident cannot approve through a channel under another name', async () => {
  await setUp(fakeConfig({ policy: rule(1, true) }), 'person:lee');
  const id = (await run('ws-1')).request?.id ?? '';
  await vote(id, 'lee');
  await vote(id, 'mia', 'channel:chat');
  expect(await run('ws-1')).toMatchObject({ status: 'awaiting' });
  await vote(id, 'mia');
  expect(await run('ws-1')).toMatchObject({ status: 'succeeded' });
});

test('where something cannot be taken back, rows of a channel do not count', async () => {
  await setUp(fakeConfig({ policy: rule(2) }));
  const id = (await run('ws-1')).request?.id ?? '';
  await vote(id, 'lee', 'channel:chat');
  await vote(id, 'mia');
  const { item_hash } = await store.db
    .selectFrom('approval_items')
    .select('item_hash')
    .where('request_id', '=', id)
    .executeTakeFirstOrThrow();
  const counted = (channels: boolean) =>
    inTransaction(store, async (tx) =>
      (await votesOn(tx, id, item_hash, { channels })).map(({ person }) => person),
    );
  expect([await counted(true), await counted(false)]).toEqual([['lee', 'mia'], ['mia']]);
});

test('a target that left with a detached alert is refused, asked for or not; its release is not', async () => {
  await setUp(
    fakeConfig({
      connections: [{ id: 'edr', use: 'fake', tags: ['lab'] }],
      policy: { rules: [APPROVALS_OFF_FOR_LAB, ...DEFAULT_POLICY.rules] },
    }),
  );
  expect(await run('ws-1')).toMatchObject({ status: 'succeeded' });
  const at = await store.now();
  await store.db
    .insertInto('detached_targets')
    .values(['ws-1', 'ws-2'].map((name) => ({ incident, target_key: `host:${name}`, at })))
    .execute();
  expect(await run('ws-2')).toMatchObject({
    status: 'denied',
    failure: { type: 'rejected', message: expect.stringContaining('detached') as string },
  });
  expect(estate.applied).toEqual(['isolate ws-1']);
  expect(await run('ws-1', true)).toMatchObject({ status: 'succeeded' });
});

test('what a person took out is refused under any of its names, and so is its release by the run', async () => {
  await setUp(
    fakeConfig({
      connections: [{ id: 'edr', use: 'fake', tags: ['lab'] }],
      policy: { rules: [APPROVALS_OFF_FOR_LAB, ...DEFAULT_POLICY.rules] },
    }),
  );
  expect(await run('ws-1')).toMatchObject({ status: 'succeeded' });
  const by = { person: 'ana', reason: 'not theirs' };
  const none = new AssetIndex([]);
  for (const name of ['ws-1', 'ws-2'])
    expect(await removeTarget(store, incident, { kind: 'host', name }, by, none)).toMatchObject({
      kind: 'removed',
    });
  const refused = { status: 'denied', failure: { type: 'target_removed' } };
  expect(await run('ws-2')).toMatchObject(refused);
  expect(await run('ws-2.corp.example.com')).toMatchObject(refused);
  expect(await run('ws-1', true)).toMatchObject(refused);
  expect(await run('ws-20')).toMatchObject({ status: 'succeeded' });
  expect(estate.applied).toEqual(['isolate ws-1', 'isolate ws-20']);
  expect(
    await addTarget(store, incident, { kind: 'host', name: 'ws-2.corp.example.com' }, by, none),
  ).toMatchObject({
    kind: 'added',
  });
  expect(await run('ws-2.corp.example.com')).not.toMatchObject(refused);
});
