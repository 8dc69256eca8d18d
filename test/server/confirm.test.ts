import { signLink } from '../../channels/kit/links';
import { Secret } from '../../contracts/secret';
import { HOSTILE } from '../channels/notices';
import { until } from '../support/cordon-process';
import { startFakeRelay } from '../support/fake-channels';
import { fileIncident, fileRequest, startTestServer, type TestServer } from '../support/server';

const LOW = 'endpoint.release_host';
const HIGH = 'endpoint.isolate_host';
const OLD = new Secret('the old secret of the links, long enough');
const ROOM = new Secret('yet another secret of links, long enough');
const NEW = new Secret('the new secret of the links, long enough');

// eslint-disable-next-line no-control-regex -- these are what must not be there
const STEERS = /[\u0000-\u0008\u001b\u007f-\u009f\u200b\u202a-\u202e]/;

let relay: Awaited<ReturnType<typeof startFakeRelay>>;
let server: TestServer;
let incident: string;
let count = 0;

beforeAll(async () => {
  relay = await startFakeRelay();
  const mail = {
    use: 'email',
    secrets: [NEW, OLD],
    people: ['ana', 'bo', 'vera'],
    roles: ['analyst' as const, 'lead' as const],
    config: relay.config,
  };
  server = await startTestServer({
    publicUrl: 'https://cordon.example.com',
    channels: [
      { id: 'mail', maxImpact: 'high', ...mail },
      {
        id: 'room',
        ...mail,
        authenticatesPeople: false,
        secrets: [ROOM],
      },
    ],
  });
  for (const id of ['ana', 'bo'])
    await server.store.db
      .updateTable('people')
      .set({ email: `${id}@example.com` })
      .where('id', '=', id)
      .execute();
});
afterAll(async () => {
  await server.stop();
  await relay.stop();
});
beforeEach(async () => {
  incident = await fileIncident(server.store, `INC-2026-5${String(++count).padStart(5, '0')}`);
});

const content = (request: string, over: object = {}) => ({
  channel: 'mail',
  request,
  person: 'ana',
  plan: 'plan-1',
  until: Date.now() + 3_600_000,
  round: 0,
  ...over,
});
const linkTo = (request: string, over: object = {}, secret = NEW): string =>
  signLink([secret], content(request, over));
const get = (link: string) =>
  server.call<string>('GET', `/confirm?link=${encodeURIComponent(link)}`, { as: null });
const post = (form: Record<string, string | string[]>, headers: Record<string, string> = {}) => {
  const body = new URLSearchParams();
  for (const [name, values] of Object.entries(form))
    for (const value of [values].flat()) body.append(name, value);
  return server.call<string>('POST', '/confirm', {
    as: null,
    body: body.toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
  });
};
const field = (html: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]+)"`).exec(html)?.[1] ?? '';
const itemsOf = (html: string): string[] =>
  [...html.matchAll(/name="item"\s+value="([^"]+)"/g)].map(([, value]) => value ?? '');
const decisions = (request: string) =>
  server.store.db
    .selectFrom('decisions')
    .selectAll()
    .where('request_id', '=', request)
    .orderBy('n')
    .execute();
const low = () => fileRequest(server.store, incident, [{ action: LOW, target: 'ws-1' }]);
/** Opens the page and answers its form. */
async function answer(link: string, over: Record<string, string | string[]> = {}) {
  const { data } = await get(link);
  return post({ link, form: field(data, 'form'), verdict: 'approve', item: itemsOf(data), ...over });
}

