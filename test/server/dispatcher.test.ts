import { readAlerts, updateIncident, alertsAfter } from '../../activities/incident';
import { Alert } from '../../contracts/alert';
import { AssetIndex } from '../../contracts/assets';
import type { Command, IncidentInput } from '../../contracts/messages';
import { Dispatcher } from '../../server/dispatcher';
import { TemporalAway, WorkerAway, type Runs } from '../../server/runs';
import { correlateBatch } from '../../store/correlate';
import { acceptDelivery } from '../../store/intake';
import { enqueue, takeDue } from '../../store/outbox';
import { inTransaction, type Store } from '../../store/store';
import { until } from '../support/cordon-process';
import { memoryStore } from '../support/store';

const assets = new AssetIndex([]);
const TABLES = [
  'outbox',
  'deliveries',
  'alerts',
  'incidents',
  'incident_counters',
  'incident_entities',
  'journal',
  'journal_heads',
] as const;
const correlation = { assets, windowMinutes: 60, policyVersion: 'v' };

let store: Store;
let clock: Date;
let dispatcher: Dispatcher | undefined;
let warnings: string[];
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(clock) });
}, 60_000);
afterAll(() => store.close());
beforeEach(async () => {
  clock = new Date('2026-03-04T05:06:07Z');
  warnings = [];
  for (const table of TABLES) await store.db.deleteFrom(table).execute();
});
afterEach(async () => {
  await dispatcher?.stop();
  dispatcher = undefined;
});

/** A Temporal that takes everything, but for what a test says. */
class FakeRuns implements Runs {
  readonly started: IncidentInput[] = [];
  readonly woken: string[] = [];
  readonly commands: string[] = [];
  startOrSignal(input: IncidentInput): Promise<'ok' | 'gone'> {
    this.started.push(input);
    return Promise.resolve('ok');
  }
  wake(incident: string): Promise<'ok' | 'gone'> {
    this.woken.push(incident);
    return Promise.resolve('ok');
  }
  command(_incident: string, command: Command): ReturnType<Runs['command']> {
    this.commands.push(command.id);
    return Promise.resolve('ok');
  }
  maintenance(): Promise<void> {
    return Promise.resolve();
  }
}

function start(runs: Runs): void {
  dispatcher = new Dispatcher({
    store,
    runs,
    correlation,
    readAlerts: (incident) => alertsAfter(store.db, assets, incident, 0),
    log: { info: () => undefined, warn: (_data, message) => warnings.push(message) },
  });
  dispatcher.start();
}

async function arrive(id: string, host = 'ws-1'): Promise<void> {
  const alert = Alert.parse({
    alertKey: `siem:${id}`,
    source: 'siem',
    product: 'test',
    title: `alert ${id}`,
    severity: 3,
    category: 'malware',
    techniques: [],
    occurredAt: clock.toISOString(),
    resolved: false,
    entities: { hosts: [{ name: host }] },
  });
  await acceptDelivery(store, 'siem', Buffer.from(id), { messageId: id, alerts: [alert] }, {});
}

const waiting = (): Promise<{ id: string; kind: string; key: string }[]> =>
  store.db
    .selectFrom('outbox')
    .select(['id', 'kind', 'key'])
    .where('done_at', 'is', null)
    .orderBy('id')
    .execute();
const put = (kind: Parameters<typeof enqueue>[1], key: string, payload = {}): Promise<void> =>
  inTransaction(store, (tx) => enqueue(tx, kind, key, payload, clock));
const close = (id: string) => ({ kind: 'close', id, by: 'person:lead', reason: 'done' });
const notes = async (incident: string): Promise<unknown[]> =>
  (
    await store.db
      .selectFrom('journal')
      .select('data')
      .where('incident', '=', incident)
      .where('kind', '=', 'note_added')
      .execute()
  ).map(({ data }) => data['text']);
async function opened(): Promise<string> {
  await arrive('first');
  await correlateBatch(store, correlation);
  await takeDue(store, 10);
  await store.db.deleteFrom('outbox').execute();
  return 'INC-2026-000001';
}

test('how a run was steered is in the journal, by the person’s name', async () => {
  const incident = await opened();
  const by = 'person:ana';
  for (const command of [
    { kind: 'pause', id: 'p', by, reason: 'a' },
    { kind: 'resume', id: 'r', by, reason: 'b' },
    { kind: 'extend_watch', id: 'e', hours: 24, by, reason: 'c' },
  ] as const)
    await updateIncident({ store, assets } as Parameters<typeof updateIncident>[0], { incident, command });
  const said = store.db.selectFrom('journal').select(['kind', 'data']).where('actor', '=', by).orderBy('seq');
  expect(await said.execute()).toEqual([
    { kind: 'run_paused', data: { reason: 'a' } },
    { kind: 'run_resumed', data: { reason: 'b' } },
    { kind: 'watch_extended', data: { hours: 24, reason: 'c' } },
  ]);
});

