import { connectChannels } from '../../channels';
import type { NoticePayload } from '../../contracts/channel';
import { Config, type ConfigInput } from '../../contracts/config';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { Secret } from '../../contracts/secret';
import { Notifier } from '../../server/notifier';
import { recordDecision } from '../../store/decisions';
import { takeDueNotices } from '../../store/notices';
import { enqueue, takeDue } from '../../store/outbox';
import { savePerson } from '../../store/people';
import { inTransaction, type Store } from '../../store/store';
import { until } from '../support/cordon-process';
import {
  SLACK_CHANNEL,
  startFakePagerDuty,
  startFakeRelay,
  startFakeSlack,
  startFakeTeams,
  type FakeSlack,
} from '../support/fake-channels';
import { fileIncident, fileRequest } from '../support/server';
import { memoryStore, startPostgres } from '../support/store';

const LOW = 'endpoint.release_host';
const HIGH = 'endpoint.isolate_host';
const LINK_SECRET = new Secret('a secret that signs links, long enough');
const PEOPLE = ['ana', 'bo', 'lea'];

let store: Store;
let clock: Date;
let slack: FakeSlack;
let pager: Awaited<ReturnType<typeof startFakePagerDuty>>;
let teams: Awaited<ReturnType<typeof startFakeTeams>>;
let relay: Awaited<ReturnType<typeof startFakeRelay>>;
let notifiers: Notifier[];
let logged: string[];
let incident: string;
let count = 0;

beforeAll(async () => {
  clock = new Date();
  store = await memoryStore({ now: () => Promise.resolve(clock) });
  for (const id of PEOPLE)
    await savePerson(store, {
      id,
      name: id,
      email: `${id}@example.com`,
      roles: [id === 'lea' ? 'lead' : 'analyst'],
    });
  await savePerson(store, { id: 'zoe', name: 'zoe', email: 'zoe@example.com', roles: ['analyst'] });
}, 60_000);
afterAll(() => store.close());
beforeEach(async () => {
  clock = new Date();
  notifiers = [];
  logged = [];
  for (const table of ['notices', 'outbox'] as const) await store.db.deleteFrom(table).execute();
  [slack, pager, teams, relay] = await Promise.all([
    startFakeSlack(),
    startFakePagerDuty(),
    startFakeTeams(),
    startFakeRelay(),
  ]);
  incident = await fileIncident(store, `INC-2026-8${String(++count).padStart(5, '0')}`);
});
afterEach(async () => {
  await Promise.all(notifiers.map((one) => one.stop()));
  await Promise.all([slack.server.stop(), pager.server.stop(), teams.server.stop(), relay.stop()]);
});

const decides = { people: PEOPLE, roles: ['analyst' as const, 'lead' as const], maxImpact: 'high' as const };
const slackConfig = (over: object = {}) => ({
  id: 'soc',
  use: 'slack',
  secrets: [new Secret(slack.signing)],
  ...decides,
  config: {
    token: slack.token,
    channel: SLACK_CHANNEL,
    users: { U0ANA: 'ana', U0LEA: 'lea' },
    baseUrl: `${slack.server.url}/api`,
    timeoutMs: 300,
    ...over,
  },
});
const mailConfig = (over: object = {}) => ({
  id: 'mail',
  use: 'email',
  secrets: [LINK_SECRET],
  ...decides,
  config: { ...relay.config, ...over },
});
const pagerConfig = () => ({
  id: 'oncall',
  use: 'pagerduty',
  config: { routingKey: pager.key, baseUrl: pager.server.url },
});
const teamsConfig = () => ({
  id: 'room',
  use: 'teams',
  secrets: [LINK_SECRET],
  ...decides,
  config: { url: teams.url },
});

