import { Asset, AssetIndex, canonicalIp, hostKey, mayBeSameHost } from '../../contracts/assets';
import { findHost } from '../../integrations/kit/hosts';

const assets = new AssetIndex(
  [
    { id: 'ws-1', kind: 'host', aliases: ['ws-1.corp.example.com'], ips: ['192.0.2.1'] },
    { id: 'tag-4711', kind: 'host', aliases: ['mail.corp.example.com'] },
    { id: 'dc', kind: 'host' },
    { id: 'web-a', kind: 'host', aliases: ['web.a.example.com'] },
    { id: 'web-b', kind: 'host', aliases: ['web.b.example.com'] },
  ].map((asset) => Asset.parse(asset)),
);

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:0DB8:0:0::0001', '2001:db8::1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['Name.Example.COM.', 'name.example.com'],
  ['not:an:address', 'not:an:address'],
])('%s is written %s', (text, canonical) => expect(canonicalIp(text)).toBe(canonical));

test.each([
  ['ws-1', 'WS-1.', true],
  ['ws-1', 'ws-1.corp.example.com', true],
  ['ws-1.a.example.com', 'ws-1.b.example.com', false],
  ['192.0.2.1', '192.0.3.1', false],
  ['2001:db8::1', '2001:DB8:0::1', true],
  ['ws-1', 'ws-10.corp.example.com', false],
])('%s and %s may be one host: %s', (a, b, may) => {
  expect(mayBeSameHost(a, b)).toBe(may);
  expect(mayBeSameHost(b, a)).toBe(may);
});

test.each([
  ['a full name of the asset', { name: 'WS-1.corp.example.com' }, 'host:ws-1'],
  ['its address', { name: 'whatever', ips: ['::ffff:192.0.2.1'] }, 'host:ws-1'],
  ['the short form of its only full name', { name: 'mail' }, 'host:tag-4711'],
  ['a full name where the asset has none', { name: 'dc.corp.example.com' }, 'host:dc'],
  ['a short form of two assets', { name: 'web' }, 'host:web'],
  ['another domain', { name: 'ws-1.b.example.com' }, 'host:ws-1.b.example.com'],
])('%s is found among the assets', (_what, ref, key) => expect(hostKey(ref, assets)).toBe(key));

describe('a product that is configured by host names', () => {
  const hosts = { 'web.a.example.com': 'A', db: 'D' };
  test.each([
    [{ name: 'web.a.example.com' }, 'A'],
    [{ name: 'WEB' }, 'A'],
    [{ name: 'db.corp.example.com' }, 'D'],
  ])('%j is found', (ref, host) => expect(findHost(hosts, ref)).toMatchObject({ host }));
  test.each([
    [{ name: 'web.b.example.com' }, 'not configured'],
    [{ name: 'web', fqdn: 'web.b.example.com' }, 'not configured'],
    [{ name: 'db', fqdn: 'web.a.example.com' }, 'ambiguous'],
  ])('%j is not', (ref, why) => expect(() => findHost(hosts, ref)).toThrow(why));
});
