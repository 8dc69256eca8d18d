import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CHANNELS } from '../../channels';
import { BadConfig, checkConfig, readConfigFile, type Known } from '../../cli/up/load-config';
import type { ConfigInput } from '../../contracts/config';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { Secret } from '../../contracts/secret';

const known: Known = {
  integrations: new Map([
    [
      'simulated_edr',
      { config: z.object({ url: z.url().optional() }).strict(), actions: ['endpoint.isolate_host'] },
    ],
    [
      'ldap',
      {
        config: z.object({ password: z.instanceof(Secret) }).strict(),
        actions: ['identity.disable_account'],
      },
    ],
  ]),
  sources: new Map([['generic', { config: z.object({}).strict() }]]),
  channels: CHANNELS,
  playbooks: [{ id: 'x', version: 1, ref: 'x@1', authors: ['lea'] }],
};
const minimal: ConfigInput = { policy: DEFAULT_POLICY };
const check = (config: object, env: NodeJS.ProcessEnv = {}) =>
  checkConfig({ ...minimal, ...config }, '/etc/cordon/cordon.config.ts', known, env);
const mistakes = (config: object, env: NodeJS.ProcessEnv = {}): readonly string[] => {
  try {
    check(config, env);
  } catch (error) {
    if (error instanceof BadConfig) return error.mistakes;
    throw error;
  }
  return [];
};

test('a correct configuration gets its defaults', () => {
  const config = check({ connections: [{ id: 'edr', use: 'simulated_edr' }] });
  expect(config.connections[0]).toMatchObject({ id: 'edr', tags: [], concurrency: 5, config: {} });
  expect(config.correlation.windowMinutes).toBe(1440);
});

test('secrets are read from the environment and from files, and stay wrapped', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-config-'));
  writeFileSync(join(folder, 'hook'), 'from-a-file\n');
  const value = {
    ...minimal,
    connections: [{ id: 'ad', use: 'ldap', config: { password: { $env: 'LDAP_PASSWORD' } } }],
    sources: [{ id: 'siem', use: 'generic', secrets: [{ $file: 'hook' }] }],
  };
  const config = checkConfig(value, join(folder, 'cordon.config.ts'), known, { LDAP_PASSWORD: 'hunter2' });
  rmSync(folder, { recursive: true });
  expect((config.connections[0]?.config['password'] as Secret).reveal()).toBe('hunter2');
  expect((config.sources[0]?.secrets[0] as Secret).reveal()).toBe('from-a-file');
  expect(JSON.stringify(config)).not.toMatch(/hunter2|from-a-file/);
});

