import { takeDueNotices } from '../../store/notices';
import { enqueue, takeDue } from '../../store/outbox';
import { savePerson } from '../../store/people';
import { inTransaction } from '../../store/store';
import { until } from '../support/cordon-process';
import { fileIncident } from '../support/server';
import { startPostgres } from '../support/store';
import { LINK_SECRET, PEOPLE, Telling } from '../support/telling';

const LOW = 'endpoint.release_host';
const w = new Telling();
beforeAll(() => w.openStore(), 60_000);
afterAll(() => w.store.close());
beforeEach(() => w.setUp());
afterEach(() => w.tearDown());

describe('slack', () => {
  test('a request is posted once, then changed as it is decided and settled, with who decided', async () => {
    const notifier = w.started(w.slackConfig());
    const request = await w.requested();
    await w.allDone(1);
    const [message] = w.slack.server.state().messages;
    expect(message?.text).toBe(`Approval needed: ${w.incident} Cut the hosts off`);
    expect(w.slack.buttons(message!)).toHaveLength(2);
    await w.decideAll(request);
    notifier.wake();
    await w.allDone(2);
    expect(JSON.stringify(message?.blocks)).toContain('so far lea: approve');
    await w.settle(request);
    await w.allDone(3);
    expect(w.slack.server.state().messages).toHaveLength(1);
    expect(message?.text).toBe(`Settled: ${w.incident} Cut the hosts off`);
    expect(w.slack.buttons(message!)).toEqual([]);
    expect(JSON.stringify(message?.blocks)).toMatch(/approved\).*so far lea: approve/);
    expect(await w.journal()).toMatchObject([
      { kind: 'notice_sent', channel: 'soc', event: 'approval_requested', request },
      { kind: 'decision_recorded' },
    ]);
  });

  test('decisions that come while a change is on its way are told by one more change, none is lost', async () => {
    const notifier = w.started(w.slackConfig({ timeoutMs: 3000 }));
    const request = await w.requested([
      { action: LOW, target: 'ws-1' },
      { action: LOW, target: 'ws-2' },
    ]);
    await w.allDone(1);
    w.slack.server.faults.add({ mode: 'slow', path: /update/, delayMs: 1500, times: 1 });
    await w.decideAll(request, 'approve', 'ana');
    notifier.wake();
    await until('the change is on its way', () => w.slack.server.state().messages[0]?.updates === 1);
    for (const person of ['bo', 'lea']) await w.decideAll(request, 'approve', person);
    notifier.wake();
    await until('the news are known', async () => (await w.rows())[1]?.wanted === 3);
    expect((await w.rows())[1]?.state).toBe('due');
    await w.allDone(2);
    expect(JSON.stringify(w.slack.server.state().messages[0])).toContain('lea: approve');
    expect(w.slack.server.state().messages[0]?.updates).toBe(2);
  });

  test('an escalation is a reply in the thread that names people, and has the buttons', async () => {
    w.started(w.slackConfig());
    const request = await w.requested();
    await w.allDone(1);
    await w.tell({ event: 'approval_escalated', request, step: 1, people: ['lea'], channels: ['soc'] });
    await w.allDone(2);
    const [first, second] = w.slack.server.state().messages;
    expect(second).toMatchObject({
      thread: first?.ts,
      text: `Still unanswered: ${w.incident} Cut the hosts off`,
    });
    expect(JSON.stringify(second?.blocks)).toContain('<@U0LEA>');
    expect(w.slack.buttons(second!)).toHaveLength(2);
    await w.tell({ event: 'approval_escalated', request, step: 1, people: ['lea'] });
    await w.tell({ event: 'approval_escalated', request, step: 2, people: ['ana'], channels: ['elsewhere'] });
    await until(
      'the outbox is read',
      async () =>
        (await w.store.db.selectFrom('outbox').selectAll().where('done_at', 'is', null).execute()).length ===
        0,
    );
    await w.allDone(2);
    expect(w.slack.server.state().messages).toHaveLength(2);
  });

  test('what comes while the message is on its way waits for it', async () => {
    w.slack.server.faults.add({ mode: 'slow', path: /postMessage/, delayMs: 700, times: 1 });
    w.started(w.slackConfig({ timeoutMs: 5_000 }));
    const request = await w.requested();
    await until('it is on its way', () => w.slack.server.state().messages.length === 1);
    await w.settle(request);
    await w.allDone(2);
    expect((await w.rows()).map(({ state }) => state)).toEqual(['sent', 'sent']);
    expect(w.slack.server.state().messages[0]?.text).toMatch(/^Settled/);
  });

  test('what is settled or over before it could be told is not told', async () => {
    const settledBefore = await w.requested();
    await w.settle(settledBefore);
    await w.requested([{ action: LOW, target: 'ws-1' }], { expires_at: new Date(w.clock.getTime() - 1) });
    w.started(w.slackConfig());
    await w.allDone(3);
    expect((await w.rows()).map(({ state }) => state)).toEqual(['skipped', 'skipped', 'skipped']);
    expect(w.slack.server.state().messages).toEqual([]);
  });
});