function notifierOf(...channels: NonNullable<ConfigInput['channels']>): Notifier {
  const config = Config.parse({ policy: DEFAULT_POLICY, channels, publicUrl: 'https://cordon.example.com/' });
  const note = (data: object, message: string): void => {
    logged.push(`${message} ${JSON.stringify(data)}`);
  };
  const notifier = new Notifier({
    store,
    channels: connectChannels(config),
    publicUrl: config.publicUrl,
    log: { info: note, warn: note },
  });
  notifiers.push(notifier);
  return notifier;
}
const started = (...channels: NonNullable<ConfigInput['channels']>): Notifier => {
  const notifier = notifierOf(...channels);
  notifier.start();
  return notifier;
};
const tell = (payload: NoticePayload): Promise<void> =>
  inTransaction(store, (tx) => enqueue(tx, 'notice', payload.request, { ...payload } as never, clock));
async function requested(items = [{ action: LOW, target: 'ws-1' }], extra = {}): Promise<string> {
  const request = await fileRequest(store, incident, items, extra);
  await tell({ event: 'approval_requested', request });
  return request;
}
const rows = (channel = 'soc') =>
  store.db.selectFrom('notices').selectAll().where('channel', '=', channel).orderBy('id').execute();
const allDone = (n: number, channel = 'soc') =>
  until(`${String(n)} notices of ${channel}`, async () => {
    const found = await rows(channel);
    return found.length === n && found.every(({ state }) => state !== 'due');
  });
const journal = async () =>
  (
    await store.db
      .selectFrom('journal')
      .select(['kind', 'data'])
      .where('incident', '=', incident)
      .orderBy('seq')
      .execute()
  ).map(({ kind, data }) => ({ kind, ...data }));
async function decideAll(
  request: string,
  verdict: 'approve' | 'deny' = 'approve',
  person = 'lea',
): Promise<void> {
  await recordDecision(
    store,
    request,
    { decisionId: crypto.randomUUID(), verdict },
    { person, roles: ['lead'], channel: 'api' },
  );
}
async function settle(request: string): Promise<void> {
  await store.db
    .updateTable('approval_items')
    .set({ status: 'approved' })
    .where('request_id', '=', request)
    .execute();
  await store.db
    .updateTable('approval_requests')
    .set({ status: 'settled' })
    .where('id', '=', request)
    .execute();
  await tell({ event: 'approval_settled', request });
}

