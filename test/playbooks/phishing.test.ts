import type { AlertView } from '../../contracts/alert';
import { matching } from '../../workflows/kit/define-playbook';
import type { Script } from '../../workflows/kit/virtual-host';
import { PLAYBOOKS } from '../../workflows/registry';
import { branchingScenarios } from '../support/branching-scenarios';
import { account, alertView, host } from '../support/incident-fixtures';
import { allWays, planOfDemo, runbook, type Runbook } from '../support/runbook';

const REF = 'phishing@1';
const HASH = 'c'.repeat(64);
const kind = { category: 'phishing', techniques: ['T1566.002'] } satisfies Partial<AlertView>;
const message = (id: string, ...recipients: string[]) => ({ id, subject: 'Invoice', recipients });
const mail = alertView(
  1,
  {
    hosts: [host('a1')],
    accounts: [account('kim')],
    messages: [message('m1', 'kim@corp.example.com', 'bo@corp.example.com')],
    senders: ['billing@attacker.example.net'],
    urls: ['https://attacker.example.net/login'],
    domains: ['attacker.example.net'],
  },
  kind,
);
const plain = alertView(1, { messages: [message('m1', 'kim@corp.example.com')] }, kind);
const person = (name: string, submitted: boolean) => ({
  ...{ address: `${name}@corp.example.com`, opened: true, clicked: submitted, submitted },
});
type Answer = NonNullable<Script['answer']>;
/** What the mail gateway knows of a message; and where its attachment is. */
const gateway =
  (recipients: readonly ReturnType<typeof person>[]): Answer =>
  (item) => {
    if (item.action === 'endpoint.hunt_hash')
      return { output: { ...item.input, hosts: [{ name: 'ws-7' }], asked: 3, silent: 0 } };
    if (item.action !== 'email.find_messages') return undefined;
    const links = { domains: ['honest.example.com'], urls: ['https://attacker.example.net/two'] };
    return { output: { ...item.input, recipients: [...recipients], ...links, attachments: [HASH] } };
  };
const told = { accounts: 'kim', hosts: 'ws-9; ', domains: 'other.example.net' };

describe('step by step', () => {
  const ways = new Set<string>();
  const play = async (...given: Parameters<typeof runbook>): Promise<Runbook> => {
    const run = await runbook(...given);
    for (const way of run.ways) ways.add(way);
    return run;
  };
  const lockedOut = (who: string, name: string, call: string): string[] => [
    `contain/lock_out_${who} revoke_sessions/account:${name}#1`,
    `contain/lock_out_${who} reset_password/account:${name}#1`,
    `contain/lock_out_${who} open/ticket:call ${call}#1`,
    `collect/keep_the_inbox_rules_of_${who} export_inbox_rules/account:${name}#1`,
    `eradicate/remove_what_was_planted_with_${who} remove_inbox_rules/account:${name}#1 for 720 h`,
    `eradicate/remove_what_was_planted_with_${who} revoke_oauth_grants/account:${name}#1`,
  ];
  const begin = [
    'collect/find_who_got_it find_messages/message:m1#1',
    'contain/purge_it_everywhere purge_message/message:m1#1 for 2160 h',
  ];

  test('phishing@1, step by step: nobody fell for it, and no account or host is touched', async () => {
    expect(await play(REF, plain)).toMatchObject({
      steps: [...begin, 'contain/warn_those_who_got_it send/channel:kim@corp.example.com#1'],
      days: 7.2,
      waits: null,
    });
  });

  test('phishing@1, step by step: one typed, one opened the attachment, the gateway names more', async () => {
    const run = await play(REF, mail, {
      infected: true,
      answers: { phishing_victims: told },
      answer: gateway([person('lee', true), person('bo', false)]),
    });
    expect(run).toMatchObject({ days: 7, waits: null });
    const scans = (round: number) =>
      ['a1', 'ws-7', 'ws-9'].map((name) => `eradicate/clean_the_hosts scan_av/host:${name}#${String(round)}`);
    expect([...run.steps].sort()).toEqual(
      [
        ...begin,
        'contain/warn_those_who_got_it send/channel:bo@corp.example.com,kim@corp.example.com#1',
        'contain/block_the_sender block_sender/sender:billing@attacker.example.net#1 for 720 h',
        'contain/block_its_links block_url/url:https://attacker.example.net/login#1 for 720 h',
        'contain/block_its_links block_url/url:https://attacker.example.net/two#1 for 720 h',
        'contain/block_its_domains block_domain/domain:attacker.example.net#1 for 720 h',
        'contain/block_its_domains block_domain/domain:other.example.net#1 for 720 h',
        `contain/block_its_attachment block_hash/hash:${HASH}#1 for 720 h`,
        ...['login', 'two'].map(
          (page) =>
            `eradicate/ask_for_the_page_to_be_taken_down open/ticket:take down https://attacker.example.net/${page}#1`,
        ),
        ...lockedOut('those_who_typed', 'lee', 'lee@corp.example.com'),
        ...lockedOut('those_who_were_named', 'kim', 'kim'),
        `collect/hunt_the_attachment hunt_hash/hash:${HASH}#1`,
        ...['a1', 'ws-7', 'ws-9'].map(
          (name) => `collect/triage_before_anything_changes collect_triage/host:${name}#1`,
        ),
        'contain/isolate_who_opened_it isolate_host/host:ws-9#1 for 72 h',
        ...scans(1),
        ...['a1', 'ws-7', 'ws-9'].map(
          (name) => `eradicate/clean_the_hosts quarantine_file/file:${name}/tmp/x#1 for 720 h`,
        ),
        ...scans(2),
        'release/release_hosts release/isolate_host/host:ws-9#1 when clean',
      ].sort(),
    );
    const at = (part: string): number => run.steps.findIndex((step) => step.includes(part));
    for (const [first, then] of [
      ['find_messages', 'purge_message'],
      ['collect_triage/host:ws-9', 'isolate_host/host:ws-9'],
      ['export_inbox_rules/account:lee', 'remove_inbox_rules/account:lee'],
      ['export_inbox_rules/account:kim', 'remove_inbox_rules/account:kim'],
      ['isolate_host/host:ws-9', 'scan_av/host:ws-9'],
    ] as const)
      expect(at(first)).toBeLessThan(at(then));
  });

  test('phishing@1, step by step: a gateway that answers after an hour still gets its victims locked out, once', async () => {
    const late = gateway([person('lee', true)]);
    const run = await play(REF, plain, {
      answer: (item, context) =>
        item.action === 'email.find_messages' && context.atMs < 3_600_000
          ? { status: 'pending', againInMs: 60_000 }
          : late(item, context),
    });
    expect(run.steps.filter((step) => step.startsWith('contain/purge'))).toHaveLength(1);
    for (const step of lockedOut('those_who_typed', 'lee', 'lee@corp.example.com'))
      expect(run.steps.filter((one) => one === step)).toHaveLength(1);
  });

  test('phishing@1, step by step: a thousand recipients are warned twenty at a time, never who typed', async () => {
    const many = Array.from({ length: 1000 }, (_, n) => person(`p${String(n)}`, n === 0));
    const sent: string[][] = [];
    await play(REF, plain, {
      answer: (item, context) => {
        if (item.action === 'notify.send') sent.push(item.input['to'] as string[]);
        return gateway(many)(item, context);
      },
    });
    expect(Math.max(...sent.map(({ length }) => length))).toBe(20);
    expect(sent.flat().sort()).toEqual(
      ['kim@corp.example.com', ...many.slice(1).map(({ address }) => address)].sort(),
    );
  });

  test('phishing@1, step by step: these runs take every way that there is', async () => {
    expect([...ways].sort()).toEqual(await allWays(REF));
  });
});

