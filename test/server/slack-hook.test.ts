import { Secret } from '../../contracts/secret';
import { until } from '../support/cordon-process';
import { SLACK_CHANNEL, SLACK_TEAM, startFakeSlack, type FakeSlack } from '../support/fake-channels';
import { fileIncident, fileRequest, startTestServer, type TestServer } from '../support/server';

const LOW = 'endpoint.release_host';
const HIGH = 'endpoint.isolate_host';

let slack: FakeSlack;
let server: TestServer;
let url: string;
let incident: string;
let count = 0;

beforeAll(async () => {
  slack = await startFakeSlack();
  const channel = {
    use: 'slack',
    secrets: [new Secret(`${slack.signing}-next`), new Secret(slack.signing)],
    people: ['ana', 'bo', 'lea', 'vera'],
    roles: ['analyst' as const, 'lead' as const],
    config: {
      token: slack.token,
      channel: SLACK_CHANNEL,
      team: SLACK_TEAM,
      users: { U0ANA: 'ana', U0BO: 'bo', U0LEA: 'lea', U0VERA: 'vera', U0ADAM: 'adam' },
      baseUrl: `${slack.server.url}/api`,
    },
  };
  server = await startTestServer({
    channels: [
      { id: 'soc', maxImpact: 'high', ...channel },
      { id: 'quiet', ...channel },
      {
        id: 'oncall',
        use: 'pagerduty',
        config: { routingKey: new Secret('R0123456789abcdefghijklmnopqrstu'), baseUrl: 'http://127.0.0.1:9' },
      },
    ],
  });
  url = `${server.url}/hooks/approvals/soc`;
});
afterAll(async () => {
  await server.stop();
  await slack.server.stop();
});
beforeEach(async () => {
  slack.server.state().whispers.length = 0;
  incident = await fileIncident(server.store, `INC-2026-6${String(++count).padStart(5, '0')}`);
});

const decisions = (request: string) =>
  server.store.db
    .selectFrom('decisions')
    .selectAll()
    .where('request_id', '=', request)
    .orderBy('n')
    .execute();
const about = (request: string, item?: string): string =>
  JSON.stringify(item === undefined ? { r: request, p: 'plan-1' } : { r: request, i: item });
const press = (request: string, over: { user?: string; verdict?: string; item?: string } = {}) => ({
  user: over.user ?? 'U0ANA',
  verdict: over.verdict ?? 'approve',
  value: about(request, over.item),
});
const whisper = async (): Promise<string> => {
  await until('an answer', () => slack.server.state().whispers.length > 0);
  return slack.server.state().whispers[0]?.text ?? '';
};
const low = () => fileRequest(server.store, incident, [{ action: LOW, target: 'ws-1' }]);

test('a click decides as the person behind the Slack user, who is authenticated, and the run is told', async () => {
  const request = await low();
  const before = server.wakes();
  expect((await slack.click(url, press(request))).status).toBe(200);
  expect(await decisions(request)).toMatchObject([
    { person: 'ana', roles: ['analyst'], verdict: 'approve', channel: 'channel:soc', voice: 'person' },
  ]);
  expect(server.wakes()).toBe(before + 1);
  expect((await slack.click(url, press(request, { user: 'U0BO', verdict: 'deny' }))).status).toBe(200);
  expect(await decisions(request)).toMatchObject([{}, { person: 'bo', verdict: 'deny' }]);
});

test('a click without the role is recorded, and the person is told in Slack that it does not count', async () => {
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
  expect((await slack.click(url, press(request))).status).toBe(200);
  expect(await whisper()).toBe('1 recorded. It does not count: this needs 1 lead; ana is analyst.');
  expect(await decisions(request)).toHaveLength(1);
});

test('a click about one item decides that one', async () => {
  const request = await fileRequest(server.store, incident, [
    { action: LOW, target: 'ws-1' },
    { action: LOW, target: 'ws-2' },
  ]);
  await slack.click(url, press(request, { item: `${LOW}:ws-2` }));
  expect((await decisions(request)).map(({ item_hash }) => item_hash)).toEqual([`${LOW}:ws-2`]);
});

test('"all" is all that the channel may decide, and what is above it is decided elsewhere', async () => {
  const request = await fileRequest(server.store, incident, [
    { action: LOW, target: 'ws-1' },
    { action: HIGH, target: 'ws-2' },
  ]);
  const quiet = `${server.url}/hooks/approvals/quiet`;
  const decided = async () => (await decisions(request)).map(({ item_hash }) => item_hash).sort();
  await slack.click(quiet, press(request, { user: 'U0LEA' }));
  expect(await decided()).toEqual([`${LOW}:ws-1`]);
  await slack.click(quiet, press(request, { item: `${HIGH}:ws-2` }));
  expect(await whisper()).toMatch(/^Not recorded: channel:quiet may not decide these items/);
  expect(await decided()).toEqual([`${LOW}:ws-1`]);
  await slack.click(url, press(request));
  expect(await decided()).toEqual([`${HIGH}:ws-2`, `${LOW}:ws-1`, `${LOW}:ws-1`]);
  const highOnly = await fileRequest(server.store, incident, [{ action: HIGH, target: 'ws-3' }]);
  slack.server.state().whispers.length = 0;
  await slack.click(quiet, press(highOnly));
  expect(await whisper()).toMatch(/quiet may decide nothing of this request/);
});

