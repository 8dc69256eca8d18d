import { randomUUID } from 'node:crypto';
import type { IncidentDetail } from '../../contracts/api';
import type { ApprovalRequest } from '../../contracts/approval';
import type { DrillReport, DrillStarted } from '../../contracts/drill';
import type { JournalEntry } from '../../contracts/journal';
import { reopen } from '../../server/ended-runs';
import { correlateBatch } from '../../store/correlate';
import { acceptDelivery } from '../../store/intake';
import { takeDue } from '../../store/outbox';
import type { Store } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import { runnerOn, waveOf, item, World, worldConfig } from '../support/runner';
import { correlationOf, startTestServer, type TestServer } from '../support/server';
import { memoryStore } from '../support/store';

const START = new Date('2026-05-04T08:00:00Z');
let clock = START;
let store: Store;
let server: TestServer;
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(clock) });
  server = await startTestServer({}, store);
}, 60_000);
afterAll(async () => {
  await server.stop();
  await store.close();
});
beforeEach(() => {
  clock = START;
});
afterEach(async () => {
  expect((await verifyJournal(store.db)).problems).toEqual([]);
});

const later = (seconds: number): void => {
  clock = new Date(clock.getTime() + seconds * 1000);
};
const order = (host: string, extra: object = {}) => ({
  playbook: 'ransomware',
  reason: 'the monthly drill',
  alert: { title: `Encryption on ${host}`, severity: 5, category: 'ransomware', entities: { hosts: [host] } },
  ...extra,
});
const start = (body: object, { as = 'lea', key }: { as?: string; key?: string } = {}) =>
  server.call<DrillStarted & { detail: string }>('POST', '/api/v1/drills', {
    as,
    body,
    headers: key === undefined ? {} : { 'Idempotency-Key': key },
  });
const report = async (number: string) =>
  server.call<DrillReport & { detail: string }>('GET', `/api/v1/drills/${number}/report`);
const detail = async (number: string) =>
  (await server.call<IncidentDetail>('GET', `/api/v1/incidents/${number}`)).data;

/** What a source sends; the incident that it is in once all is correlated. */
async function liveAlert(host: string, alertKey = `siem:${randomUUID()}`): Promise<string> {
  const { alerts } = await acceptDelivery(
    store,
    'siem',
    new Uint8Array(),
    {
      messageId: randomUUID(),
      alerts: [
        {
          alertKey,
          source: 'siem',
          product: 'test',
          title: `Something on ${host}`,
          severity: 4,
          category: 'malware',
          techniques: [],
          occurredAt: START.toISOString(),
          resolved: false,
          entities: { hosts: [{ name: host }], accounts: [], ips: [], files: [], domains: [], urls: [] },
        },
      ],
    },
    {},
  );
  await correlateBatch(store, correlationOf(server.config));
  const { incident } = await store.db
    .selectFrom('alerts')
    .select('incident')
    .where('id', '=', alerts[0] ?? '')
    .executeTakeFirstOrThrow();
  return incident ?? '';
}

test('it is opened with its mark, its playbook and its starter, and its run is started', async () => {
  const { status, data } = await start(order('ws-1'));
  expect([status, data.playbook, data.repeated]).toEqual([202, 'ransomware@1', false]);
  expect(await detail(data.incident)).toMatchObject({
    title: 'DRILL: Encryption on ws-1',
    mode: 'drill',
    status: 'open',
    playbook: 'ransomware@1',
    startedBy: 'person:lea',
    severity: 5,
    alertCount: 1,
  });
  const { items } = (
    await server.call<{ items: JournalEntry[] }>('GET', `/api/v1/incidents/${data.incident}/timeline`)
  ).data;
  expect(items.map(({ kind, actor, data: said }) => [kind, actor, said['drill'], said['reason']])).toEqual([
    ['incident_opened', 'cordon', true, undefined],
    ['alert_joined', 'person:lea', undefined, 'the monthly drill'],
  ]);
  const due = await takeDue(store, 10);
  expect(due.map(({ kind, key }) => [kind, key])).toContainEqual(['start_or_signal', data.incident]);
});

