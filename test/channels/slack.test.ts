import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { messageOf, slackText } from '../../channels/slack/blocks';
import { verifySlack } from '../../channels/slack/inbound';
import { Secret } from '../../contracts/secret';
import { blockFaults, textsOf } from '../support/fake-channels';
import { HOSTILE, itemOf, noticeOf } from './notices';

const OURS = '<https://cordon.example.com/#request-1|Open in Cordon>';
// eslint-disable-next-line no-control-regex -- these are what must not be there
const STEERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e]/;

function harmless(message: { text: string; blocks: unknown[] }): void {
  for (const { type, text } of [...textsOf(message.blocks), { type: 'mrkdwn', text: message.text }]) {
    if (text === OURS) continue;
    expect(text).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/);
    expect(text).not.toMatch(STEERS);
    if (text !== message.text) expect(type).toBe('plain_text');
  }
}

test('what an alert says is text: no mention, no link, no emphasis, no direction', () => {
  const item = itemOf(1, { target: { kind: 'host', key: `host:${HOSTILE}`, label: HOSTILE } });
  const message = messageOf(
    noticeOf(
      [item, itemOf(2)],
      { evidence: { severity: 5, alerts: [HOSTILE], alertCount: 9 } },
      { title: HOSTILE, reason: HOSTILE, incidentTitle: HOSTILE },
    ),
    'high',
    [],
  );
  harmless(message);
  expect(message).toMatchObject({ parse: 'none', link_names: false, unfurl_links: false });
  expect(JSON.stringify(message)).toContain('&lt;!channel&gt;');
  expect(JSON.stringify(message)).not.toMatch(/https?:\/\/evil/);
});

test('any text and any number of items makes a message that Slack takes and that hides nothing silently', () => {
  const any = fc.string({ unit: 'binary', maxLength: 1500 });
  fc.assert(
    fc.property(
      fc.array(fc.record({ label: any, why: any, impact: fc.constantFrom('low', 'high', 'irreversible') }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.integer({ min: 1, max: 12 }),
      any,
      (some, times, title) => {
        const items = Array.from({ length: times }, () => some)
          .flat()
          .map(({ label, why, impact }, n) =>
            itemOf(n, {
              impact,
              target: { kind: 'host', key: 'host:x', label },
              requirement: { ...itemOf(0).requirement, why },
            }),
          );
        const notice = noticeOf(items, {}, { title, reason: title, incidentTitle: title });
        const message = messageOf(notice, 'high', []);
        expect(blockFaults(message.blocks)).toEqual([]);
        harmless(message);
        const text = JSON.stringify(message.blocks);
        const shown =
          text.match(/Release host \((low|high|irreversible) impact, can be taken back\)/g)?.length ?? 0;
        const left = Number(/and (\d+) more that do not fit/.exec(text)?.[1] ?? 0);
        expect(shown + left).toBe(items.length);
      },
    ),
    { numRuns: 200 },
  );
}, 120_000);

test('ten items that are long when they are escaped lose their own buttons, not their place', () => {
  const long = { kind: 'host' as const, key: 'host:x', label: '&'.repeat(300) };
  for (const n of [10, 40]) {
    const items = Array.from({ length: n }, (_, at) => itemOf(at, { impact: 'high', target: long }));
    const message = messageOf(noticeOf(items), 'high', []);
    expect(blockFaults(message.blocks)).toEqual([]);
    expect(JSON.stringify(message)).toContain(`Approve all ${String(n)}`);
  }
});

test('escaping is cut at a character, never inside one', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('&', '<', '>', 'a', '😀') }),
      fc.integer({ min: 1, max: 60 }),
      (value, limit) => {
        const out = slackText(value, limit);
        expect(out.length).toBeLessThanOrEqual(limit);
        expect(out).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)|[\ud800-\udbff](?![\udc00-\udfff])/);
      },
    ),
  );
});