test('phishing answers mail that lures; what ran on a host is malware', () => {
  const chosen = (more: Partial<AlertView>): string | undefined =>
    matching(PLAYBOOKS, [alertView(1, {}, more)])[0]?.id;
  expect(chosen(kind)).toBe('phishing');
  expect(chosen({ category: 'phishing', techniques: [] })).toBe('phishing');
  expect(chosen({ category: 'phishing', techniques: ['T1598'] })).toBe('phishing');
  expect(chosen({ category: 'other', techniques: ['T1204.001'] })).toBe('phishing');
  expect(chosen({ category: 'malware', techniques: ['T1566.001', 'T1204.002'] })).toBe('malware_on_endpoint');
});

test('phishing: the plan of the demo’s alert', async () => {
  expect(await planOfDemo(REF)).toMatchSnapshot();
});

describe('phishing', () => {
  branchingScenarios({
    ref: REF,
    alert: mail,
    answers: { phishing_victims: { accounts: 'kim', hosts: 'ws-9' } },
    steps: [
      'find_messages/message:m1',
      'purge_message/message:m1',
      'send/channel:bo@corp.example.com,kim@corp.example.com',
      'block_sender/sender:billing@attacker.example.net',
      'block_url/url:https://attacker.example.net/login',
      'open/ticket:take down https://attacker.example.net/login',
      'block_domain/domain:attacker.example.net',
      'collect_triage/host:a1',
      'collect_triage/host:ws-9',
      'revoke_sessions/account:kim',
      'reset_password/account:kim',
      'open/ticket:call kim',
      'export_inbox_rules/account:kim',
      'remove_inbox_rules/account:kim',
      'revoke_oauth_grants/account:kim',
      'isolate_host/host:ws-9',
      'scan_av/host:a1',
      'scan_av/host:ws-9',
      'release/isolate_host/host:ws-9',
    ],
    contain: 'isolate_host/host:ws-9',
    beside: ['send/channel:bo@corp.example.com,kim@corp.example.com', 'revoke_oauth_grants/account:kim'],
    waits: ['scan_av/host:a1', 'scan_av/host:ws-9', 'release/isolate_host/host:ws-9'],
    gated: ['release/isolate_host/host:ws-9'],
    again: [
      'purge_message/message:m1#2',
      'send/channel:bo@corp.example.com,kim@corp.example.com#2',
      'block_sender/sender:billing@attacker.example.net#2',
      'block_url/url:https://attacker.example.net/login#2',
      'open/ticket:take down https://attacker.example.net/login#2',
      'block_domain/domain:attacker.example.net#2',
      'revoke_sessions/account:kim#2',
      'reset_password/account:kim#2',
      'open/ticket:call kim#2',
      'remove_inbox_rules/account:kim#2',
      'revoke_oauth_grants/account:kim#2',
      'scan_av/host:a1#2',
    ],
    late: {
      alert: alertView(2, { hosts: [host('a2')], messages: [message('m2', 'ann@corp.example.com')] }, kind),
      whileWaiting: ['send/channel:ann@corp.example.com'],
      steps: [
        'find_messages/message:m2',
        'purge_message/message:m2',
        'send/channel:ann@corp.example.com',
        'collect_triage/host:a2',
        'scan_av/host:a2',
      ],
    },
  });
});