test.each<[string, object, RegExp]>([
  [
    'a wrong type',
    { connections: [{ id: 'edr', use: 'simulated_edr', concurrency: 'many' }] },
    /^connections\.0\.concurrency: /,
  ],
  ['an unknown key', { connection: [] }, /connection/],
  [
    'an unknown integration',
    { connections: [{ id: 'x', use: 'nessus' }] },
    /no integration "nessus"; there are simulated_edr, ldap/,
  ],
  [
    'an unknown source',
    { sources: [{ id: 'x', use: 'splunk', secrets: [new Secret('s')] }] },
    /no source "splunk"/,
  ],
  [
    "a mistake in the integration's own part",
    { connections: [{ id: 'x', use: 'simulated_edr', config: { url: 'no' } }] },
    /^connections\.0 \(x\)\.config\.url: /,
  ],
  [
    'an action that the integration does not offer',
    { connections: [{ id: 'x', use: 'simulated_edr', actions: ['network.block_ip'] }] },
    /simulated_edr does not offer network\.block_ip/,
  ],
  [
    'an id that occurs twice',
    {
      connections: [
        { id: 'x', use: 'simulated_edr' },
        { id: 'x', use: 'simulated_edr' },
      ],
    },
    /"x" occurs twice/,
  ],
  [
    'a channel that speaks for a stranger',
    { channels: [{ id: 'chat', secrets: [new Secret('s')], people: ['nobody'], roles: ['lead'] }] },
    /there is no person "nobody"/,
  ],
  [
    'a policy rule about an action that is none',
    { policy: { rules: [{ name: 'r', when: { actions: ['endpoint.explode'] }, require: 'none' }] } },
    /policy rule "r": there is no action "endpoint.explode"/,
  ],
  [
    'a budget for an action that is none',
    { budgets: [{ id: 'b', actions: ['x.y'], limit: 1, windowSeconds: 60 }] },
    /budgets \(b\): there is no action "x.y"/,
  ],
  [
    'a maintenance window for an action that is none',
    {
      maintenance: [{ id: 'm', actions: ['x.y'], from: '2026-05-04T08:00:00Z', to: '2026-05-04T09:00:00Z' }],
    },
    /maintenance \(m\): there is no action "x.y"/,
  ],
  [
    'a maintenance window for what is no asset',
    {
      maintenance: [{ id: 'm', targets: ['dc'], from: '2026-05-04T08:00:00Z', to: '2026-05-04T09:00:00Z' }],
    },
    /maintenance \(m\): no asset has the id or tag "dc"/,
  ],
  [
    'a secret that is not set',
    { connections: [{ id: 'ad', use: 'ldap', config: { password: { $env: 'MISSING' } } }] },
    /MISSING is not set/,
  ],
  [
    'a secret file that is not there',
    { sources: [{ id: 's', use: 'generic', secrets: [{ $file: 'nowhere' }] }] },
    /nowhere does not exist/,
  ],
])('names %s', (_what, config, pattern) => {
  const found = mistakes(config);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(pattern);
});