test('in a storm one signal at most is outstanding, and an alert after the run has read signals anew', async () => {
  const incident = await opened();
  for (const id of ['b', 'c', 'd']) {
    await arrive(id);
    await correlateBatch(store, correlation);
  }
  expect(await waiting()).toEqual([]);
  const { alerts } = await readAlerts({ store, assets }, { incident, afterSeq: 0 });
  expect(alerts.map(({ title }) => title)).toEqual(['alert first', 'alert b', 'alert c', 'alert d']);
  for (const id of ['e', 'f']) {
    await arrive(id);
    await correlateBatch(store, correlation);
  }
  expect(await waiting()).toMatchObject([{ kind: 'start_or_signal', key: incident }]);
});

test('a run that does not read for ten minutes is told again', async () => {
  const incident = await opened();
  clock = new Date(clock.getTime() + 601_000);
  const runs = new FakeRuns();
  start(runs);
  await until('the signal', () => runs.started.length === 1);
  expect(runs.started[0]?.number).toBe(incident);
});

test('what a killed dispatcher had taken is sent by another within seconds, not before', async () => {
  await put('wake', 'INC-2026-000009');
  expect(await takeDue(store, 10)).toHaveLength(1);
  clock = new Date(clock.getTime() + 5_000);
  expect(await takeDue(store, 10)).toEqual([]);
  clock = new Date(clock.getTime() + 1_500);
  expect(await takeDue(store, 10)).toHaveLength(1);
});

test('a command that no worker takes holds up neither alerts nor decisions, only later commands to the same run', async () => {
  const incident = await opened();
  const runs = new FakeRuns();
  runs.command = (_incident, { id }) => {
    runs.commands.push(id);
    return Promise.reject(new WorkerAway('nobody'));
  };
  await put('command', incident, close('c1'));
  await put('command', incident, close('c2'));
  await put('command', 'INC-2026-000002', close('other'));
  start(runs);
  await until('the first tries', () => runs.commands.length === 2);
  await put('decision', incident, { decision: 'd1' });
  await arrive('new', 'ws-2');
  dispatcher?.wake();
  await until('the others', () => runs.woken.length === 1 && runs.started.length === 1);
  expect(new Set(runs.commands)).toEqual(new Set(['c1', 'other']));
  runs.command = FakeRuns.prototype.command.bind(runs);
  clock = new Date(clock.getTime() + 1_500);
  await until('all of them', async () => (await waiting()).length === 0);
  expect(runs.commands.filter((id) => id.startsWith('c')).slice(-2)).toEqual(['c1', 'c2']);
});

test('while Temporal is away nothing is lost, one warning is written, and all goes out within a second of its return', async () => {
  const runs = new FakeRuns();
  let tries = 0;
  runs.wake = () => {
    tries += 1;
    return Promise.reject(new TemporalAway('away'));
  };
  for (let n = 1; n <= 20; n += 1) await put('wake', `INC-2026-${String(n).padStart(6, '0')}`);
  start(runs);
  await until('some tries', () => tries >= 10);
  clock = new Date(clock.getTime() + 60_000);
  await until('more tries', () => tries >= 25);
  expect(warnings).toHaveLength(1);
  runs.wake = FakeRuns.prototype.wake.bind(runs);
  clock = new Date(clock.getTime() + 1_001);
  await until('all of them', async () => (await waiting()).length === 0);
  expect(new Set(runs.woken).size).toBe(20);
});

test('a decision or a command whose run has ended, or that it refuses, is told in the journal, and not tried for ever', async () => {
  const incident = await opened();
  const runs = new FakeRuns();
  runs.wake = () => Promise.resolve('gone');
  runs.command = (_incident, { id }) =>
    Promise.resolve(id === 'c1' ? { refused: 'no failed item x' } : 'gone');
  await put('command', incident, close('c1'));
  await put('command', incident, close('c2'));
  await put('decision', incident, { decision: 'd1' });
  start(runs);
  await until('all of them', async () => (await waiting()).length === 0);
  expect((await notes(incident)).sort()).toEqual([
    'Not carried out: the close by person:lead; its run had ended.',
    'Not carried out: the close by person:lead; no failed item x.',
    'Not carried out: the decision d1; its run had ended.',
  ]);
  const { attention } = await store.db.selectFrom('incidents').select('attention').executeTakeFirstOrThrow();
  expect(attention).toContain('its run had ended');
});

test('alerts that an ended run has not read go to a new incident that says what it reopens; those it has read stay', async () => {
  const incident = await opened();
  await readAlerts({ store, assets }, { incident, afterSeq: 0 });
  await arrive('unread');
  const runs = new FakeRuns();
  runs.startOrSignal = (input) => {
    runs.started.push(input);
    return Promise.resolve(input.number === incident ? 'gone' : 'ok');
  };
  start(runs);
  await until('the new incident', () => runs.started.some(({ number }) => number !== incident));
  expect(runs.started.at(-1)).toMatchObject({ reopens: incident, alerts: [{ title: 'alert unread' }] });
  expect((await alertsAfter(store.db, assets, incident, 0)).map(({ title }) => title)).toEqual([
    'alert first',
  ]);
});