test('only a lead or an administrator starts one, of a playbook and an alert that there are', async () => {
  expect((await start(order('ws-2'), { as: 'ana' })).status).toBe(403);
  expect((await start(order('ws-2'), { as: 'adam' })).status).toBe(202);
  const unknown = await start(order('ws-2', { playbook: 'nothing' }));
  expect([unknown.status, unknown.data.detail]).toEqual([422, expect.stringContaining('ransomware@1')]);
  const source = await start(order('ws-2', { source: 'nowhere' }));
  expect([source.status, source.data.detail]).toEqual([422, expect.stringContaining('source')]);
  expect((await start(order('ws-2', { alert: { title: 1 } }))).status).toBe(422);
});

test('the same key is the same drill', async () => {
  const [first, again] = [await start(order('ws-3'), { key: 'k' }), await start(order('ws-3'), { key: 'k' })];
  expect(again.data).toEqual({ ...first.data, repeated: true });
  expect((await start(order('ws-4'), { key: 'k' })).status).toBe(409);
});

describe('what is live and what is a drill never meet', () => {
  test('an alert about its target opens an incident of its own, before it and after', async () => {
    const before = await liveAlert('ws-5');
    const { incident } = (await start(order('ws-5'))).data;
    expect(incident).not.toBe(before);
    expect(await liveAlert('ws-5')).toBe(before);
    const other = (await start(order('ws-6'))).data.incident;
    const live = await liveAlert('ws-6');
    expect(live).not.toBe(other);
    expect(await detail(live)).toMatchObject({ mode: 'live', reopens: null, links: [] });
    expect(await detail(other)).toMatchObject({ alertCount: 1, links: [] });
  });

  test('no entity of it is known to the correlation', async () => {
    const { incident } = (await start(order('ws-13'))).data;
    const known = await store.db
      .selectFrom('incident_entities')
      .select('key')
      .where('incident', '=', incident)
      .execute();
    expect(known).toEqual([]);
  });

  test('an alert with the same key of its source is another one', async () => {
    const alert = {
      alertKey: 'siem:same',
      source: 'siem',
      product: 'p',
      title: 't',
      severity: 4,
      category: 'malware',
      occurredAt: START.toISOString(),
      entities: { hosts: [{ name: 'ws-7' }] },
    };
    const { incident } = (await start(order('ws-7', { alert }))).data;
    expect(await liveAlert('ws-7', 'siem:same')).not.toBe(incident);
    expect(await detail(incident)).toMatchObject({ alertCount: 1, alerts: [{ source: 'drill:lea' }] });
  });

  test('its alert cannot be detached into a live one', async () => {
    const { incident } = (await start(order('ws-8'))).data;
    const alert = (await detail(incident)).alerts[0]?.id ?? '';
    // A second alert in it, so that it is not refused as the only one.
    await store.db
      .updateTable('alerts')
      .set({ incident })
      .where('incident', '=', await liveAlert('ws-9'))
      .execute();
    const answer = await server.call<{ detail: string }>(
      'POST',
      `/api/v1/incidents/${incident}/alerts/${alert}/detach`,
      { body: { reason: 'r' } },
    );
    expect([answer.status, answer.data.detail]).toEqual([409, expect.stringContaining('drill')]);
  });

  test('a drill whose run has ended is closed, and nothing of it is correlated anew', async () => {
    const { incident } = (await start(order('ws-10'))).data;
    await reopen(store, incident);
    expect(await detail(incident)).toMatchObject({ status: 'closed' });
    expect(await correlateBatch(store, correlationOf(server.config))).toBe(0);
  });

  test('not even an alert that is in a drill by mistake takes others there', async () => {
    const { incident } = (await start(order('ws-11'))).data;
    const live = await liveAlert('ws-11', 'siem:mistake');
    await store.db.updateTable('alerts').set({ incident }).where('alert_key', '=', 'siem:mistake').execute();
    await liveAlert('ws-11', 'siem:mistake');
    expect((await detail(live)).alerts).toHaveLength(1);
  });
});