describe('a policy that cannot be kept is refused with the reason', () => {
  const person = (id: string, ...roles: string[]) => ({ id, name: id, roles });
  const TEAM = [
    person('lea', 'lead'),
    person('lou', 'lead'),
    person('ana', 'analyst'),
    person('olga', 'owner'),
  ];
  const policy = (require: object, when: object = {}) => ({
    rules: [
      {
        name: 'r',
        when,
        require: { groups: [{ roles: ['lead'], count: 1 }], timeoutSeconds: 60, ...require },
      },
    ],
  });
  const twoLeads = [{ roles: ['lead'], count: 2 }];
  const owned = [{ roles: ['owner'], count: 1 }];
  const laptop = { id: 'ws-1', kind: 'host', tags: ['laptop'], owner: 'olga' };
  test.each<[string, object, string]>([
    [
      'a role that nobody has',
      { policy: policy({ groups: [{ roles: ['legal', 'hr'], count: 1 }] }) },
      'nobody is legal or hr',
    ],
    ['a veto that nobody has', { policy: policy({ veto: ['legal'] }) }, 'veto: nobody is legal'],
    [
      'fewer people than seats',
      { policy: policy({ groups: [{ roles: ['lead'], count: 3 }] }) },
      'needs 3 different people',
    ],
    [
      'two groups that only one person can fill',
      {
        people: [person('lea', 'lead', 'hr'), person('ana', 'analyst')],
        policy: policy({
          groups: [
            { roles: ['lead'], count: 1 },
            { roles: ['hr'], count: 1 },
          ],
        }),
      },
      'needs 2 different people',
    ],
    [
      'whoever starts it is needed to approve it',
      { policy: policy({ groups: twoLeads, noSelfApproval: true }) },
      'when lea started the incident',
    ],
    [
      'whoever wrote a playbook is needed to approve it',
      { policy: policy({ groups: twoLeads, noSelfApproval: ['author'] }) },
      'without lea, who wrote x@1 and may then not approve',
    ],
    [
      'author and starter are all the leads there are',
      { policy: policy({ noSelfApproval: ['starter', 'author'] }) },
      'when lou started the incident and lea wrote x@1',
    ],
    [
      'a person who is none',
      { policy: policy({ escalation: [{ afterSeconds: 5, people: ['bob'] }] }) },
      'no person "bob"',
    ],
    [
      'a channel that is none',
      { policy: policy({ escalation: [{ afterSeconds: 5, channels: ['pager'] }] }) },
      'no channel "pager"',
    ],
    [
      'an escalation after the end',
      {
        policy: policy({
          timeoutSeconds: { 5: 30, default: 60 },
          escalation: [{ afterSeconds: 60, people: ['lea'] }],
        }),
      },
      '60 s is too late: the request is over after 60 s',
    ],
    [
      'an owner who is nobody',
      {
        policy: policy({ groups: owned }, { targetTags: ['laptop'] }),
        assets: [{ ...laptop, owner: 'gone' }],
      },
      'the owner of ws-1, but there is no person "gone"',
    ],
    [
      'an asset without an owner',
      {
        policy: policy({ groups: owned }, { targetTags: ['laptop'] }),
        assets: [laptop, { id: 'ws-2', kind: 'host', tags: ['laptop'] }],
      },
      'the asset ws-2 names none',
    ],
    [
      'targets that are no assets',
      { policy: policy({ groups: owned }), assets: [laptop] },
      'a target that is no asset has none',
    ],
    [
      'an owner who is also the only lead',
      {
        people: [person('olga', 'lead'), person('ana', 'analyst')],
        policy: policy({ groups: [{ roles: ['lead'], count: 1 }, ...owned] }, { targetTags: ['laptop'] }),
        assets: [laptop],
      },
      'needs 2 different people where olga is the owner',
    ],
  ])('%s', (_what, config, reason) => {
    expect(mistakes({ people: TEAM, ...config })).toEqual([
      expect.stringMatching(new RegExp(`^policy rule "r": .*${reason}`)),
    ]);
  });
  test.each<[string, object]>([
    ['two leads of two', { policy: policy({ groups: twoLeads }) }],
    ['one lead, who may not have started it, of two', { policy: policy({ noSelfApproval: true }) }],
    [
      'one lead, who may not have written the playbook, of two',
      { policy: policy({ noSelfApproval: ['author'] }) },
    ],
    [
      'a role that nobody has, where that is refused later',
      { policy: policy({ groups: [{ roles: ['legal', 'hr'], count: 1 }], unheld: 'refuse' }) },
    ],
    [
      'a starter who is no lead',
      {
        policy: policy({ groups: twoLeads, noSelfApproval: true }),
        people: [...TEAM, person('liz', 'lead')],
      },
    ],
    [
      'the owner of what has one',
      { policy: policy({ groups: owned }, { targetTags: ['laptop'] }), assets: [laptop] },
    ],
    [
      'the owner, or a lead',
      {
        policy: policy({ groups: [{ roles: ['owner', 'lead'], count: 1 }] }),
        assets: [{ id: 'ws-2', kind: 'host' }],
      },
    ],
    [
      'nobody yet: the local operator tries it out',
      { people: [], policy: policy({ groups: twoLeads, veto: ['legal'] }) },
    ],
  ])('but not %s', (_what, config) => {
    expect(mistakes({ people: TEAM, ...config })).toEqual([]);
  });
  test('the policy that ships can be kept by two leads and an analyst', () => {
    expect(mistakes({ people: TEAM.slice(0, 3) })).toEqual([]);
  });
});

test('a file that is not there is named, with the way out', () => {
  expect(() => readConfigFile('/nonexistent/cordon.config.ts')).toThrow(/does not exist.*CORDON_CONFIG/s);
});

