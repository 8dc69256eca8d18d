import { randomUUID } from 'node:crypto';
import type { AxiosResponse } from 'axios';
import { Webhook } from 'standardwebhooks';
import { Secret } from '../../contracts/secret';
import type { JournalEntry } from '../../contracts/journal';
import { fileIncident, fileRequest, startTestServer, type TestServer } from '../support/server';

const OLD = `whsec_${Buffer.from('the old secret of the channel').toString('base64')}`;
const NEW = `whsec_${Buffer.from('the new secret of the channel').toString('base64')}`;
const LOW = 'endpoint.release_host';
const HIGH = 'endpoint.isolate_host';

let server: TestServer;
let incident: string;
let count = 0;

beforeAll(async () => {
  const secrets = [new Secret(OLD), new Secret(NEW)];
  server = await startTestServer({
    people: ['ana', 'bo', 'lea', 'vera']
      .map((id) => ({ id, name: id, roles: ['analyst'] as const }))
      .map((one) => ({ ...one, roles: [...one.roles] })),
    channels: [
      { id: 'chat', secrets, people: ['ana', 'bo', 'vera', 'lea'], roles: ['analyst'] },
      {
        id: 'tickets',
        secrets: [new Secret(NEW)],
        people: ['ana', 'lea'],
        roles: ['analyst', 'lead'],
        maxImpact: 'high',
        authenticatesPeople: true,
      },
    ],
  });
});
afterAll(() => server.stop());
beforeEach(async () => {
  incident = await fileIncident(server.store, `INC-2026-9${String(++count).padStart(5, '0')}`);
});

interface Sent {
  decisionId: string;
  request: string;
  person: string;
  verdict: string;
  [key: string]: unknown;
}
const answer = (request: string, extra: Partial<Sent> = {}): Sent => ({
  decisionId: randomUUID(),
  request,
  person: 'ana',
  verdict: 'approve',
  ...extra,
});
function post(
  channel: string,
  body: unknown,
  { secret = NEW, at = new Date(), text = JSON.stringify(body) } = {},
): Promise<AxiosResponse<{ items: { status: string }[]; detail: string }>> {
  const id = `msg_${randomUUID()}`;
  return server.call('POST', `/hooks/approvals/${channel}`, {
    as: null,
    body: Buffer.from(text),
    headers: {
      'Content-Type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(id, at, JSON.stringify(body)),
    },
  });
}
const decisions = (request: string) =>
  server.store.db
    .selectFrom('decisions')
    .selectAll()
    .where('request_id', '=', request)
    .orderBy('n')
    .execute();
const lowRequest = () => fileRequest(server.store, incident, [{ action: LOW, target: 'fin-ws-042' }]);

describe('who may speak', () => {
  test('a signed answer is recorded, the run is told, and the journal names channel and person', async () => {
    const request = await lowRequest();
    const before = server.wakes();
    const { status, data } = await post('chat', answer(request, { planHash: 'plan-1', reason: 'agreed' }));
    expect([status, data.items.map((item) => item.status)]).toEqual([202, ['recorded']]);
    expect(server.wakes()).toBe(before + 1);
    expect(await decisions(request)).toMatchObject([
      {
        person: 'ana',
        roles: ['analyst'],
        channel: 'channel:chat',
        voice: 'channel:chat',
        verdict: 'approve',
      },
    ]);
    const timeline = await server.call<{ items: JournalEntry[] }>(
      'GET',
      `/api/v1/incidents/${incident}/timeline`,
    );
    expect(timeline.data.items).toMatchObject([
      { kind: 'decision_recorded', actor: 'channel:chat', data: { person: 'ana', reason: 'agreed' } },
    ]);
    const told = await server.store.db
      .selectFrom('outbox')
      .select('kind')
      .where('key', '=', incident)
      .execute();
    expect(told).toEqual([{ kind: 'decision' }]);
  });

  test('every secret holds while they are rotated; another one does not', async () => {
    const request = await lowRequest();
    expect((await post('chat', answer(request), { secret: OLD })).status).toBe(202);
    expect((await post('tickets', answer(request), { secret: OLD })).status).toBe(401);
    const other = `whsec_${Buffer.from('some other secret').toString('base64')}`;
    expect((await post('chat', answer(request), { secret: other })).status).toBe(401);
  });

  test('a stale or future timestamp, a changed body, and no signature at all are refused', async () => {
    const request = await lowRequest();
    const minutes = (n: number) => new Date(Date.now() + n * 60_000);
    expect((await post('chat', answer(request), { at: minutes(-6) })).status).toBe(401);
    expect((await post('chat', answer(request), { at: minutes(6) })).status).toBe(401);
    const said = answer(request);
    const changed = JSON.stringify({ ...said, person: 'bo' });
    expect((await post('chat', said, { text: changed })).status).toBe(401);
    const bare = await server.call('POST', '/hooks/approvals/chat', { as: null, body: said });
    expect(bare.status).toBe(401);
    expect(await decisions(request)).toEqual([]);
  });

  test('only its people, only while they are active, and only those who hold a role it speaks for', async () => {
    const request = await lowRequest();
    expect((await post('chat', answer(request, { person: 'adam' }))).status).toBe(403);
    const notItsOwn = await post('tickets', answer(request, { person: 'bo' }));
    expect([notItsOwn.status, notItsOwn.data.detail]).toEqual([403, 'tickets may not speak for bo.']);
    expect((await post('chat', answer(request, { person: 'vera' }))).status).toBe(403);
    expect((await post('chat', answer(request, { person: 'lea' }))).status).toBe(403);
    await server.store.db.updateTable('people').set({ active: false }).where('id', '=', 'bo').execute();
    expect((await post('chat', answer(request, { person: 'bo' }))).status).toBe(403);
    await server.store.db.updateTable('people').set({ active: true }).where('id', '=', 'bo').execute();
    expect((await post('chat', answer(request, { person: 'bo' }))).status).toBe(202);
  });

  test('a person answers with the roles that the channel may use, not with all of theirs', async () => {
    const request = await lowRequest();
    await server.store.db
      .updateTable('people')
      .set({ roles: '["analyst","lead"]' })
      .where('id', '=', 'bo')
      .execute();
    await post('chat', answer(request, { person: 'bo' }));
    expect(await decisions(request)).toMatchObject([{ person: 'bo', roles: ['analyst'] }]);
    await server.store.db
      .updateTable('people')
      .set({ roles: '["analyst"]' })
      .where('id', '=', 'bo')
      .execute();
  });
});