describe('when a channel does not work', () => {
  test('429 is waited out as long as Slack says, and a 500 is tried again', async () => {
    w.slack.server.faults.add({ mode: 'rate_limited', retryAfterSeconds: 120, times: 1 });
    const notifier = w.started(w.slackConfig());
    await w.requested();
    await until('the refusal', async () => (await w.rows())[0]?.attempts === 1);
    const [row] = await w.rows();
    expect(row?.next_at.getTime()).toBe(w.clock.getTime() + 120_000);
    expect(row?.error).toBe('slack: chat.postMessage: answered 429');
    w.slack.server.faults.add({ mode: 'error', times: 1 });
    w.clock = new Date(w.clock.getTime() + 121_000);
    notifier.wake();
    await until('the second failure', async () => (await w.rows())[0]?.attempts === 2);
    w.clock = new Date(w.clock.getTime() + 60_000);
    notifier.wake();
    await w.allDone(1);
    expect(w.slack.server.state().messages).toHaveLength(1);
    expect((await w.rows())[0]).toMatchObject({ state: 'sent', error: null });
  });

  test('one that hangs or is gone holds up neither the others nor the request', async () => {
    w.slack.server.faults.add({ mode: 'slow', delayMs: 60_000 });
    await w.relay.stop();
    w.started(w.slackConfig({ timeoutMs: 20_000 }), w.mailConfig(), w.teamsConfig());
    const requests = [];
    for (let n = 0; n < 6; n++)
      requests.push(await w.requested([{ action: LOW, target: `ws-${String(n)}` }]));
    await w.allDone(6, 'room');
    expect(w.teams.server.state().cards).toHaveLength(6);
    await w.decideAll(requests[5]!);
    const told = await takeDue(w.store, 10);
    expect(told.map(({ kind }) => kind)).toEqual(['decision']);
    await until('mail has failed', async () => (await w.rows('mail')).some(({ attempts }) => attempts > 0));
    expect((await w.rows()).every(({ state }) => state === 'due')).toBe(true);
  });

  test('it is given up after twenty attempts: the journal, the log and the counter say so; the request stays open', async () => {
    w.slack.server.faults.add({ mode: 'error' });
    const notifier = w.started(w.slackConfig());
    const request = await w.requested([{ action: LOW, target: 'ws-1' }], {
      expires_at: new Date(w.clock.getTime() + 30 * 24 * 3_600_000),
    });
    for (let n = 1; n <= 20; n++) {
      await until(`attempt ${String(n)}`, async () => ((await w.rows())[0]?.attempts ?? 0) >= n);
      w.clock = new Date(w.clock.getTime() + 301_000);
      notifier.wake();
    }
    await w.allDone(1);
    expect((await w.rows())[0]).toMatchObject({ state: 'failed', attempts: 20 });
    expect(await w.journal()).toMatchObject([
      { kind: 'notice_failed', channel: 'soc', request, error: 'slack: chat.postMessage: answered 500' },
    ]);
    expect(w.logged.filter((line) => line.includes('given up'))).toHaveLength(1);
    const counted = (await notifier.counter.get()).values.find(({ labels }) => labels.outcome === 'failed');
    expect(counted).toMatchObject({ value: 1, labels: { channel: 'soc', event: 'approval_requested' } });
    const { status } = await w.store.db
      .selectFrom('approval_requests')
      .select('status')
      .where('id', '=', request)
      .executeTakeFirstOrThrow();
    expect(status).toBe('open');
  }, 60_000);

  test('what would be refused again is given up at once, and the next notice goes on', async () => {
    w.relay.refuse.set('ana@example.com', 550);
    w.started(w.mailConfig());
    await w.requested();
    await w.allDone(3, 'mail');
    expect((await w.rows('mail')).map(({ recipient, state }) => `${recipient} ${state}`)).toEqual([
      'ana failed',
      'bo sent',
      'lea sent',
    ]);
  });

  test('a broken notice, and one about nothing, block nobody', async () => {
    await inTransaction(w.store, (tx) => enqueue(tx, 'notice', 'x', { event: 'nonsense' }, w.clock));
    await w.tell({ event: 'approval_requested', request: 'gone' });
    w.started(w.slackConfig());
    await w.requested();
    await w.allDone(1);
    const bad = await w.store.db
      .selectFrom('outbox')
      .select('error')
      .where('error', 'is not', null)
      .execute();
    expect(bad).toEqual([{ error: 'it is no notice' }]);
  });

  test('secrets are in no row, no journal entry and no line of the log', async () => {
    for (const fake of [w.slack.server, w.teams.server, w.pager.server]) fake.faults.add({ mode: 'error' });
    await w.relay.stop();
    w.started(w.slackConfig(), w.teamsConfig(), w.pagerConfig(), w.mailConfig());
    const request = await w.requested();
    await w.tell({ event: 'approval_escalated', request });
    await until('every channel has failed', async () => {
      const found = await Promise.all(['soc', 'room', 'oncall', 'mail'].map((id) => w.rows(id)));
      return found.every((some) => some.some(({ attempts }) => attempts > 0));
    });
    const everything =
      JSON.stringify([await w.store.db.selectFrom('notices').selectAll().execute(), await w.journal()]) +
      w.logged.join('\n');
    for (const secret of [w.slack.token, w.teams.url, w.pager.key, LINK_SECRET])
      expect(everything).not.toContain(secret.reveal());
    expect(everything).not.toContain('sesame');
    expect(everything).not.toContain('confirm?link=');
  });
});