test('loading the page decides nothing, however often and by whatever method; the form decides, as that person', async () => {
  const request = await fileRequest(server.store, incident, [
    { action: LOW, target: 'ws-1' },
    { action: HIGH, target: 'ws-2' },
  ]);
  const link = linkTo(request);
  for (let n = 0; n < 3; n++) expect((await get(link)).status).toBe(200);
  await server.call('HEAD', `/confirm?link=${link}`, { as: null });
  await server.call('OPTIONS', `/confirm?link=${link}`, { as: null });
  expect((await post({ link, verdict: 'approve', item: `${LOW}:ws-1` })).status).toBe(422);
  expect(await decisions(request)).toEqual([]);
  const { data, headers } = await get(link);
  expect(data).toContain('You decide as <strong>ana</strong>');
  expect(itemsOf(data).sort()).toEqual([`${HIGH}:ws-2`, `${LOW}:ws-1`]);
  expect(data).not.toContain('checked');
  expect(headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' });
  const answered = await answer(link, { item: [`${HIGH}:ws-2`], reason: 'seen it' });
  expect([answered.status, answered.data]).toEqual([200, expect.stringContaining('Recorded')]);
  expect(await decisions(request)).toMatchObject([
    { person: 'ana', item_hash: `${HIGH}:ws-2`, channel: 'channel:mail', voice: 'person', reason: 'seen it' },
  ]);
});

test('a vote without the role is recorded, and the page says that it does not count', async () => {
  const request = await fileRequest(server.store, incident, [
    {
      action: LOW,
      target: 'ws-1',
      requirement: {
        kind: 'approvals',
        groups: [{ roles: ['lead'], count: 1 }],
        timeoutSeconds: 3600,
        noSelfApproval: false,
        why: 'one lead',
      },
    },
  ]);
  const link = linkTo(request);
  const answered = await answer(link, {});
  expect(answered.data).toContain('It does not count: this needs 1 lead; ana is analyst.');
  expect(await decisions(request)).toHaveLength(1);
});

test('it decides once: afterwards neither the link nor its form is good for anything', async () => {
  const request = await low();
  const link = linkTo(request);
  const { data } = await get(link);
  const said = { link, form: field(data, 'form'), item: itemsOf(data), verdict: 'approve' };
  const answers = await Promise.all([post(said), post(said), post({ ...said, verdict: 'deny' })]);
  expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1);
  for (const again of [await get(link), await post(said), await post({ ...said, verdict: 'deny' })]) {
    expect(again.status).toBe(410);
    expect(again.data).toContain('It was used');
  }
  expect(await decisions(request)).toHaveLength(1);
});

test('altered, of another key, of another channel, or none at all: refused', async () => {
  const request = await low();
  const link = linkTo(request);
  const [text = '', signature = ''] = link.split('.');
  const forged = Buffer.from(Buffer.from(text, 'base64url').toString().replace('"ana"', '"lea"')).toString(
    'base64url',
  );
  for (const bad of [
    `${forged}.${signature}`,
    linkTo(request, {}, new Secret('somebody else’s secret, long enough')),
    linkTo(request, { channel: 'room' }),
    linkTo(request, { channel: 'nowhere' }),
    text,
    '',
    'x'.repeat(3000),
  ]) {
    const { status, data, headers } = await get(bad);
    expect([status, headers['content-type']]).toEqual([403, expect.stringContaining('text/html')]);
    expect(data).toContain('This link does not hold');
  }
  expect((await get(linkTo(request, {}, OLD))).status).toBe(200);
});

test('over, settled, another plan, another form, another site: refused', async () => {
  const request = await low();
  expect((await get(linkTo(request, { until: Date.now() - 1 }))).status).toBe(410);
  expect((await get(linkTo(request, { plan: 'plan-0' }))).status).toBe(409);
  expect((await get(linkTo('nothing'))).status).toBe(404);
  const link = linkTo(request);
  const other = await get(linkTo(request, { person: 'bo' }));
  const item = `${LOW}:ws-1`;
  const crossed = await post({ link, form: field(other.data, 'form'), verdict: 'approve', item });
  expect([crossed.status, crossed.data]).toEqual([
    403,
    expect.stringContaining('not from the page of this link'),
  ]);
  const { data } = await get(link);
  const foreign = await post(
    { link, form: field(data, 'form'), verdict: 'approve', item },
    { Origin: 'https://evil.example' },
  );
  expect(foreign.status).toBe(403);
  expect((await answer(link, { item: [] })).data).toContain('choose at least one item');
  expect((await answer(link, { item: 'nothing' })).status).toBe(422);
  await server.store.db
    .updateTable('approval_requests')
    .set({ status: 'settled' })
    .where('id', '=', request)
    .execute();
  expect((await get(link)).status).toBe(410);
  expect(await decisions(request)).toEqual([]);
});