describe('what it may decide', () => {
  test('nothing above its highest impact, not even together with what it may', async () => {
    const request = await fileRequest(server.store, incident, [
      { action: LOW, target: 'ws-1' },
      { action: HIGH, target: 'ws-2' },
    ]);
    const all = await post('chat', answer(request));
    expect([all.status, all.data.detail]).toEqual([403, expect.stringContaining(`${HIGH}:ws-2 (high)`)]);
    expect(await decisions(request)).toEqual([]);
    expect((await post('chat', answer(request, { items: [`${LOW}:ws-1`] }))).status).toBe(202);
    expect((await post('tickets', answer(request, { items: [`${HIGH}:ws-2`] }))).status).toBe(202);
  });

  test('an answer to another plan, to an unknown item or request, or with what does not fit', async () => {
    const request = await lowRequest();
    expect((await post('chat', answer(request, { planHash: 'plan-0' }))).status).toBe(409);
    expect((await post('chat', answer(request, { items: ['nothing'] }))).status).toBe(422);
    expect((await post('chat', answer('nothing'))).status).toBe(404);
    expect((await post('chat', answer(request, { verdict: 'perhaps' }))).status).toBe(422);
    expect((await post('chat', answer(request, { decisionId: 'not-a-uuid' }))).status).toBe(422);
    expect((await post('chat', { ...answer(request), role: 'lead' })).status).toBe(422);
    expect((await post('nowhere', answer(request))).status).toBe(404);
    expect(await decisions(request)).toEqual([]);
  });
});

describe('repeats', () => {
  test('the same answer counts once; the same id with another content is refused, through any way', async () => {
    const request = await lowRequest();
    const said = answer(request);
    await post('chat', said);
    const again = await post('chat', said);
    expect([again.status, again.data.items.map((item) => item.status)]).toEqual([202, ['repeated']]);
    for (const other of [
      { person: 'bo' },
      { verdict: 'deny' },
      { reason: 'x' },
      { items: [`${LOW}:fin-ws-042`] },
    ])
      expect((await post('chat', { ...said, ...other })).status).toBe(409);
    expect((await post('tickets', said)).status).toBe(409);
    const { decisionId, verdict } = said;
    const api = await server.call('POST', `/api/v1/approvals/${request}/decisions`, {
      as: 'ana',
      body: { decisionId, verdict },
    });
    expect(api.status).toBe(409);
    const elsewhere = await lowRequestElsewhere();
    expect((await post('chat', { ...said, request: elsewhere })).status).toBe(409);
    expect(await decisions(request)).toHaveLength(1);
  });
});

const lowRequestElsewhere = () => fileRequest(server.store, incident, [{ action: LOW, target: 'ws-9' }]);
