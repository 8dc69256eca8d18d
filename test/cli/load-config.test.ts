import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
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