describe('slack', () => {
  test('a request is posted once, then changed as it is decided and settled, with who decided', async () => {
    const notifier = started(slackConfig());
    const request = await requested();
    await allDone(1);
    const [message] = slack.server.state().messages;
    expect(message?.text).toBe(`Approval needed: ${incident} Cut the hosts off`);
    expect(slack.buttons(message!)).toHaveLength(2);
    await decideAll(request);
    notifier.wake();
    await allDone(2);
    expect(JSON.stringify(message?.blocks)).toContain('so far lea: approve');
    await settle(request);
    await allDone(3);
    expect(slack.server.state().messages).toHaveLength(1);
    expect(message?.text).toBe(`Settled: ${incident} Cut the hosts off`);
    expect(slack.buttons(message!)).toEqual([]);
    expect(JSON.stringify(message?.blocks)).toMatch(/approved\).*so far lea: approve/);
    expect(await journal()).toMatchObject([
      { kind: 'notice_sent', channel: 'soc', event: 'approval_requested', request },
      { kind: 'decision_recorded' },
    ]);
  });

  test('decisions that come while a change is on its way are told by one more change, none is lost', async () => {
    const notifier = started(slackConfig({ timeoutMs: 3000 }));
    const request = await requested([
      { action: LOW, target: 'ws-1' },
      { action: LOW, target: 'ws-2' },
    ]);
    await allDone(1);
    slack.server.faults.add({ mode: 'slow', path: /update/, delayMs: 300, times: 1 });
    await decideAll(request, 'approve', 'ana');
    notifier.wake();
    await until('the change is on its way', () => slack.server.state().messages[0]?.updates === 1);
    for (const person of ['bo', 'lea']) await decideAll(request, 'approve', person);
    await allDone(2);
    await until('the last word', () =>
      JSON.stringify(slack.server.state().messages[0]).includes('lea: approve'),
    );
    await allDone(2);
    expect(slack.server.state().messages[0]?.updates).toBeLessThanOrEqual(3);
  });

  test('an escalation is a reply in the thread that names people, and has the buttons', async () => {
    started(slackConfig());
    const request = await requested();
    await allDone(1);
    await tell({ event: 'approval_escalated', request, step: 1, people: ['lea'], channels: ['soc'] });
    await allDone(2);
    const [first, second] = slack.server.state().messages;
    expect(second).toMatchObject({
      thread: first?.ts,
      text: `Still unanswered: ${incident} Cut the hosts off`,
    });
    expect(JSON.stringify(second?.blocks)).toContain('<@U0LEA>');
    expect(slack.buttons(second!)).toHaveLength(2);
    await tell({ event: 'approval_escalated', request, step: 1, people: ['lea'] });
    await tell({ event: 'approval_escalated', request, step: 2, people: ['ana'], channels: ['elsewhere'] });
    await until(
      'the outbox is read',
      async () =>
        (await store.db.selectFrom('outbox').selectAll().where('done_at', 'is', null).execute()).length === 0,
    );
    await allDone(2);
    expect(slack.server.state().messages).toHaveLength(2);
  });

  test('what comes while the message is on its way waits for it', async () => {
    slack.server.faults.add({ mode: 'slow', path: /postMessage/, delayMs: 700, times: 1 });
    started(slackConfig({ timeoutMs: 5_000 }));
    const request = await requested();
    await until('it is on its way', () => slack.server.state().messages.length === 1);
    await settle(request);
    await allDone(2);
    expect((await rows()).map(({ state }) => state)).toEqual(['sent', 'sent']);
    expect(slack.server.state().messages[0]?.text).toMatch(/^Settled/);
  });

  test('what is settled or over before it could be told is not told', async () => {
    const settledBefore = await requested();
    await settle(settledBefore);
    await requested([{ action: LOW, target: 'ws-1' }], { expires_at: new Date(clock.getTime() - 1) });
    started(slackConfig());
    await allDone(3);
    expect((await rows()).map(({ state }) => state)).toEqual(['skipped', 'skipped', 'skipped']);
    expect(slack.server.state().messages).toEqual([]);
  });
});