describe('channels', () => {
  const people = [
    { id: 'ana', name: 'Ana', roles: ['analyst' as const] },
    { id: 'lea', name: 'Lea', roles: ['lead' as const] },
    { id: 'lou', name: 'Lou', roles: ['lead' as const] },
  ];
  const decides = { people: ['ana'], roles: ['analyst'] };
  const signing = [new Secret('a secret that signs links, long enough')];
  const slack = { token: new Secret('xoxb-1'), channel: 'C0SOC00001', users: { U0ANA: 'ana' } };
  const mail = { host: '127.0.0.1', tls: 'none', from: 'cordon@example.com' };
  const publicUrl = 'https://cordon.example.com/';
  const wrong = (channel: object, more: object = {}): string =>
    mistakes({ people, channels: [{ id: 'c', ...channel }], ...more }).join('\n');

  test('every kind, as the documentation has it, is taken; a channel without a kind is a webhook', () => {
    const config = check({
      people,
      publicUrl,
      channels: [
        { id: 'chat', secrets: [new Secret('s')], ...decides },
        { id: 'soc', use: 'slack', secrets: [new Secret('s')], ...decides, config: slack },
        { id: 'mail', use: 'email', secrets: signing, ...decides, config: mail },
        {
          id: 'room',
          use: 'teams',
          secrets: signing,
          ...decides,
          config: { url: new Secret('https://x.example/y?sig=z') },
        },
        { id: 'oncall', use: 'pagerduty', config: { routingKey: new Secret('a'.repeat(32)) } },
      ],
    });
    expect(config.channels.map(({ use }) => use)).toEqual([
      'webhook',
      'slack',
      'email',
      'teams',
      'pagerduty',
    ]);
    expect(config.publicUrl).toBe('https://cordon.example.com');
  });

  test.each<[string, object, object, RegExp]>([
    [
      'an unknown kind',
      { use: 'pigeon', ...decides, secrets: signing },
      {},
      /no kind of channel "pigeon"; there are webhook, slack/,
    ],
    [
      'nobody to speak for',
      { secrets: signing, roles: ['analyst'] },
      {},
      /channels\.0\.people: needs at least one/,
    ],
    ['no secret', { ...decides }, {}, /channels\.0\.secrets: needs at least one/],
    [
      'links and no address',
      { use: 'email', secrets: signing, ...decides, config: mail },
      {},
      /set publicUrl/,
    ],
    [
      'a short secret',
      { use: 'email', secrets: [new Secret('short')], ...decides, config: mail },
      { publicUrl },
      /at least 32 characters/,
    ],
    [
      'a relay without TLS',
      { use: 'email', secrets: signing, ...decides, config: { ...mail, host: 'relay.example' } },
      { publicUrl },
      /config\.tls: mail without TLS/,
    ],
    [
      'Slack without TLS',
      { use: 'slack', secrets: signing, ...decides, config: { ...slack, baseUrl: 'http://slack.example' } },
      {},
      /config\.baseUrl: plain http/,
    ],
    [
      'a channel by name',
      { use: 'slack', secrets: signing, ...decides, config: { ...slack, channel: '#soc' } },
      {},
      /config\.channel: the id of a conversation/,
    ],
    [
      'a stranger',
      { use: 'slack', secrets: signing, ...decides, config: { ...slack, users: { U0BO: 'bo' } } },
      {},
      /users\.U0BO: "bo" is not among the people/,
    ],
    [
      'a token in the file',
      { use: 'slack', secrets: signing, ...decides, config: { ...slack, token: 'xoxb-1' } },
      {},
      /config\.token/,
    ],
    [
      'a routing key',
      { use: 'pagerduty', config: { routingKey: new Secret('short') } },
      {},
      /config\.routingKey: an integration key has 32/,
    ],
    [
      'Teams by http',
      { use: 'teams', secrets: signing, ...decides, config: { url: new Secret('http://x.example/') } },
      { publicUrl },
      /config\.url: an https address/,
    ],
    [
      'settings of a webhook',
      { secrets: signing, ...decides, config: { url: 'x' } },
      {},
      /config\.url: a webhook has no such setting/,
    ],
  ])('%s is named with its field', (_what, channel, more, expected) => {
    const said = wrong(channel, more);
    expect(said).toMatch(expected);
    expect(said).not.toMatch(/xoxb|long enough/);
  });
});
