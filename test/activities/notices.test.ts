import { Secret } from '../../contracts/secret';
import type { Store } from '../../store/store';
import { memoryStore } from '../support/store';
import { decide, item, openIncident, runnerOn, waveOf, World, worldConfig } from '../support/runner';
import { DEFAULT_POLICY } from '../../contracts/policy';

const PAGER = {
  id: 'oncall',
  use: 'pagerduty',
  config: { routingKey: new Secret('R0123456789abcdefghijklmnopqrstu') },
};
const WEBHOOK = { id: 'chat', secrets: [new Secret('s')], people: ['ana'], roles: ['analyst' as const] };

let store: Store;
beforeAll(async () => {
  store = await memoryStore();
}, 60_000);
afterAll(() => store.close());
beforeEach(() => store.db.deleteFrom('outbox').execute());

const notices = async () =>
  (
    await store.db
      .selectFrom('outbox')
      .select(['key', 'payload'])
      .where('kind', '=', 'notice')
      .orderBy('id')
      .execute()
  ).map(({ key, payload }) => ({ key, ...payload }));

async function asked(channels: object[]) {
  const config = worldConfig({ policy: DEFAULT_POLICY, channels: channels as never });
  const incident = await openIncident(store, config);
  const activities = runnerOn(store, new World(), config);
  const wave = waveOf(incident, item(), item({ id: 'isolate/ws-2', input: { host: { name: 'ws-2' } } }));
  const result = await activities.runWave(wave);
  const request = result.items[0]?.request?.id ?? '';
  expect(request).not.toBe('');
  return { activities, wave, request, incident };
}

test('a request is told of where it is filed, and again when its last item is settled', async () => {
  const { activities, wave, request } = await asked([WEBHOOK, PAGER]);
  expect(await notices()).toEqual([{ key: request, event: 'approval_requested', request }]);
  await activities.runWave(wave);
  expect(await notices()).toHaveLength(1);
  await decide(store, request, 'lea');
  await activities.runWave(wave);
  expect(await notices()).toEqual([
    { key: request, event: 'approval_requested', request },
    { key: request, event: 'approval_settled', request },
  ]);
});

test('a denial is told of like an approval', async () => {
  const { activities, wave, request } = await asked([PAGER]);
  await decide(store, request, 'lea', 'deny');
  await activities.runWave(wave);
  expect((await notices()).map((one) => (one as { event?: string }).event)).toEqual([
    'approval_requested',
    'approval_settled',
  ]);
});

test('where nobody is told of anything, nothing is written for it', async () => {
  const { activities, wave, request } = await asked([WEBHOOK]);
  await decide(store, request, 'lea');
  await activities.runWave(wave);
  expect(await notices()).toEqual([]);
});