describe('several servers, and restarts', () => {
  test('two servers send each notice once', async () => {
    const requests: string[] = [];
    for (let n = 0; n < 8; n++)
      requests.push(await w.requested([{ action: LOW, target: `ws-${String(n)}` }]));
    w.started(w.slackConfig(), w.mailConfig());
    w.started(w.slackConfig(), w.mailConfig());
    await w.allDone(8);
    await w.allDone(24, 'mail');
    expect(w.slack.server.state().messages).toHaveLength(8);
    expect(w.relay.mails).toHaveLength(24);
  });

  test('on PostgreSQL too, with decisions and settlements in between', async () => {
    const postgres = await startPostgres();
    const [mine, other] = [w.store, await postgres.newStore()];
    w.store = other;
    try {
      for (const id of PEOPLE)
        await savePerson(w.store, { id, name: id, email: `${id}@example.com`, roles: ['lead'] });
      await fileIncident(w.store, w.incident);
      w.started(w.slackConfig({ timeoutMs: 5_000 }), w.mailConfig());
      w.started(w.slackConfig({ timeoutMs: 5_000 }), w.mailConfig());
      await Promise.all(
        Array.from({ length: 12 }, async (_, n) => {
          const request = await w.requested([{ action: LOW, target: `ws-${String(n)}` }]);
          await w.decideAll(request);
          await w.settle(request);
        }),
      );
      await until('everything is done', async () => {
        const open = await w.store.db
          .selectFrom('outbox')
          .select('id')
          .where('kind', '=', 'notice')
          .where('done_at', 'is', null)
          .execute();
        const due = await w.store.db.selectFrom('notices').select('id').where('state', '=', 'due').execute();
        return open.length + due.length === 0;
      });
      const { messages } = w.slack.server.state();
      expect(messages.length).toBeLessThanOrEqual(12);
      expect(messages.every(({ text }) => text.startsWith('Settled'))).toBe(true);
      const sent = (await w.rows('mail')).filter(({ state }) => state === 'sent');
      expect(w.relay.mails).toHaveLength(sent.length);
      expect((await w.rows()).filter(({ state }) => state === 'failed')).toEqual([]);
      await Promise.all(w.notifiers.map((one) => one.stop()));
    } finally {
      w.store = mine;
      await other.close();
      postgres.remove();
    }
  }, 60_000);

  test('what a server had taken when it was killed is sent by another, after its time', async () => {
    const request = await w.requested();
    const spreading = w.started(w.slackConfig());
    w.slack.server.faults.add({ mode: 'error' });
    await until('it is there', async () => (await w.rows()).length === 1);
    await spreading.stop();
    w.slack.server.faults.clear();
    w.clock = new Date(w.clock.getTime() + 60_000);
    const taken = await takeDueNotices(w.store, 'soc', { limit: 10, leaseMs: 45_000 });
    expect(taken.map(({ request_id }) => request_id)).toEqual([request]);
    const next = w.started(w.slackConfig());
    await w.requested([{ action: LOW, target: 'ws-2' }]);
    next.wake();
    await until('a later one is sent', async () => (await w.rows())[1]?.state === 'sent');
    expect((await w.rows())[0]?.state).toBe('due');
    w.clock = new Date(w.clock.getTime() + 46_000);
    next.wake();
    await until('it is sent', async () => (await w.rows())[0]?.state === 'sent');
  });

  test('stopping waits for nobody for long, and loses nothing', async () => {
    w.slack.server.faults.add({ mode: 'slow', delayMs: 60_000 });
    const notifier = w.started(w.slackConfig({ timeoutMs: 20_000 }));
    await w.requested();
    await until('it is on its way', () => Object.keys(w.slack.server.ledger().applied).length === 1);
    const began = Date.now();
    await notifier.stop();
    expect(Date.now() - began).toBeLessThan(5_000);
    expect((await w.rows())[0]).toMatchObject({ state: 'due' });
  });

  test('the dispatcher to Temporal takes no notices', async () => {
    await w.requested();
    expect(await takeDue(w.store, 10)).toEqual([]);
  });
});