describe('refused, and nothing is recorded', () => {
  test('another signature, an altered body, an old or future timestamp, no signature', async () => {
    const request = await low();
    const now = Math.floor(Date.now() / 1000);
    const altered = (body: string): string => body.replace('U0ANA', 'U0LEA');
    for (const over of [
      { secret: 'another' },
      { secret: '' },
      { body: altered },
      { at: now - 330 },
      { at: now + 330 },
    ])
      expect((await slack.click(url, press(request), over)).status).toBe(401);
    const bare = await server.call('POST', '/hooks/approvals/soc', { as: null, body: 'payload=%7B%7D' });
    expect(bare.status).toBe(401);
    expect((await slack.click(url, press(request), { secret: `${slack.signing}-next` })).status).toBe(200);
    expect(await decisions(request)).toHaveLength(1);
  });

  test('a click that is sent again counts once, also after the person has thought better of it', async () => {
    const request = await low();
    let sent = '';
    await slack.click(url, press(request), {
      body: (body) => {
        sent = body;
        return body;
      },
    });
    await slack.click(url, press(request, { verdict: 'deny' }));
    const again = slack.signed(sent);
    const replay = await server.call('POST', '/hooks/approvals/soc', { as: null, ...again });
    expect(replay.status).toBe(200);
    expect((await decisions(request)).map(({ verdict }) => verdict)).toEqual(['approve', 'deny']);
  });

  test('another workspace, another conversation, a button that is none of ours, no JSON', async () => {
    const request = await low();
    for (const over of [{ team: 'T0OTHER' }, { channel: 'C0OTHER' }])
      expect((await slack.click(url, press(request), over)).status).toBe(400);
    expect((await slack.click(url, { ...press(request), value: 'x' })).status).toBe(400);
    expect((await slack.click(url, { ...press(request), value: '{"r":1}' })).status).toBe(400);
    expect((await slack.click(url, { ...press(request), verdict: 'open' })).status).toBe(200);
    const broken = slack.signed('payload=%7B');
    expect((await server.call('POST', '/hooks/approvals/soc', { as: null, ...broken })).status).toBe(400);
    expect(await decisions(request)).toEqual([]);
  });

  test.each([
    ['U0STRANGER', /does not know whose account/],
    ['U0ADAM', /may not speak for adam/],
    ['U0VERA', /vera has viewer/],
  ])('%s is told why not, and nobody else is', async (user, why) => {
    const request = await low();
    expect((await slack.click(url, press(request, { user }))).status).toBe(200);
    expect(await whisper()).toMatch(why);
    expect(slack.server.state().whispers).toMatchObject([{ user }]);
    expect(await decisions(request)).toEqual([]);
  });

  test('a late click, one about another plan, and one about nothing are told so', async () => {
    const late = await fileRequest(server.store, incident, [{ action: LOW, target: 'ws-1' }], {
      expires_at: new Date(Date.now() - 1000),
    });
    await slack.click(url, press(late));
    expect(await whisper()).toMatch(/The time to decide is over/);
    slack.server.state().whispers.length = 0;
    const value = JSON.stringify({ r: await low(), p: 'plan-0' });
    await slack.click(url, { ...press(late), value });
    expect(await whisper()).toMatch(/The plan is another one now/);
    slack.server.state().whispers.length = 0;
    await slack.click(url, press('nothing'));
    expect(await whisper()).toMatch(/no such approval request/);
  });

  test('PagerDuty takes no answers', async () => {
    expect((await slack.click(`${server.url}/hooks/approvals/oncall`, press('x'))).status).toBe(404);
  });
});

test('while Slack does not answer, a click is recorded all the same', async () => {
  slack.server.faults.add({ mode: 'error' });
  const request = await low();
  expect((await slack.click(url, press(request))).status).toBe(200);
  expect((await slack.click(url, press(request, { user: 'U0STRANGER' }))).status).toBe(200);
  slack.server.faults.clear();
  expect(await decisions(request)).toHaveLength(1);
});

test('the whole way: posted, clicked, changed', async () => {
  const request = await low();
  await server.store.db
    .insertInto('outbox')
    .values({
      kind: 'notice',
      key: request,
      payload: JSON.stringify({ event: 'approval_requested', request, channels: ['soc'] }),
      created_at: new Date(),
      next_at: new Date(),
      error: null,
    })
    .execute();
  const mine = () =>
    slack.server
      .state()
      .messages.find((message) => slack.buttons(message).some(({ value }) => value.includes(request)));
  await until('the message', () => mine() !== undefined);
  const message = mine()!;
  const [approve] = slack.buttons(message);
  await slack.click(url, { user: 'U0ANA', verdict: 'approve', value: approve!.value, ts: message.ts });
  await until('the change', () => JSON.stringify(message.blocks).includes('so far ana: approve'));
});
