import type { PolicyInput } from '../../contracts/policy';
import { Secret } from '../../contracts/secret';
import { takeDue } from '../../store/outbox';
import type { Store } from '../../store/store';
import {
  decide,
  item,
  kindsOf,
  openIncident,
  runnerOn,
  waveOf,
  World,
  worldConfig,
  type Activities,
} from '../support/runner';
import { memoryStore } from '../support/store';

const HOUR = 3600;
const NOON = Date.parse('2026-05-01T12:00:00Z');
let now: Date;
let store: Store;
let activities: Activities;
let other: Activities;
let incident: string;
let request: string;
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(now) });
}, 60_000);
afterAll(() => store.close());
afterEach(async () => {
  await activities.close();
  await other.close();
  for (const table of ['approval_escalations', 'outbox', 'lease_holders', 'leases'] as const)
    await store.db.deleteFrom(table).execute();
});

const LEAD = [{ roles: ['lead' as const], count: 1 }];
const hosts = (...names: string[]) =>
  names.map((name) => item({ id: `isolate/${name}`, input: { host: { name } } }));

/** A request over three days; the on-call lead is told after one day, the CISO and a pager after two. */
async function ask(
  extra: Partial<Exclude<PolicyInput['rules'][number]['require'], string>> = {},
): Promise<void> {
  now = new Date(NOON);
  const config = worldConfig({
    channels: [
      {
        id: 'pager',
        use: 'pagerduty',
        config: { routingKey: new Secret('R0123456789abcdefghijklmnopqrstu') },
      },
    ],
    policy: {
      rules: [
        {
          name: 'one lead within three days',
          when: {},
          require: {
            groups: LEAD,
            timeoutSeconds: 72 * HOUR,
            escalation: [
              { afterSeconds: 48 * HOUR, people: ['ciso'], channels: ['pager'] },
              { afterSeconds: 24 * HOUR, people: ['oncall'] },
            ],
            ...extra,
          },
        },
      ],
    },
  });
  const world = new World();
  activities = runnerOn(store, world, config);
  other = runnerOn(store, world, config);
  incident = await openIncident(store, config);
  const { items } = await activities.runWave(waveOf(incident, ...hosts('ws-1', 'ws-2')));
  request = items[0]?.request?.id ?? '';
}
const after = (seconds: number): void => {
  now = new Date(NOON + seconds * 1000);
};
const notices = async () =>
  (await store.db.selectFrom('outbox').select(['kind', 'key', 'payload']).orderBy('id').execute())
    .filter(({ payload }) => payload['event'] === 'approval_escalated')
    .map(({ kind, key, payload }) => [
      kind,
      key,
      payload['event'],
      payload['step'],
      payload['people'],
      payload['channels'],
    ]);
const told = (step: number, people: string[], channels: string[] = []) => [
  'notice',
  request,
  'approval_escalated',
  step,
  people,
  channels,
];

test('in 72 hours nobody decides: two escalations, each told once in its order, then silence denies', async () => {
  await ask();
  after(24 * HOUR - 1);
  await activities.sweepLeases();
  expect(await notices()).toEqual([]);
  after(24 * HOUR);
  await activities.sweepLeases();
  await activities.sweepLeases();
  expect(await notices()).toEqual([told(1, ['oncall'])]);
  after(48 * HOUR);
  await Promise.all([activities.sweepLeases(), other.sweepLeases()]);
  expect(await notices()).toEqual([told(1, ['oncall']), told(2, ['ciso'], ['pager'])]);
  after(72 * HOUR);
  await activities.sweepLeases();
  const { items } = await activities.runWave(waveOf(incident, ...hosts('ws-1', 'ws-2')));
  expect(items.map(({ status }) => status)).toEqual(['denied', 'denied']);
  expect(await notices()).toHaveLength(2);
  expect(await kindsOf(store, incident)).toEqual([
    'approval_requested',
    'approval_escalated',
    'approval_escalated',
    'approval_expired',
    'approval_expired',
  ]);
});

test('what fell due while nobody looked is told in its order, but not once the request is over', async () => {
  await ask();
  after(50 * HOUR);
  await activities.sweepLeases();
  expect(await notices()).toEqual([told(1, ['oncall']), told(2, ['ciso'], ['pager'])]);
  await store.db.deleteFrom('outbox').execute();
  await ask();
  after(73 * HOUR);
  await activities.sweepLeases();
  expect(await notices()).toEqual([]);
});

test('a request that is settled escalates no further', async () => {
  await ask();
  await decide(store, request, 'lea');
  await activities.runWave(waveOf(incident, ...hosts('ws-1', 'ws-2')));
  after(48 * HOUR);
  await activities.sweepLeases();
  expect(await notices()).toEqual([]);
  expect(await store.db.selectFrom('approval_escalations').selectAll().execute()).toEqual([]);
});

test('a request that asks for none has none, and one that runs out first is not kept waiting for it', async () => {
  await ask({ escalation: undefined });
  expect(await store.db.selectFrom('approval_escalations').selectAll().execute()).toEqual([]);
  await activities.close();
  await other.close();
  await ask({ timeoutSeconds: { 4: 30 * HOUR, default: 72 * HOUR } });
  expect(await store.db.selectFrom('approval_escalations').select(['step', 'people']).execute()).toEqual([
    { step: 1, people: ['oncall'] },
  ]);
});

test('a notice is not for Temporal', async () => {
  await ask();
  after(24 * HOUR);
  await activities.sweepLeases();
  expect(await takeDue(store, 10)).toEqual([]);
});

test('when no escalation can be written, leases are swept all the same', async () => {
  await ask();
  const lease = { id: 'l-1', connection: 'edr', integration: 'world', simulated: false, we_did_it: true };
  await store.db
    .insertInto('leases')
    .values({
      ...lease,
      action: 'network.block_ip',
      inverse: 'network.unblock_ip',
      inverse_input: JSON.stringify({ ip: '192.0.2.1' }),
      target_kind: 'ip',
      target_key: 'ip:192.0.2.1',
      target_label: '192.0.2.1',
      status: 'in_force',
      expires_at: now,
      created_at: now,
      last_error: null,
    })
    .execute();
  await store.db
    .insertInto('lease_holders')
    .values({ lease_id: 'l-1', incident, acquired_at: now, reason: 'r' })
    .execute();
  after(24 * HOUR);
  await store.db.schema.alterTable('outbox').renameTo('outbox_away').execute();
  try {
    await expect(activities.sweepLeases()).rejects.toThrow('outbox');
  } finally {
    await store.db.schema.alterTable('outbox_away').renameTo('outbox').execute();
  }
  expect(await store.db.selectFrom('leases').select('status').executeTakeFirstOrThrow()).toEqual({
    status: 'released',
  });
});
