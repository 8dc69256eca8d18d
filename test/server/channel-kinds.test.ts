import { Telling } from '../support/telling';

const LOW = 'endpoint.release_host';
const HIGH = 'endpoint.isolate_host';
const w = new Telling();
beforeAll(() => w.openStore(), 60_000);
afterAll(() => w.store.close());
beforeEach(() => w.setUp());
afterEach(() => w.tearDown());

describe('mail', () => {
  test('one to each who could fill a seat, with a link of their own; high impact to leads only', async () => {
    w.started(w.mailConfig());
    const leadOnly = {
      kind: 'approvals',
      groups: [{ roles: ['lead'], count: 1 }],
      timeoutSeconds: 3600,
      noSelfApproval: false,
      why: 'high impact: one lead',
    };
    await w.requested([{ action: HIGH, target: 'ws-1', requirement: leadOnly } as never]);
    await w.allDone(1, 'mail');
    await w.requested();
    await w.allDone(4, 'mail');
    expect(w.relay.mails.map(({ to }) => to).sort()).toEqual([
      'ana@example.com',
      'bo@example.com',
      'lea@example.com',
      'lea@example.com',
    ]);
    const links = w.relay.mails.map(
      ({ text }) => /https:\/\/cordon\.example\.com\/confirm\?link=[\w.-]+/.exec(text)?.[0],
    );
    expect(new Set(links).size).toBe(4);
    expect(w.relay.mails[0]?.raw).toMatch(/^Content-Type: multipart\/alternative/m);
  });

  test('who started the run gets none where they may not approve', async () => {
    await w.newIncident('person:ana');
    w.started(w.mailConfig());
    const requirement = {
      kind: 'approvals',
      groups: [{ roles: ['analyst'], count: 1 }],
      timeoutSeconds: 3600,
      noSelfApproval: true,
      why: 'not by the starter',
    };
    await w.requested([{ action: LOW, target: 'ws-1', requirement } as never]);
    await w.allDone(1, 'mail');
    expect(w.relay.mails.map(({ to }) => to)).toEqual(['bo@example.com']);
  });

  test('what cannot be decided by mail comes without a link that decides', async () => {
    w.started({ ...w.mailConfig(), maxImpact: 'low' });
    const request = await w.requested([{ action: HIGH, target: 'ws-1' }]);
    await w.allDone(3, 'mail');
    for (const { text } of w.relay.mails) {
      expect(text).not.toContain('confirm?link=');
      expect(text).toContain(`https://cordon.example.com/#request-${request}`);
    }
  });
});

describe('the others', () => {
  test('PagerDuty pages for an escalation under one key, and is told when it is settled; not else', async () => {
    w.started(w.pagerConfig());
    const quiet = await w.requested();
    await w.settle(quiet);
    const loud = await w.requested();
    await w.tell({ event: 'approval_escalated', request: loud, step: 1 });
    await w.allDone(2, 'oncall');
    await w.tell({ event: 'approval_escalated', request: loud, step: 2 });
    await w.allDone(3, 'oncall');
    expect(w.pager.server.state()).toMatchObject({
      events: [`trigger cordon/${loud}`, `trigger cordon/${loud}`],
      open: {
        [`cordon/${loud}`]: {
          summary: `Still unanswered: ${w.incident} Cut the hosts off`,
          severity: 'error',
        },
      },
    });
    await w.settle(loud);
    await w.allDone(4, 'oncall');
    expect(w.pager.server.state().open).toEqual({});
    expect(w.pager.server.state().events.at(-1)).toBe(`resolve cordon/${loud}`);
  });

  test('Teams gets a card with a link a person, and one more card when it is settled', async () => {
    w.started(w.teamsConfig());
    const request = await w.requested();
    await w.allDone(1, 'room');
    const [card] = w.teams.server.state().cards;
    expect(card?.actions.map(({ title }) => title)).toEqual([
      'Decide as ana',
      'Decide as bo',
      'Decide as lea',
      'Open in Cordon',
    ]);
    expect(card?.texts.join('\n')).toContain('Release host');
    await w.settle(request);
    await w.allDone(2, 'room');
    expect(w.teams.server.state().cards[1]?.actions.map(({ title }) => title)).toEqual(['Open in Cordon']);
  });

  test('a test message says that it is one, by every kind', async () => {
    const notifier = w.notifierOf(w.slackConfig(), w.mailConfig(), w.teamsConfig(), w.pagerConfig());
    for (const id of ['soc', 'mail', 'room', 'oncall'])
      expect(await notifier.test(id, 'adam')).toEqual({ ok: true });
    expect(await notifier.test('nowhere', 'adam')).toBeUndefined();
    expect(w.slack.server.state().messages[0]?.text).toMatch(/^TEST of the Cordon channel soc by adam/);
    expect(w.relay.mails[0]?.text).toContain('TEST of the Cordon channel mail');
    expect(w.teams.server.state().cards[0]?.texts[0]).toMatch(/^TEST/);
    expect(w.pager.server.state().events).toHaveLength(2);
    w.slack.server.faults.add({ mode: 'error' });
    expect(await notifier.test('soc', 'adam')).toEqual({
      ok: false,
      error: 'slack: chat.postMessage: answered 500',
    });
  });
});
