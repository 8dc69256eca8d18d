import { networkInterfaces } from 'node:os';
import { ACTIONS, type ActionId } from '../../contracts/actions';
import type { Config, ConfigInput } from '../../contracts/config';
import { EMPTY_FILE } from '../../contracts/correlation';
import type { ItemResult, WaveItem } from '../../contracts/messages';
import { DEFAULT_POLICY } from '../../contracts/policy';
import type { JsonObject } from '../../contracts/values';
import type { Store } from '../../store/store';
import { item, openIncident, runnerOn, settled, waveOf, World, worldConfig } from '../support/runner';
import { memoryStore } from '../support/store';

const ASSETS: ConfigInput['assets'] = [
  {
    id: 'dc-01',
    kind: 'host',
    aliases: ['dc-01.corp.example.com'],
    ips: ['198.51.100.10', '2001:db8::10'],
    protected: true,
  },
  { id: 'vault', kind: 'host', protected: true },
  { id: 'dc-01-lab', kind: 'host', aliases: ['dc-01.lab.example.com'], tags: ['play'] },
  { id: 'ws-1', kind: 'host', aliases: ['ws-1.corp.example.com'], ips: ['198.51.100.41', '198.51.100.42'] },
  { id: 'play-1', kind: 'host', tags: ['play'], ips: ['198.51.100.77'], criticality: 1 },
  { id: 'vault-data', kind: 'dataset', host: 'vault.corp.example.com', path: '/srv/secrets' },
  { id: 'share', kind: 'dataset', host: 'ws-1', path: '/srv/share' },
  {
    id: 'svc-backup',
    kind: 'account',
    aliases: ['CORP\\svc-backup', 'svc-backup@corp.example.com'],
    protected: true,
  },
  { id: 'proxy', kind: 'network', ips: ['198.51.100.3'], ambient: true },
  { id: 'uplink', kind: 'network', ips: ['198.51.100.1'], protected: true },
  { id: 'corp.example.com', kind: 'domain', aliases: ['*.corp.example.com'], ambient: true },
  {
    id: 'deploy',
    kind: 'account',
    aliases: ['arn:aws:iam::123456789012:role/deploy', 'AKIAPROTECTED'],
    protected: true,
  },
  { id: 'press-kit', kind: 'dataset', protected: true },
  { id: 'shell', kind: 'file', aliases: ['a'.repeat(64)], protected: true },
  { id: 'runtime', kind: 'file', aliases: ['b'.repeat(64)], ambient: true },
];

let store: Store;
let world: World;
beforeAll(async () => {
  store = await memoryStore();
}, 60_000);
afterAll(() => store.close());
beforeEach(() => {
  world = new World();
});

let n = 0;
async function attempt(
  action: ActionId,
  input: JsonObject,
  config: Config,
  first?: [ActionId, JsonObject],
): Promise<ItemResult> {
  const activities = runnerOn(store, world, config);
  const one: WaveItem = item({ id: `forged-${String(++n)}`, action, input });
  const incident = await openIncident(store, config);
  if (first !== undefined) {
    const before = item({ id: 'first', action: first[0], input: first[1], leaseSeconds: null });
    await settled(activities, waveOf(incident, before));
    world.calls.length = 0;
  }
  const result = await settled(activities, waveOf(incident, one));
  await activities.close();
  return result;
}
const noApprovals = worldConfig({ assets: ASSETS });