test('what it asks of people says DRILL, and what it did says simulated', async () => {
  const config = worldConfig({ policy: server.config.policy });
  const activities = runnerOn(store, new World(), config);
  const { incident } = (await start(order('ws-12'))).data;
  const scan = item({ id: 'scan', action: 'endpoint.scan_av', leaseSeconds: null });
  await activities.runWave(waveOf(incident, item(), scan));
  await activities.close();
  const { items } = (await server.call<{ items: ApprovalRequest[] }>('GET', '/api/v1/approvals')).data;
  expect(items.find((one) => one.incident === incident)).toMatchObject({
    mode: 'drill',
    items: [{ simulated: true, connection: 'drill:edr' }],
  });
  expect((await detail(incident)).actions).toMatchObject([
    { action: 'endpoint.scan_av', status: 'simulated' },
  ]);
  const login = await server.call<string>('POST', '/plain/login', {
    as: null,
    body: new URLSearchParams({ token: server.tokens['lea'] ?? '' }).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: server.url },
  });
  const cookie = String(login.headers['set-cookie']?.[0]).split(';')[0] ?? '';
  const page = (await server.call<string>('GET', '/plain', { as: null, headers: { Cookie: cookie } })).data;
  expect(page).toMatch(new RegExp(`DRILL</strong> ${incident}: Cut the hosts off`));
});

describe('its report', () => {
  test('says how long people took, what was contained when, and who stayed silent', async () => {
    const world = new World();
    const config = worldConfig({ policy: server.config.policy });
    const activities = runnerOn(store, world, config);
    const { incident } = (await start(order('ws-20'))).data;
    const isolate = item({ id: 'isolate/ws-20', input: { host: { name: 'ws-20' } } });
    later(10);
    await activities.runWave(waveOf(incident, isolate));
    expect((await report(incident)).data).toMatchObject({
      firstDecisionSeconds: null,
      firstContainmentSeconds: null,
      requests: [{ outcome: 'open', firstDecisionSeconds: null, approvedSeconds: null, answeredBy: [] }],
    });
    const asked = async (status: string): Promise<string> => {
      const { items } = (
        await server.call<{ items: ApprovalRequest[] }>('GET', `/api/v1/approvals?status=${status}`)
      ).data;
      return items.filter((one) => one.incident === incident).at(-1)?.id ?? '';
    };
    const first = await asked('open');
    later(30);
    const body = { decisionId: randomUUID(), verdict: 'approve' };
    const lead = await server.call('POST', `/api/v1/approvals/${first}/decisions`, { as: 'lea', body });
    expect(lead.status).toBe(202);
    later(5);
    await activities.runWave(waveOf(incident, isolate));
    later(60);
    const second = { ...waveOf(incident, item({ id: 'isolate/ws-21', input: { host: { name: 'ws-21' } } })) };
    await activities.runWave({ ...second, group: { ...second.group, id: 'contain-2', title: 'The rest' } });
    const silent = await asked('open');
    later(100 * 3600);
    await activities.runWave({ ...second, group: { ...second.group, id: 'contain-2', title: 'The rest' } });
    await activities.close();
    const { data } = await report(incident);
    expect(data).toMatchObject({
      incident,
      title: 'DRILL: Encryption on ws-20',
      playbook: 'ransomware@1',
      status: 'open',
      startedBy: 'person:lea',
      firstDecisionSeconds: 40,
      firstContainmentSeconds: 45,
      unanswered: [silent],
      requests: [
        {
          id: first,
          title: 'Cut the hosts off',
          outcome: 'approved',
          firstDecisionSeconds: 30,
          approvedSeconds: 35,
          answeredBy: ['lea'],
          silent: [],
        },
        {
          id: silent,
          title: 'The rest',
          outcome: 'expired',
          firstDecisionSeconds: null,
          approvedSeconds: null,
          answeredBy: [],
          silent: [{ id: 'lea', name: 'lea' }],
        },
      ],
    });
    expect(world.calls).toEqual([]);
  });

  test('there is none of what is live, or is not there', async () => {
    expect((await report(await liveAlert('ws-30'))).status).toBe(409);
    expect((await report('INC-2026-999999')).status).toBe(404);
  });
});