describe('when a channel does not work', () => {
  test('429 is waited out as long as Slack says, and a 500 is tried again', async () => {
    slack.server.faults.add({ mode: 'rate_limited', retryAfterSeconds: 120, times: 1 });
    const notifier = started(slackConfig());
    await requested();
    await until('the refusal', async () => (await rows())[0]?.attempts === 1);
    const [row] = await rows();
    expect(row?.next_at.getTime()).toBe(clock.getTime() + 120_000);
    expect(row?.error).toBe('slack: chat.postMessage: answered 429');
    slack.server.faults.add({ mode: 'error', times: 1 });
    clock = new Date(clock.getTime() + 121_000);
    notifier.wake();
    await until('the second failure', async () => (await rows())[0]?.attempts === 2);
    clock = new Date(clock.getTime() + 60_000);
    notifier.wake();
    await allDone(1);
    expect(slack.server.state().messages).toHaveLength(1);
    expect((await rows())[0]).toMatchObject({ state: 'sent', error: null });
  });

  test('one that hangs or is gone holds up neither the others nor the request', async () => {
    slack.server.faults.add({ mode: 'slow', delayMs: 60_000 });
    await relay.stop();
    started(slackConfig({ timeoutMs: 20_000 }), mailConfig(), teamsConfig());
    const requests = [];
    for (let n = 0; n < 6; n++) requests.push(await requested([{ action: LOW, target: `ws-${String(n)}` }]));
    await allDone(6, 'room');
    expect(teams.server.state().cards).toHaveLength(6);
    await decideAll(requests[5]!);
    const told = await takeDue(store, 10);
    expect(told.map(({ kind }) => kind)).toEqual(['decision']);
    await until('mail has failed', async () => (await rows('mail')).some(({ attempts }) => attempts > 0));
    expect((await rows()).every(({ state }) => state === 'due')).toBe(true);
  });

  test('it is given up after twenty attempts: the journal, the log and the counter say so; the request stays open', async () => {
    slack.server.faults.add({ mode: 'error' });
    const notifier = started(slackConfig());
    const request = await requested([{ action: LOW, target: 'ws-1' }], {
      expires_at: new Date(clock.getTime() + 30 * 24 * 3_600_000),
    });
    for (let n = 1; n <= 20; n++) {
      await until(`attempt ${String(n)}`, async () => ((await rows())[0]?.attempts ?? 0) >= n);
      clock = new Date(clock.getTime() + 301_000);
      notifier.wake();
    }
    await allDone(1);
    expect((await rows())[0]).toMatchObject({ state: 'failed', attempts: 20 });
    expect(await journal()).toMatchObject([
      { kind: 'notice_failed', channel: 'soc', request, error: 'slack: chat.postMessage: answered 500' },
    ]);
    expect(logged.filter((line) => line.includes('given up'))).toHaveLength(1);
    const counted = (await notifier.counter.get()).values.find(({ labels }) => labels.outcome === 'failed');
    expect(counted).toMatchObject({ value: 1, labels: { channel: 'soc', event: 'approval_requested' } });
    const { status } = await store.db
      .selectFrom('approval_requests')
      .select('status')
      .where('id', '=', request)
      .executeTakeFirstOrThrow();
    expect(status).toBe('open');
  }, 60_000);

  test('what would be refused again is given up at once, and the next notice goes on', async () => {
    relay.refuse.set('ana@example.com', 550);
    started(mailConfig());
    await requested();
    await allDone(3, 'mail');
    expect((await rows('mail')).map(({ recipient, state }) => `${recipient} ${state}`)).toEqual([
      'ana failed',
      'bo sent',
      'lea sent',
    ]);
  });

  test('a broken notice, and one about nothing, block nobody', async () => {
    await inTransaction(store, (tx) => enqueue(tx, 'notice', 'x', { event: 'nonsense' }, clock));
    await tell({ event: 'approval_requested', request: 'gone' });
    started(slackConfig());
    await requested();
    await allDone(1);
    const bad = await store.db.selectFrom('outbox').select('error').where('error', 'is not', null).execute();
    expect(bad).toEqual([{ error: 'it is no notice' }]);
  });

  test('secrets are in no row, no journal entry and no line of the log', async () => {
    for (const fake of [slack.server, teams.server, pager.server]) fake.faults.add({ mode: 'error' });
    await relay.stop();
    started(slackConfig(), teamsConfig(), pagerConfig(), mailConfig());
    const request = await requested();
    await tell({ event: 'approval_escalated', request });
    await until('every channel has failed', async () => {
      const found = await Promise.all(['soc', 'room', 'oncall', 'mail'].map((id) => rows(id)));
      return found.every((some) => some.some(({ attempts }) => attempts > 0));
    });
    const everything =
      JSON.stringify([await store.db.selectFrom('notices').selectAll().execute(), await journal()]) +
      logged.join('\n');
    for (const secret of [slack.token, teams.url, pager.key, LINK_SECRET])
      expect(everything).not.toContain(secret.reveal());
    expect(everything).not.toContain('sesame');
    expect(everything).not.toContain('confirm?link=');
  });
});

