import { randomUUID } from 'node:crypto';
import type { IncidentDetail, Started } from '../../contracts/api';
import type { JournalEntry } from '../../contracts/journal';
import { Command } from '../../contracts/messages';
import { askersOf } from '../../store/askers';
import { correlateBatch } from '../../store/correlate';
import { acceptDelivery } from '../../store/intake';
import { forgetRequests } from '../../store/once';
import { verifyJournal } from '../../store/verify-journal';
import { correlationOf, fileRequest, startTestServer, type TestServer } from '../support/server';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
afterEach(async () => {
  expect((await verifyJournal(server.store.db)).problems).toEqual([]);
  for (const table of [
    'approval_items',
    'approval_requests',
    'lease_holders',
    'leases',
    'detached_targets',
    'incident_targets',
    'incident_links',
    'incident_entities',
    'incident_askers',
    'repeatable_requests',
    'incidents',
    'alerts',
    'deliveries',
    'outbox',
    'journal',
    'journal_heads',
  ] as const)
    await server.store.db.deleteFrom(table).execute();
});

const report = (host: string, extra: object = {}) => ({
  title: `Odd behaviour of ${host}`,
  severity: 3,
  reason: 'the owner called',
  entities: { hosts: [{ name: host }] },
  ...extra,
});
const start = (body: object, { as = 'ana', key }: { as?: string; key?: string } = {}) =>
  server.call<Started & { detail: string }>('POST', '/api/v1/incidents', {
    as,
    body,
    headers: key === undefined ? {} : { 'Idempotency-Key': key },
  });
const detail = async (number: string) =>
  (await server.call<IncidentDetail>('GET', `/api/v1/incidents/${number}`)).data;
const timeline = async (number: string) =>
  (await server.call<{ items: JournalEntry[] }>('GET', `/api/v1/incidents/${number}/timeline`)).data.items;
const detach = (number: string, alert: string, as = 'ana') =>
  server.call<{ detachedTo: string; targets: string[]; stillContained: object[]; detail: string }>(
    'POST',
    `/api/v1/incidents/${number}/alerts/${alert}/detach`,
    { as, body: { reason: 'another case' } },
  );
/** What a source sends. */
async function alert(
  title: string,
  entities: { hosts?: string[]; accounts?: string[] },
  id: string = randomUUID(),
): Promise<string> {
  const { alerts } = await acceptDelivery(
    server.store,
    'siem',
    new Uint8Array(),
    {
      messageId: randomUUID(),
      alerts: [
        {
          alertKey: `siem:${id}`,
          source: 'siem',
          product: 'test',
          title,
          severity: 4,
          category: 'malware',
          techniques: [],
          occurredAt: '2026-05-01T00:00:00Z',
          entities: {
            hosts: (entities.hosts ?? []).map((name) => ({ name })),
            accounts: (entities.accounts ?? []).map((name) => ({ name })),
            ips: [],
            files: [],
            domains: [],
            urls: [],
          },
          resolved: false,
        },
      ],
    },
    {},
  );
  await correlateBatch(server.store, correlationOf(server.config));
  return alerts[0] ?? '';
}
const incidentOf = async (id: string) =>
  (
    await server.store.db
      .selectFrom('alerts')
      .select('incident')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
  ).incident ?? '';

