import { targetOf, type ActionCall, cloud, email, endpoint, network } from '../../contracts/actions';
import { Alert } from '../../contracts/alert';
import { AssetIndex } from '../../contracts/assets';
import { Config } from '../../contracts/config';
import { correlationKeys, EMPTY_FILE, resolveScope, targetKeys, viewOf } from '../../contracts/correlation';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { Scope, SET_NAMES } from '../../workflows/kit/scope';

const config = Config.parse({
  publicUrl: 'https://cordon.ops.example.com',
  people: [{ id: 'kim', name: 'Kim', email: 'kim@corp.example.com', roles: ['lead'] }],
  assets: [
    { id: 'ws-1', kind: 'host', aliases: ['ws-1.corp.example.com'] },
    { id: 'lee', kind: 'account', aliases: ['lee@branch.example.com'] },
    { id: 'ci', kind: 'account', aliases: ['arn:aws:iam::123456789012:role/ci'], ambient: true },
    { id: 'logs', kind: 'dataset', ambient: true },
    { id: 'runtime', kind: 'file', aliases: ['d'.repeat(64)], ambient: true },
    { id: 'cdn.example.org', kind: 'domain', aliases: ['*.cdn.example.org'], ambient: true },
  ],
  policy: DEFAULT_POLICY,
});
const assets = new AssetIndex(config.assets);

const alertOf = (entities: object, more: object = {}): Alert =>
  Alert.parse({
    ...{ alertKey: 's:1', source: 's', product: 'p', title: 't', severity: 4, category: 'phishing' },
    ...{ occurredAt: '2026-11-25T08:00:00Z', ...more },
    entities,
  });
const sha256 = 'b'.repeat(64);
const outside = {
  hosts: [{ name: 'ws-1' }],
  files: [{ path: '/tmp/a', sha256 }],
  domains: ['C2.example.net'],
  urls: ['HTTPS://C2.example.net/Gate#top'],
  messages: [{ id: '<M1@mail.example.net>', sender: 'Billing@mail.example.net' }],
  keys: [{ id: 'AKIAEXAMPLE', principal: 'arn:aws:iam::123456789012:user/deploy' }],
  buckets: [{ name: 'press-kit' }],
  processes: [{ pid: 4711, name: 'beacon' }],
};

test('what an alert names reaches the sets of a run, under the keys that actions have', () => {
  const view = viewOf(alertOf(outside), { id: 'a', seq: 1 }, assets);
  const scope = new Scope();
  scope.absorb(view);
  const [host] = scope.hosts.targets();
  const calls: readonly [string, (value: never) => unknown][] = [
    ['domains', (domain) => network.blockDomain({ domain })],
    ['urls', (url) => network.blockUrl({ url })],
    ['messages', (message) => email.purgeMessage({ message })],
    ['senders', (sender) => email.blockSender({ sender })],
    ['keys', (key) => cloud.deactivateKey({ key })],
    ['principals', (principal) => cloud.denyPrincipal({ principal })],
    ['buckets', (bucket) => cloud.blockPublicAccess({ bucket })],
    ['hashes', (hash) => endpoint.blockHash({ sha256: hash })],
    [
      'processes',
      (process: never) => endpoint.killProcess({ host: (process as { host: never }).host, process }),
    ],
  ];
  for (const [name, make] of calls) {
    const [only, another] = scope[name as 'domains'].targets();
    expect([name, another]).toEqual([name, undefined]);
    const { key } = targetOf(make(only?.value as never) as ActionCall);
    expect([name, only?.key, targetKeys(view.scope).includes(key)]).toEqual([name, key, true]);
  }
  expect(host?.key).toBe('host:ws-1');
  expect(SET_NAMES.flatMap((name) => scope[name].targets().map(({ key }) => key))).toEqual(
    expect.arrayContaining([
      'process:ws-1/4711:beacon',
      'url:https://c2.example.net/Gate',
      'message:m1@mail.example.net',
    ]),
  );
  expect(scope.keep([])).toHaveLength(11);
  expect(SET_NAMES.map((name) => scope[name].size)).toEqual(SET_NAMES.map(() => 0));
});

test('what is ours or many depend on is no indicator', () => {
  const scope = resolveScope(
    alertOf({
      domains: [
        'corp.example.com',
        'example.com',
        'ops.example.com',
        'branch.example.com',
        'x.cdn.example.org',
        'nonsense',
      ],
      urls: [
        'https://ws-1.corp.example.com/a',
        'https://corp.example.com/',
        'https://cdn.example.org/a',
        'javascript:alert(1)',
      ],
      messages: [{ id: 'm', sender: 'kim@corp.example.com' }],
      keys: [{ id: 'AKIACI', principal: 'arn:aws:iam::123456789012:role/ci' }],
      principals: [{ name: 'arn:aws:sts::123456789012:assumed-role/ci/run-1' }],
      buckets: [{ name: 'logs' }],
      files: [{ sha256: EMPTY_FILE }, { sha256: 'd'.repeat(64) }],
      processes: [{ name: 'powershell.exe', sha256 }],
    }),
    assets,
  );
  expect(Object.keys(scope).filter((name) => scope[name as 'domains']?.length !== 0)).toEqual([
    'files',
    'messages',
  ]);
});

test('a lookalike below no domain of ours, and one that only ends like it, are indicators', () => {
  const domains = ['corp.example.com.evil.example.net', 'notcorp.example.com', 'new.corp.example.com'];
  expect(resolveScope(alertOf({ domains }), assets).domains).toEqual(domains);
});

test('by what alerts come together, and by what they do not', () => {
  expect(correlationKeys(alertOf({ ...outside, hosts: [] }), assets)).toEqual([
    'bucket:press-kit',
    `file:${sha256}`,
    'key:akiaexample',
    'message:m1@mail.example.net',
    'principal:arn:aws:iam::123456789012:user/deploy',
  ]);
  const command = alertOf(
    { domains: ['C2.example.net', 'x.cdn.example.org'] },
    { category: 'command_and_control' },
  );
  expect(correlationKeys(command, assets)).toEqual(['domain:c2.example.net']);
});

test('an alert that was stored before there were such things is read', () => {
  const old = alertOf({ hosts: [{ name: 'ws-1' }], domains: ['c2.example.net'] });
  expect(old.entities).not.toHaveProperty('messages');
  expect(targetKeys(resolveScope(old, assets))).toEqual(['host:ws-1', 'domain:c2.example.net']);
  const scope = new Scope();
  const { scope: seen, ...view } = viewOf(old, { id: 'a', seq: 1 }, assets);
  const { hosts, accounts, datasets, ips, files } = seen;
  scope.absorb({ ...view, scope: { hosts, accounts, datasets, ips, files } });
  expect(SET_NAMES.filter((name) => scope[name].size > 0)).toEqual(['hosts']);
});

test('domains that are ours by what the configuration says are among the assets, unless it names them', () => {
  const added = config.assets.slice(6).map(({ id, kind, ambient }) => [id, kind, ambient]);
  expect(added).toEqual([
    ['cordon.ops.example.com', 'domain', true],
    ['corp.example.com', 'domain', true],
    ['branch.example.com', 'domain', true],
  ]);
  const own = Config.parse({
    people: [{ id: 'kim', name: 'Kim', email: 'kim@corp.example.com', roles: ['lead'] }],
    assets: [{ id: 'corp.example.com', kind: 'domain' }],
    policy: DEFAULT_POLICY,
  });
  expect(own.assets).toMatchObject([{ id: 'corp.example.com', ambient: false }]);
});