describe('what is protected is left alone, whatever an item calls it', () => {
  const host = (ref: JsonObject): [ActionId, JsonObject] => ['endpoint.isolate_host', { host: ref }];
  const account = (ref: JsonObject): [ActionId, JsonObject] => ['identity.disable_account', { account: ref }];
  const restore = (ref: JsonObject): [ActionId, JsonObject] => ['data.restore_backup', { set: ref }];
  const block = (ip: string): [ActionId, JsonObject] => ['network.block_ip', { ip }];
  test.each([
    host({ name: 'DC-01' }),
    host({ name: 'dc-01.corp.example.com.' }),
    host({ name: 'dc-01.elsewhere.example.com' }),
    host({ name: 'x', fqdn: 'dc-01.corp.example.com' }),
    host({ name: 'ws-1', fqdn: 'DC-01.corp.example.com' }),
    host({ name: 'x', ips: ['198.51.100.10'] }),
    host({ name: 'x', ips: ['2001:0DB8:0::0010'] }),
    host({ name: '198.51.100.10' }),
    host({ name: 'x', ips: ['::ffff:198.51.100.10'] }),
    host({ name: 'vault.corp.example.com' }),
    ['endpoint.quarantine_file', { host: { name: 'x', fqdn: 'dc-01.corp.example.com' }, path: '/bin/sh' }],
    account({ name: 'svc-backup' }),
    account({ name: 'CORP\\SVC-backup' }),
    account({ name: 'svc-backup', domain: 'OTHER' }),
    account({ name: 'x', upn: 'svc-backup@corp.example.com' }),
    account({ name: 'svc-backup@elsewhere.example.com' }),
    ['identity.revoke_sessions', { account: { name: 'x', upn: 'svc-backup@corp.example.com' } }],
    restore({ name: 'vault-data' }),
    restore({ name: 'x', host: 'VAULT' }),
    restore({ name: 'x', host: 'vault.corp.example.com', path: '/srv/secrets/keys' }),
    restore({ name: 'share', host: 'dc-01.corp.example.com' }),
    block('198.51.100.10'),
    block('2001:db8:0::10'),
    block('::ffff:c633:640a'),
    block('198.51.100.1'),
    ['endpoint.kill_process', { host: { name: 'x', fqdn: 'dc-01.corp.example.com' }, process: { pid: 4 } }],
    ['endpoint.kill_process', { host: { name: 'ws-1' }, process: { sha256: 'a'.repeat(64) } }],
    ['endpoint.block_hash', { sha256: 'a'.repeat(64) }],
    ['endpoint.block_hash', { sha256: 'b'.repeat(64) }],
    ['endpoint.block_hash', { sha256: EMPTY_FILE }],
    ['network.block_domain', { domain: 'Corp.Example.com' }],
    ['network.block_domain', { domain: 'mail.corp.example.com' }],
    ['network.block_domain', { domain: 'example.com' }],
    ['network.block_domain', { domain: 'dc-01.lab.example.com.corp.example.com' }],
    ['network.block_url', { url: 'https://WWW.corp.example.com/a' }],
    ['network.block_url', { url: 'http://198.51.100.10/a' }],
    ['network.block_url', { url: 'http://0x7f.1/a' }],
    ['network.block_url', { url: 'http://[::1]:8233/a' }],
    ['email.block_sender', { sender: 'Kim@corp.example.com' }],
    ['cloud.deactivate_key', { key: { id: 'akiaprotected' } }],
    ['cloud.deactivate_key', { key: { id: 'AKIAX', principal: 'arn:aws:iam::123456789012:role/deploy' } }],
    ['cloud.deny_principal', { principal: { name: 'arn:aws:sts::123456789012:assumed-role/deploy/ci' } }],
    ['cloud.deny_principal', { principal: { name: 'deploy' } }],
    ['cloud.block_public_access', { bucket: { name: 'Press-Kit' } }],
    ['host.reimage', { host: { name: 'vault' } }],
  ] as [ActionId, JsonObject][])('%s %j', async (action, input) => {
    expect(await attempt(action, input, noApprovals)).toMatchObject({
      status: 'denied',
      failure: { type: 'protected_asset' },
    });
    expect(world.calls).toEqual([]);
  });

  test.each([
    ['what many depend on', '198.51.100.3'],
    ['loopback', '127.0.0.1'],
    ['loopback in IPv6', '::1'],
    ['link-local', 'fe80::1'],
    [
      'an address of this machine',
      Object.values(networkInterfaces())
        .flat()
        .find((one) => one?.internal === false)?.address ?? '127.0.0.2',
    ],
  ])('an address is not blocked when it is %s', async (_what, ip) => {
    expect(await attempt('network.block_ip', { ip }, noApprovals)).toMatchObject({
      status: 'denied',
      failure: { type: 'protected_asset' },
    });
    expect(world.calls).toEqual([]);
  });

  test.each([
    ['endpoint.isolate_host', { host: { name: 'dc-01.lab.example.com' } }, 'host:dc-01-lab'],
    ['endpoint.isolate_host', { host: { name: 'ws-1', fqdn: 'ws-1.corp.example.com' } }, 'host:ws-1'],
    [
      'data.restore_backup',
      { set: { name: 'share', host: 'ws-1', path: '/srv/share' } },
      'dataset:share',
      ['data.verify_backup', { set: { name: 'share', host: 'ws-1', path: '/srv/share' } }],
    ],
    ['network.block_ip', { ip: '203.0.113.9' }, 'ip:203.0.113.9'],
    ['endpoint.scan_av', { host: { name: 'dc-01' } }, 'host:dc-01'],
    [
      'network.block_domain',
      { domain: 'corp.example.com.evil.example.net' },
      'domain:corp.example.com.evil.example.net',
    ],
    ['network.block_url', { url: 'https://Evil.example.net/A#b' }, 'url:https://evil.example.net/A'],
    ['email.block_sender', { sender: 'svc-backup@evil.example.net' }, 'sender:svc-backup@evil.example.net'],
    ['email.purge_message', { message: { id: '<M1@evil.example.net>' } }, 'message:m1@evil.example.net'],
    ['cloud.deactivate_key', { key: { id: 'AKIAOTHER' } }, 'key:akiaother'],
    [
      'endpoint.kill_process',
      { host: { name: 'ws-1.corp.example.com' }, process: { pid: 4, name: 'a' } },
      'process:ws-1/4:a',
      ['endpoint.collect_memory', { host: { name: 'ws-1' } }],
    ],
  ] as [ActionId, JsonObject, string, [ActionId, JsonObject]?][])(
    'but %s %j is done, to %s',
    async (...row) => {
      // Not as parameters: jest would take a fourth one for its callback.
      const [action, input, key, first] = row;
      expect(await attempt(action, input, noApprovals, first)).toMatchObject({
        status: 'succeeded',
        target: { key },
      });
      expect(world.calls).toHaveLength(1);
    },
  );
});