describe('a person starts an incident', () => {
  test('by the same intake and correlation, as its starter, with the playbook that was chosen', async () => {
    const { status, data } = await start(report('ws-7', { playbook: 'ransomware@1', techniques: ['T1486'] }));
    expect(status).toBe(202);
    expect(data).toMatchObject({
      joined: false,
      repeated: false,
      playbook: 'ransomware@1',
      startedBy: 'person:ana',
    });
    const number = data.incident ?? '';
    expect(await detail(number)).toMatchObject({
      startedBy: 'person:ana',
      playbook: 'ransomware@1',
      alerts: [{ source: 'manual:ana', title: 'Odd behaviour of ws-7' }],
    });
    expect((await timeline(number)).map(({ kind, actor }) => [kind, actor])).toEqual([
      ['incident_opened', 'cordon'],
      ['alert_joined', 'person:ana'],
    ]);
    const out = await server.store.db.selectFrom('outbox').select(['kind', 'key']).execute();
    expect(out).toEqual([{ kind: 'start_or_signal', key: number }]);
  });

  test('a repeat with the same key changes nothing; the key with other words is refused', async () => {
    const first = await start(report('ws-7'), { key: 'k1' });
    const again = await start(report('ws-7'), { key: 'k1' });
    expect(again.data).toEqual({ ...first.data, repeated: true });
    expect((await start(report('ws-8'), { key: 'k1' })).status).toBe(409);
    expect((await start(report('ws-7'), { key: 'with space' })).status).toBe(422);
    const other = await start(report('ws-9'), { key: 'k1', as: 'lea' });
    expect([other.status, other.data.incident === first.data.incident]).toEqual([202, false]);
    expect(await server.store.db.selectFrom('incidents').select('number').execute()).toHaveLength(2);
  });

  test('fifty at once with one key are one incident', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => start(report('ws-7'), { key: 'k2' })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ data }) => data.incident)).size).toBe(1);
    expect(answers.filter(({ data }) => !data.repeated)).toHaveLength(1);
  });

  test('an open incident that knows an entity is joined, and the answer says so', async () => {
    const first = await incidentOf(await alert('Trojan', { hosts: ['ws-7'] }));
    const { data } = await start(report('ws-7', { playbook: 'malware_on_endpoint@1' }));
    expect(data).toMatchObject({ incident: first, joined: true, startedBy: 'source:siem', playbook: null });
  });

  test('who adds an alert to a run that a source started asks in it from then on, also once the alert left', async () => {
    const first = await incidentOf(await alert('Trojan', { hosts: ['ws-7'] }));
    expect(await askersOf(server.store.db, first)).toEqual([]);
    const { data } = await start(report('ws-7'));
    await start(report('ws-7'), { as: 'lea' });
    expect(await askersOf(server.store.db, first)).toEqual(['ana', 'lea']);
    expect((await detach(first, data.alert)).status).toBe(200);
    expect(await askersOf(server.store.db, first)).toEqual(['ana', 'lea']);
  });

  test('an unknown playbook names those that there are; a viewer may not; what does not fit is named', async () => {
    const unknown = await start(report('ws-7', { playbook: 'ransomware@9' }));
    expect([unknown.status, unknown.data.detail]).toEqual([
      422,
      'playbook: there is no ransomware@9; there are ransomware@1, malware_on_endpoint@1.',
    ]);
    expect((await start(report('ws-7'), { as: 'vera' })).status).toBe(403);
    expect((await start(report('ws-7', { severity: 9 }))).status).toBe(422);
    expect((await start(report('ws-7', { startedBy: 'person:lea' }))).status).toBe(422);
    expect(await server.store.db.selectFrom('alerts').select('id').execute()).toEqual([]);
  });
});

describe('targets by a person', () => {
  const change = (number: string, how: 'add' | 'remove', target: object, as = 'ana') =>
    server.call<{ targets: string[]; cancelled: number; detail: string }>(
      'POST',
      `/api/v1/incidents/${number}/targets/${how}`,
      { as, body: { target, reason: 'seen there' } },
    );
  const started = async (): Promise<string> => incidentOf(await alert('Odd', { hosts: ['ws-1', 'ws-2'] }));
  const out = () => server.store.db.selectFrom('detached_targets').select('target_key').execute();

  test('no alert brings back what a person took out; what waits for people there is taken back', async () => {
    const number = await started();
    await fileRequest(server.store, number, [
      { action: 'endpoint.isolate_host', target: 'ws-1' },
      { action: 'endpoint.isolate_host', target: 'ws-2' },
    ]);
    const { status, data } = await change(number, 'remove', { kind: 'host', name: 'ws-2' });
    expect([status, data]).toMatchObject([200, { targets: ['host:ws-2'], cancelled: 1 }]);
    expect((await timeline(number)).at(-1)).toMatchObject({ kind: 'target_removed', actor: 'person:ana' });
    expect(await incidentOf(await alert('Both', { hosts: ['ws-1', 'ws-2'] }))).toBe(number);
    expect(await out()).toEqual([{ target_key: 'host:ws-2' }]);
    expect(await incidentOf(await alert('Alone', { hosts: ['ws-2'] }))).not.toBe(number);
    expect((await change(number, 'add', { kind: 'host', name: 'ws-2' })).status).toBe(200);
    expect(await out()).toEqual([]);
  });

  test('who adds a target asks in the incident; its run is told, and alerts about it join', async () => {
    const number = await started();
    expect(await askersOf(server.store.db, number)).toEqual([]);
    expect((await change(number, 'add', { kind: 'account', name: 'kim' })).data).toMatchObject({
      targets: ['account:kim'],
    });
    expect(await askersOf(server.store.db, number)).toEqual(['ana']);
    expect(await incidentOf(await alert('Of kim', { accounts: ['kim'] }))).toBe(number);
    const sent = await server.store.db
      .selectFrom('outbox')
      .select('payload')
      .where('kind', '=', 'command')
      .execute();
    expect(sent.map(({ payload }) => Command.parse(payload))).toMatchObject([{ kind: 'add_target', seq: 1 }]);
  });

  test('what is closed, unknown, shared by many or not named is refused', async () => {
    const number = await started();
    expect((await change('INC-2026-999999', 'add', { kind: 'host', name: 'x' })).status).toBe(404);
    expect((await change(number, 'add', { kind: 'ip', ip: '127.0.0.1' })).status).toBe(422);
    expect((await change(number, 'add', { kind: 'host' })).status).toBe(422);
    await server.store.db
      .updateTable('incidents')
      .set({ status: 'closed' })
      .where('number', '=', number)
      .execute();
    expect((await change(number, 'remove', { kind: 'host', name: 'ws-1' })).status).toBe(409);
  });
});