describe('several servers, and restarts', () => {
  test('two servers send each notice once', async () => {
    const requests: string[] = [];
    for (let n = 0; n < 8; n++) requests.push(await requested([{ action: LOW, target: `ws-${String(n)}` }]));
    started(slackConfig(), mailConfig());
    started(slackConfig(), mailConfig());
    await allDone(8);
    await allDone(24, 'mail');
    expect(slack.server.state().messages).toHaveLength(8);
    expect(relay.mails).toHaveLength(24);
  });

  test('on PostgreSQL too, with decisions and settlements in between', async () => {
    const postgres = await startPostgres();
    const [mine, other] = [store, await postgres.newStore()];
    store = other;
    try {
      for (const id of PEOPLE)
        await savePerson(store, { id, name: id, email: `${id}@example.com`, roles: ['lead'] });
      await fileIncident(store, incident);
      started(slackConfig({ timeoutMs: 5_000 }), mailConfig());
      started(slackConfig({ timeoutMs: 5_000 }), mailConfig());
      await Promise.all(
        Array.from({ length: 12 }, async (_, n) => {
          const request = await requested([{ action: LOW, target: `ws-${String(n)}` }]);
          await decideAll(request);
          await settle(request);
        }),
      );
      await until('everything is done', async () => {
        const open = await store.db
          .selectFrom('outbox')
          .select('id')
          .where('kind', '=', 'notice')
          .where('done_at', 'is', null)
          .execute();
        const due = await store.db.selectFrom('notices').select('id').where('state', '=', 'due').execute();
        return open.length + due.length === 0;
      });
      const { messages } = slack.server.state();
      expect(messages.length).toBeLessThanOrEqual(12);
      expect(messages.every(({ text }) => text.startsWith('Settled'))).toBe(true);
      const sent = (await rows('mail')).filter(({ state }) => state === 'sent');
      expect(relay.mails).toHaveLength(sent.length);
      expect((await rows()).filter(({ state }) => state === 'failed')).toEqual([]);
      await Promise.all(notifiers.map((one) => one.stop()));
    } finally {
      store = mine;
      await other.close();
      postgres.remove();
    }
  }, 60_000);

  test('what a server had taken when it was killed is sent by another, after its time', async () => {
    const request = await requested();
    const spreading = started(slackConfig());
    slack.server.faults.add({ mode: 'error' });
    await until('it is there', async () => (await rows()).length === 1);
    await spreading.stop();
    slack.server.faults.clear();
    clock = new Date(clock.getTime() + 60_000);
    const taken = await takeDueNotices(store, 'soc', { limit: 10, leaseMs: 45_000 });
    expect(taken.map(({ request_id }) => request_id)).toEqual([request]);
    const next = started(slackConfig());
    await next.test('soc', 'adam');
    expect((await rows())[0]?.state).toBe('due');
    clock = new Date(clock.getTime() + 46_000);
    next.wake();
    await until('it is sent', async () => (await rows())[0]?.state === 'sent');
  });

  test('stopping waits for nobody for long, and loses nothing', async () => {
    slack.server.faults.add({ mode: 'slow', delayMs: 60_000 });
    const notifier = started(slackConfig({ timeoutMs: 20_000 }));
    await requested();
    await until('it is on its way', () => Object.keys(slack.server.ledger().applied).length === 1);
    const began = Date.now();
    await notifier.stop();
    expect(Date.now() - began).toBeLessThan(5_000);
    expect((await rows())[0]).toMatchObject({ state: 'due' });
  });

  test('the dispatcher to Temporal takes no notices', async () => {
    await requested();
    expect(await takeDue(store, 10)).toEqual([]);
  });
});