test('only for a person who may decide now', async () => {
  const request = await low();
  for (const person of ['vera', 'lea']) expect((await get(linkTo(request, { person }))).status).toBe(403);
  const link = linkTo(request, { person: 'bo' });
  const { data } = await get(link);
  await server.store.db.updateTable('people').set({ active: false }).where('id', '=', 'bo').execute();
  expect((await get(link)).status).toBe(403);
  const form = { link, form: field(data, 'form'), verdict: 'approve', item: itemsOf(data) };
  expect((await post(form)).status).toBe(403);
  await server.store.db.updateTable('people').set({ active: true }).where('id', '=', 'bo').execute();
  expect(await decisions(request)).toEqual([]);
});

test('what is above the channel has no box and no way', async () => {
  const request = await fileRequest(server.store, incident, [
    { action: LOW, target: 'ws-1' },
    { action: HIGH, target: 'ws-2' },
  ]);
  const link = signLink([ROOM], content(request, { channel: 'room' }));
  const { data } = await get(link);
  expect(itemsOf(data)).toEqual([`${LOW}:ws-1`]);
  expect(data).toContain('1 of them cannot be decided by a link');
  expect((await answer(link, { item: `${HIGH}:ws-2` })).status).toBe(403);
  expect((await answer(link, { item: [`${HIGH}:ws-2`, `${LOW}:ws-1`] })).status).toBe(403);
  expect(await decisions(request)).toEqual([]);
});

test('a link that everybody in a room sees is one voice', async () => {
  const request = await low();
  const link = signLink([ROOM], content(request, { channel: 'room' }));
  expect((await answer(link)).status).toBe(200);
  expect(await decisions(request)).toMatchObject([{ person: 'ana', voice: 'channel:room' }]);
});

test('what an alert says does nothing on the page', async () => {
  const request = await fileRequest(server.store, incident, [{ action: LOW, target: 'ws-1' }], {
    title: HOSTILE,
    reason: HOSTILE,
  });
  const { data } = await get(linkTo(request));
  expect(data).not.toContain('<b>');
  expect(data).not.toContain('<!channel>');
  expect(data).not.toMatch(STEERS);
});

test('no link is in the log', async () => {
  const request = await low();
  const link = linkTo(request);
  await answer(link);
  await get('broken.link');
  expect(JSON.stringify(server.logged)).not.toContain(link.slice(0, 40));
});

test('the whole way: mailed, opened, decided; hostile text harmless in text, HTML and headers', async () => {
  const request = await fileRequest(server.store, incident, [{ action: LOW, target: 'ws-1' }], {
    title: HOSTILE,
  });
  await server.store.db
    .insertInto('outbox')
    .values({
      kind: 'notice',
      key: request,
      payload: JSON.stringify({ event: 'approval_requested', request, channels: ['mail'] }),
      created_at: new Date(),
      next_at: new Date(),
      error: null,
    })
    .execute();
  await until('both mails', () => relay.mails.length >= 2);
  const mail = relay.mails.find(({ to }) => to === 'ana@example.com')!;
  expect(mail.raw).not.toMatch(/^Bcc:/m);
  expect(mail.text).not.toMatch(STEERS);
  expect(mail.text).not.toMatch(/https?:\/\/evil/);
  expect(mail.text.slice(mail.text.indexOf('<!doctype'))).not.toMatch(/<b>|<!channel|"'>/);
  const link = /confirm\?link=([\w.-]+)/.exec(mail.text)?.[1] ?? '';
  expect((await answer(link)).status).toBe(200);
  expect(await decisions(request)).toMatchObject([{ person: 'ana' }]);
});