describe('an alert is detached', () => {
  async function joined(): Promise<{ number: string; right: string; wrong: string }> {
    const right = await alert('Trojan', { hosts: ['ws-1'], accounts: ['shared'] });
    const wrong = await alert('Log-ins', { hosts: ['ws-2'], accounts: ['shared'] }, 'wrong');
    const number = await incidentOf(right);
    expect(await incidentOf(wrong)).toBe(number);
    await server.store.db.deleteFrom('outbox').execute();
    return { number, right, wrong };
  }

  test('into an incident of its own; both journals say so, and the old run is told', async () => {
    const { number, wrong } = await joined();
    const { status, data } = await detach(number, wrong);
    expect([status, data.targets, data.stillContained]).toEqual([200, ['host:ws-2'], []]);
    expect(await incidentOf(wrong)).toBe(data.detachedTo);
    expect(await detail(number)).toMatchObject({ alertCount: 1, links: [{ other: data.detachedTo }] });
    expect(await detail(data.detachedTo)).toMatchObject({
      alertCount: 1,
      links: [{ other: number }],
      reopens: null,
    });
    const said = { kind: 'alert_detached', actor: 'person:ana' };
    expect((await timeline(number)).at(-1)).toMatchObject({
      ...said,
      data: { alert: wrong, to: data.detachedTo, reason: 'another case', targets: ['host:ws-2'] },
    });
    expect((await timeline(data.detachedTo)).at(-1)).toMatchObject({ ...said, data: { from: number } });
    const out = await server.store.db
      .selectFrom('outbox')
      .select(['kind', 'key', 'payload'])
      .orderBy('id')
      .execute();
    expect(out.map(({ kind, key }) => [kind, key])).toEqual([
      ['start_or_signal', data.detachedTo],
      ['command', number],
    ]);
    expect(Command.parse(out[1]?.payload)).toMatchObject({
      kind: 'detach_alert',
      alert: wrong,
      seq: 2,
      by: 'person:ana',
    });
  });

  test('what waits for people there is taken back, what is contained there is named', async () => {
    const { number, wrong } = await joined();
    const request = await fileRequest(server.store, number, [
      { action: 'endpoint.isolate_host', target: 'ws-1' },
      { action: 'endpoint.isolate_host', target: 'ws-2' },
    ]);
    const at = await server.store.now();
    await server.store.db
      .insertInto('leases')
      .values({
        id: 'l1',
        connection: 'edr',
        integration: 'simulated_edr',
        simulated: true,
        action: 'endpoint.isolate_host',
        inverse: 'endpoint.release_host',
        inverse_input: '{}',
        target_kind: 'host',
        target_key: 'host:ws-2',
        target_label: 'ws-2',
        status: 'in_force',
        we_did_it: true,
        created_at: at,
        last_error: null,
      })
      .execute();
    await server.store.db
      .insertInto('lease_holders')
      .values({ lease_id: 'l1', incident: number, acquired_at: at, reason: 'r' })
      .execute();
    const { data } = await detach(number, wrong);
    expect(data.stillContained).toEqual([
      { lease: 'l1', action: 'endpoint.isolate_host', target: 'host:ws-2' },
    ]);
    const items = await server.store.db
      .selectFrom('approval_items')
      .select(['target_key', 'status'])
      .where('request_id', '=', request)
      .orderBy('target_key')
      .execute();
    expect(items).toEqual([
      { target_key: 'host:ws-1', status: 'pending' },
      { target_key: 'host:ws-2', status: 'cancelled' },
    ]);
    expect((await server.call('GET', '/api/v1/containments')).data).toMatchObject({
      items: [{ status: 'in_force' }],
    });
  });

  test('it stays away: its updates go to its own incident, and its entities are forgotten in the old one', async () => {
    const { number, wrong } = await joined();
    const { data } = await detach(number, wrong);
    await alert('Log-ins, more', { hosts: ['ws-2'], accounts: ['shared'] }, 'wrong');
    expect(await incidentOf(wrong)).toBe(data.detachedTo);
    expect(await incidentOf(await alert('Another', { hosts: ['ws-2'] }))).toBe(data.detachedTo);
    expect(await incidentOf(await alert('Of the account', { accounts: ['shared'] }))).toBe(number);
  });

  test('another alert that brings the target to the old incident puts it in reach again', async () => {
    const { number, wrong } = await joined();
    await detach(number, wrong);
    const left = () => server.store.db.selectFrom('detached_targets').select('target_key').execute();
    expect(await left()).toEqual([{ target_key: 'host:ws-2' }]);
    expect(await incidentOf(await alert('Both', { hosts: ['ws-1', 'ws-2'] }))).toBe(number);
    expect(await left()).toEqual([]);
  });

  test('not the only one, not from a closed incident, not what is not in it, not by a viewer', async () => {
    const { number, right, wrong } = await joined();
    expect((await detach(number, 'nothing')).status).toBe(404);
    expect((await detach('INC-2026-999999', wrong)).status).toBe(404);
    expect((await detach(number, wrong, 'vera')).status).toBe(403);
    await detach(number, wrong);
    const only = await detach(number, right);
    expect([only.status, only.data.detail]).toEqual([409, expect.stringContaining('only alert')]);
    await server.store.db
      .updateTable('incidents')
      .set({ status: 'closed' })
      .where('number', '=', number)
      .execute();
    expect((await detach(number, right)).status).toBe(409);
  });
});