describe('buttons', () => {
  const buttonsOf = (message: { blocks: Record<string, unknown>[] }) =>
    message.blocks
      .flatMap((block) =>
        block['type'] === 'actions' ? (block['elements'] as Record<string, unknown>[]) : [],
      )
      .map((one) => [one['action_id'], (one['text'] as { text: string }).text, one['confirm'] !== undefined]);

  test('one pair an item and one for all; an approval of high impact asks back', () => {
    const items = [itemOf(1), itemOf(2, { impact: 'high' })];
    expect(buttonsOf(messageOf(noticeOf(items), 'high', []))).toEqual([
      ['approve', 'Approve', false],
      ['deny', 'Deny', false],
      ['approve', 'Approve', true],
      ['deny', 'Deny', false],
      ['approve', 'Approve all 2', true],
      ['deny', 'Deny all 2', false],
    ]);
  });

  test('none for what the channel may not decide, and it says so', () => {
    const items = [itemOf(1), itemOf(2, { impact: 'high' }), itemOf(3, { impact: 'irreversible' })];
    const message = messageOf(noticeOf(items), 'low', []);
    expect(buttonsOf(message)).toHaveLength(2);
    expect(JSON.stringify(message)).toContain('2 above what this channel may decide');
    expect(buttonsOf(messageOf(noticeOf([itemOf(1, { impact: 'irreversible' })]), 'high', []))).toEqual([]);
  });

  test('more than ten items have one pair together; none once settled', () => {
    const items = Array.from({ length: 11 }, (_, n) => itemOf(n));
    expect(buttonsOf(messageOf(noticeOf(items), 'low', []))).toEqual([
      ['approve', 'Approve all 11', false],
      ['deny', 'Deny all 11', false],
    ]);
    expect(buttonsOf(messageOf(noticeOf(items, { event: 'approval_settled' }), 'low', []))).toEqual([]);
  });
});

test('it says what, why, how bad, whether it can be taken back, how long is left, and that it is a drill', () => {
  const items = [itemOf(1, { impact: 'high', reversible: false, simulated: true })];
  const text = JSON.stringify(messageOf(noticeOf(items, {}, { mode: 'drill' }), 'high', []));
  for (const said of [
    'DRILL: Approval needed: INC-2026-000001 Cut the hosts off',
    'Trojan on ws-1 (severity high)',
    'Alerts: Trojan found',
    '3 h 20 min left); silence denies.',
    'Release host (high impact, CANNOT be taken back, simulated): ws-1 [host:ws-1] for 1 h by edr; needs low impact: one analyst',
  ])
    expect(text).toContain(said);
});

test('it says so where the policy has silence allow', () => {
  const base = itemOf(1);
  const requirement = { ...base.requirement, silence: 'allow' as const };
  const quiet = { ...base, requirement } as typeof base;
  const said = (items: (typeof base)[]): string => JSON.stringify(messageOf(noticeOf(items), 'high', []));
  expect(said([quiet])).toContain('silence allows.');
  expect(said([quiet, itemOf(2)])).toContain('silence denies.');
});

test('the signature is the one of the vendor’s own example; an empty secret opens nothing', () => {
  // https://docs.slack.dev/authentication/verifying-requests-from-slack
  const body =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
  const request = (signature: string) => ({
    headers: { 'x-slack-request-timestamp': '1531420618', 'x-slack-signature': signature },
    query: {},
    body: new TextEncoder().encode(body),
    now: 1531420618000,
  });
  const theirs = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503';
  expect(verifySlack(request(theirs), [new Secret('8f742231b10e8888abcd99yyyzzz85a5')])).toEqual({
    ok: true,
  });
  const empty = `v0=${createHmac('sha256', '').update(`v0:1531420618:${body}`).digest('hex')}`;
  expect(verifySlack(request(empty), [new Secret('')])).toMatchObject({ ok: false, why: 'bad_signature' });
});
