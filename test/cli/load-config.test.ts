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

test('a file that is not there is named, with the way out', () => {
  expect(() => readConfigFile('/nonexistent/cordon.config.ts')).toThrow(/does not exist.*CORDON_CONFIG/s);
});