describe('a request with an Idempotency-Key', () => {
  const steer = (number: string, verb: string, body: object, key: string, as = 'ana') =>
    server.call<{ detail: string }>('POST', `/api/v1/incidents/${number}/${verb}`, {
      as,
      body: { reason: 'r', ...body },
      headers: { 'Idempotency-Key': key },
    });
  const told = async () => {
    const rows = await server.store.db
      .selectFrom('outbox')
      .select(['kind', 'payload'])
      .where('kind', 'in', ['command', 'roll_back'])
      .orderBy('id')
      .execute();
    return rows.map(({ kind, payload }) => payload['kind'] ?? kind);
  };

  test.each([
    ['extend-watch', { hours: 24 }, 'extend_watch', 'ana'],
    ['pause', {}, 'pause', 'ana'],
    ['resume', {}, 'resume', 'ana'],
    ['verdict', { verdict: 'benign' }, 'verdict', 'ana'],
    ['items', { item: 'x', resolution: 'retry' }, 'resolve_item', 'ana'],
    ['close', {}, 'close', 'ana'],
    ['rollback', {}, 'roll_back', 'lea'],
  ])('%s: sent twenty times at once it is one command', async (verb, body, kind, as) => {
    const number = await incidentOf(await alert('Trojan', { hosts: ['ws-7'] }));
    const answers = await Promise.all(Array.from({ length: 20 }, () => steer(number, verb, body, 'k', as)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(await told()).toEqual([kind]);
    const other = await steer(number, verb, { ...body, reason: 'another' }, 'k', as);
    expect([other.status, other.data.detail]).toEqual([
      409,
      'This Idempotency-Key was used for another request.',
    ]);
    expect((await steer(number, verb, body, 'k2', as)).status).toBe(202);
    expect(await told()).toEqual([kind, kind]);
  });

  test('detach: the repeat gets the same answer; what was refused may be asked again', async () => {
    const right = await alert('Trojan', { hosts: ['ws-1'], accounts: ['shared'] });
    const number = await incidentOf(right);
    const path = (id: string) => `alerts/${id}/detach`;
    expect((await steer(number, path(right), {}, 'k')).status).toBe(409);
    const wrong = await alert('Log-ins', { hosts: ['ws-2'], accounts: ['shared'] });
    const first = await steer(number, path(wrong), {}, 'd');
    expect(first.status).toBe(200);
    expect((await steer(number, path(wrong), {}, 'd')).data).toEqual(first.data);
    await alert('More', { hosts: ['ws-3'], accounts: ['shared'] });
    expect((await steer(number, path(right), {}, 'k')).status).toBe(200);
  });

  test('is known for a week, of the same person only, and forgotten after it', async () => {
    const number = await incidentOf(await alert('Trojan', { hosts: ['ws-7'] }));
    await steer(number, 'extend-watch', { hours: 1 }, 'k');
    await steer(number, 'extend-watch', { hours: 1 }, 'k', 'lea');
    expect(await told()).toHaveLength(2);
    await forgetRequests(server.store);
    await steer(number, 'extend-watch', { hours: 1 }, 'k');
    expect(await told()).toHaveLength(2);
    const before = new Date((await server.store.now()).getTime() - 7 * 24 * 3_600_000);
    await server.store.db.updateTable('repeatable_requests').set({ at: before }).execute();
    await steer(number, 'extend-watch', { hours: 2 }, 'k');
    expect(await told()).toHaveLength(3);
    await forgetRequests(server.store);
    expect(await server.store.db.selectFrom('repeatable_requests').select('person').execute()).toEqual([
      { person: 'ana' },
    ]);
  });
});