describe('mail', () => {
  test('one to each who could fill a seat, with a link of their own; high impact to leads only', async () => {
    started(mailConfig());
    const leadOnly = {
      kind: 'approvals',
      groups: [{ roles: ['lead'], count: 1 }],
      timeoutSeconds: 3600,
      noSelfApproval: false,
      why: 'high impact: one lead',
    };
    await requested([{ action: HIGH, target: 'ws-1', requirement: leadOnly } as never]);
    await allDone(1, 'mail');
    await requested();
    await allDone(4, 'mail');
    expect(relay.mails.map(({ to }) => to).sort()).toEqual([
      'ana@example.com',
      'bo@example.com',
      'lea@example.com',
      'lea@example.com',
    ]);
    const links = relay.mails.map(
      ({ text }) => /https:\/\/cordon\.example\.com\/confirm\?link=[\w.-]+/.exec(text)?.[0],
    );
    expect(new Set(links).size).toBe(4);
    expect(relay.mails[0]?.raw).toMatch(/^Content-Type: multipart\/alternative/m);
  });

  test('who started the run gets none where they may not approve', async () => {
    incident = await fileIncident(store, `INC-2026-7${String(++count).padStart(5, '0')}`, 'person:ana');
    started(mailConfig());
    const requirement = {
      kind: 'approvals',
      groups: [{ roles: ['analyst'], count: 1 }],
      timeoutSeconds: 3600,
      noSelfApproval: true,
      why: 'not by the starter',
    };
    await requested([{ action: LOW, target: 'ws-1', requirement } as never]);
    await allDone(1, 'mail');
    expect(relay.mails.map(({ to }) => to)).toEqual(['bo@example.com']);
  });

  test('what cannot be decided by mail comes without a link that decides', async () => {
    started({ ...mailConfig(), maxImpact: 'low' });
    const request = await requested([{ action: HIGH, target: 'ws-1' }]);
    await allDone(3, 'mail');
    for (const { text } of relay.mails) {
      expect(text).not.toContain('confirm?link=');
      expect(text).toContain(`https://cordon.example.com/#request-${request}`);
    }
  });
});

describe('the others', () => {
  test('PagerDuty pages for an escalation under one key, and is told when it is settled; not else', async () => {
    started(pagerConfig());
    const quiet = await requested();
    await settle(quiet);
    const loud = await requested();
    await tell({ event: 'approval_escalated', request: loud, step: 1 });
    await allDone(2, 'oncall');
    await tell({ event: 'approval_escalated', request: loud, step: 2 });
    await allDone(3, 'oncall');
    expect(pager.server.state()).toMatchObject({
      events: [`trigger cordon/${loud}`, `trigger cordon/${loud}`],
      open: {
        [`cordon/${loud}`]: { summary: `Still unanswered: ${incident} Cut the hosts off`, severity: 'error' },
      },
    });
    await settle(loud);
    await allDone(4, 'oncall');
    expect(pager.server.state().open).toEqual({});
    expect(pager.server.state().events.at(-1)).toBe(`resolve cordon/${loud}`);
  });

  test('Teams gets a card with a link a person, and one more card when it is settled', async () => {
    started(teamsConfig());
    const request = await requested();
    await allDone(1, 'room');
    const [card] = teams.server.state().cards;
    expect(card?.actions.map(({ title }) => title)).toEqual([
      'Decide as ana',
      'Decide as bo',
      'Decide as lea',
      'Open in Cordon',
    ]);
    expect(card?.texts.join('\n')).toContain('Release host');
    await settle(request);
    await allDone(2, 'room');
    expect(teams.server.state().cards[1]?.actions.map(({ title }) => title)).toEqual(['Open in Cordon']);
  });

  test('a test message says that it is one, by every kind', async () => {
    const notifier = notifierOf(slackConfig(), mailConfig(), teamsConfig(), pagerConfig());
    for (const id of ['soc', 'mail', 'room', 'oncall'])
      expect(await notifier.test(id, 'adam')).toEqual({ ok: true });
    expect(await notifier.test('nowhere', 'adam')).toBeUndefined();
    expect(slack.server.state().messages[0]?.text).toMatch(/^TEST of the Cordon channel soc by adam/);
    expect(relay.mails[0]?.text).toContain('TEST of the Cordon channel mail');
    expect(teams.server.state().cards[0]?.texts[0]).toMatch(/^TEST/);
    expect(pager.server.state().events).toHaveLength(2);
    slack.server.faults.add({ mode: 'error' });
    expect(await notifier.test('soc', 'adam')).toEqual({
      ok: false,
      error: 'slack: chat.postMessage: answered 500',
    });
  });
});