describe('an item is what its input says to the product', () => {
  const playful = worldConfig({
    assets: ASSETS,
    connections: [{ id: 'edr', use: 'world' }],
    policy: {
      rules: [{ name: 'play', when: { targetTags: ['play'] }, require: 'none' }, ...DEFAULT_POLICY.rules],
    },
  });
  test('a host that the assets know to be unimportant lends its tags to no other name', async () => {
    const isolate = 'endpoint.isolate_host';
    expect(await attempt(isolate, { host: { name: 'play-1' } }, playful)).toMatchObject({
      status: 'succeeded',
    });
    for (const host of [
      { name: 'payroll', ips: ['198.51.100.77'] },
      { name: 'payroll', fqdn: 'play-1.corp.example.com' },
      { name: 'play-1', fqdn: 'payroll.corp.example.com' },
    ])
      expect(await attempt(isolate, { host }, playful)).toMatchObject({ status: 'awaiting' });
    expect(world.calls).toEqual(['endpoint.isolate_host play-1']);
  });

  test('what people are asked shows both names, and no lease of one is taken for the other', async () => {
    const twoNames = { name: 'ws-1', fqdn: 'payroll.corp.example.com' };
    const asked = await attempt('endpoint.isolate_host', { host: twoNames }, playful);
    expect(asked.target).toMatchObject({
      key: 'host:ws-1+payroll.corp.example.com',
      label: 'ws-1 (payroll.corp.example.com)',
    });
    const account = { account: { name: 'kim', upn: 'ceo@corp.example.com' } };
    expect((await attempt('identity.disable_account', account, playful)).target).toMatchObject({
      key: 'account:kim+ceo@corp.example.com',
      label: 'kim (ceo@corp.example.com)',
    });
  });

  test('one name in two domains is two hosts, unless the assets say that it is one', async () => {
    const key = async (name: string) =>
      (await attempt('endpoint.scan_av', { host: { name } }, noApprovals)).target.key;
    expect(await key('web01.a.example.com')).toBe('host:web01.a.example.com');
    expect(await key('WEB01.b.example.com')).toBe('host:web01.b.example.com');
    expect(await key('ws-1.corp.example.com')).toBe('host:ws-1');
    expect(await key('ws-1.b.example.com')).toBe('host:ws-1.b.example.com');
  });

  test('two addresses of one host are blocked, leased and unblocked each for itself', async () => {
    const config = worldConfig({ assets: ASSETS });
    const activities = runnerOn(store, world, config);
    const incident = await openIncident(store, config);
    for (const ip of ['198.51.100.41', '198.51.100.42'])
      await settled(
        activities,
        waveOf(incident, item({ id: ip, action: 'network.block_ip', input: { ip } })),
      );
    const leases = await store.db
      .selectFrom('leases')
      .select('target_key')
      .where('action', '=', 'network.block_ip')
      .where('status', '=', 'in_force')
      .orderBy('target_key')
      .execute();
    expect(leases.map(({ target_key }) => target_key)).toEqual(
      expect.arrayContaining(['ip:198.51.100.41', 'ip:198.51.100.42']),
    );
    await activities.rollBack({ incident, by: 'person:lee', reason: 'false positive' });
    expect(world.inForce.size).toBe(0);
    await activities.close();
  });
});

test('products find what to act on by no other part of an input than those that the guard looks at', () => {
  const naming = new Set([
    ...['host', 'process', 'account', 'set', 'ip', 'domain', 'url', 'sender', 'message'],
    ...['key', 'principal', 'bucket'],
  ]);
  const described = new Set([
    'paths',
    'path',
    'sha256',
    'token',
    'snapshot',
    'before',
    'files',
    'treeSha256',
    // What is asked of the product, or what it said before: none of it leads to another thing.
    ...['since', 'patches', 'image', 'removed', 'only', 'rules', 'from', 'perSecond', 'through', 'mailboxes'],
  ]);
  const notices = new Set(['to', 'subject', 'text', 'title', 'severity', 'queue']);
  const unknown = Object.values(ACTIONS).flatMap(({ id, input }) =>
    Object.keys(input.shape)
      .filter((part) => ![naming, described, notices].some((known) => known.has(part)))
      .map((part) => `${id}: ${part}`),
  );
  expect(unknown).toEqual([]);
});
