import fc from 'fast-check';
import { z } from 'zod';
import { Alert } from '../../contracts/alert';
import { SOURCES } from '../../sources';
import { severityFromSuricata, severityFromWazuhLevel, severityFromWord } from '../../sources/kit/severity';
import { fixture, NOW, parse } from './support';

/** The fields of a ZodError's issues, as dotted paths. */
function refusedFields(use: string, body: unknown): string[] {
  try {
    parse(use, body);
  } catch (error) {
    if (error instanceof z.ZodError) return error.issues.map((issue) => issue.path.join('.'));
    throw error;
  }
  return [];
}
const first = (use: string, body: unknown, config = {}): Alert => parse(use, body, config).alerts[0]!;

test('the registry names each source by its own id', () => {
  expect([...SOURCES.keys()].sort()).toEqual(['alertmanager', 'generic', 'suricata', 'wazuh']);
  for (const [id, source] of SOURCES) expect(source.id).toBe(id);
});

describe('generic', () => {
  test('a delivery of alerts becomes alerts', () => {
    const parsed = parse('generic', fixture('generic'), {}, { 'webhook-id': 'msg_1' });
    expect(parsed).toMatchObject({
      messageId: 'msg_1',
      alerts: [
        {
          alertKey: 's:det-7',
          severity: 4,
          category: 'ransomware',
          techniques: ['T1486'],
          occurredAt: '2026-03-02T08:00:00.000Z',
          link: 'https://siem.example.com/det-7',
          entities: {
            hosts: [
              { name: 'fin-ws-042.example.com', fqdn: 'fin-ws-042.example.com' },
              { name: 'srv1', ips: ['192.0.2.7'] },
            ],
            accounts: [
              { name: 'ann', domain: 'example' },
              { name: 'bob', upn: 'bob@example.com' },
            ],
            ips: ['203.0.113.9'],
          },
        },
      ],
    });
  });

  test('mail, cloud and processes, by name alone where that is enough', () => {
    const sha256 = 'A'.repeat(64);
    const { entities } = first('generic', {
      title: 'Odd',
      entities: {
        messages: [{ id: ' <m1@example.net> ', sender: 'a@example.net', recipients: ['b@example.com'] }],
        keys: ['AKIAEXAMPLE', { id: 'AKIATWO', principal: 'deploy' }],
        principals: ['arn:aws:iam::123456789012:role/deploy'],
        buckets: ['press-kit'],
        processes: [{ pid: 7, name: 'beacon', sha256: sha256.toLowerCase() }],
      },
    });
    expect(entities).toMatchObject({
      messages: [{ id: 'm1@example.net', sender: 'a@example.net', recipients: ['b@example.com'] }],
      keys: [{ id: 'AKIAEXAMPLE' }, { id: 'AKIATWO', principal: 'deploy' }],
      principals: [{ name: 'arn:aws:iam::123456789012:role/deploy' }],
      buckets: [{ name: 'press-kit' }],
      processes: [{ pid: 7, name: 'beacon', sha256: sha256.toLowerCase() }],
    });
    expect(first('generic', { title: 'Odd' }).entities).not.toHaveProperty('keys');
  });

  test('one alert needs a title only; the time is that of the request', () => {
    expect(first('generic', { title: 'Odd' })).toMatchObject({
      title: 'Odd',
      severity: 3,
      category: 'other',
      occurredAt: new Date(NOW).toISOString(),
    });
  });

  test('without an id, the same alert has the same key and another one has another', () => {
    const key = (body: object): string => first('generic', body).alertKey;
    expect(key({ title: 'Odd', entities: { hosts: ['A'] } })).toBe(
      key({ title: 'Odd', entities: { hosts: ['a'] } }),
    );
    expect(key({ title: 'Odd', entities: { hosts: ['a'] } })).not.toBe(
      key({ title: 'Odd', entities: { hosts: ['b'] } }),
    );
  });

  test.each([
    [{ title: 5 }, 'title'],
    [{}, 'title'],
    [{ title: 'x', severity: 'grave' }, 'severity'],
    [{ title: 'x', severity: 6 }, 'severity'],
    [{ title: 'x', entities: { ips: ['300.1.1.1'] } }, 'entities.ips.0'],
    [{ title: 'x', occurredAt: 'yesterday' }, 'occurredAt'],
    [{ alerts: [{ title: 'x' }, { title: null }] }, 'alerts.1.title'],
    [{ alerts: {} }, 'alerts'],
    ['text', ''],
    [null, ''],
  ])('%j is refused at %p', (body, field) => {
    expect(refusedFields('generic', body)).toEqual([field]);
  });

  test('oversize text is shortened, and a long id keeps its identity', () => {
    const long = 'x'.repeat(20_000);
    const alert = first('generic', { id: long, title: long, description: long, entities: { hosts: [long] } });
    expect(alert.title).toHaveLength(1000);
    expect(alert.description).toHaveLength(10_000);
    expect(alert.entities.hosts[0]?.name).toHaveLength(255);
    expect(alert.alertKey).not.toBe(first('generic', { id: `${long}y`, title: 'x' }).alertKey);
  });

  test('hostile text stays text; what SQL cannot keep is replaced; a link that runs code is dropped', () => {
    const title = `'; DROP TABLE alerts; -- <script>{{7*7}}</script> $(id)`;
    expect(first('generic', { title }).title).toBe(title);
    expect(first('generic', { title: 'a\u0000b\uD800c' }).title).toBe('a\uFFFDb\uFFFDc');
    expect(first('generic', { title: 'x', link: 'javascript:alert(1)' }).link).toBeUndefined();
  });
});

describe('wazuh', () => {
  test('an alert of file integrity names agent, account, addresses, file and techniques', () => {
    expect(first('wazuh', fixture('wazuh-syscheck'))).toMatchObject({
      alertKey: 's:wazuh-manager/1772439330.42',
      product: 'Wazuh',
      title: 'Many files were renamed',
      severity: 4,
      category: 'ransomware',
      techniques: ['T1486'],
      occurredAt: '2026-03-02T08:15:30.123Z',
      rule: { id: '100201' },
      entities: {
        hosts: [
          { name: 'fin-ws-042.example.com', fqdn: 'fin-ws-042.example.com', ips: ['192.168.7.42'] },
          { name: '192.168.7.50', ips: ['192.168.7.50'] },
        ],
        accounts: [
          { name: 'ann', domain: 'example' },
          { name: 'bob', upn: 'bob@example.com' },
        ],
        ips: ['203.0.113.9'],
        files: [{ path: 'C:/data/plan.locked', sha256: 'a'.repeat(64) }],
      },
    });
  });

  const minimal = { timestamp: '2026-03-02T08:00:00+0000', rule: { id: 5710, level: 5 } };
  const cases: [string, object, object][] = [
    [
      'an address of the agent is not a second host',
      { agent: { name: 'a', ip: '10.0.0.4' }, data: { srcip: '10.0.0.4' } },
      { hosts: [{ name: 'a', ips: ['10.0.0.4'] }], ips: [] },
    ],
    [
      'a loopback address is nobody',
      { agent: { name: 'a', ip: '127.0.0.1' }, data: { srcip: '::1' } },
      { hosts: [{ name: 'a' }], ips: [] },
    ],
    ['the agent address `any` is none', { agent: { name: 'a', ip: 'any' } }, { hosts: [{ name: 'a' }] }],
    [
      'Windows event data',
      {
        data: {
          win: {
            eventdata: {
              targetUserName: 'Ann',
              targetDomainName: 'EXAMPLE',
              ipAddress: '198.51.100.4',
              image: 'C:\\t.exe',
              hashes: `SHA1=0,SHA256=${'C'.repeat(64)}`,
            },
          },
        },
      },
      {
        accounts: [{ name: 'ann', domain: 'example' }],
        ips: ['198.51.100.4'],
        files: [{ path: 'C:\\t.exe', sha256: 'c'.repeat(64) }],
      },
    ],
    [
      'a decoder that filled data with something else',
      { data: { srcip: { a: 1 }, dstuser: 4, win: 'x' } },
      { hosts: [], accounts: [], ips: [] },
    ],
  ];
  test.each(cases)('%s', (_name, extra, entities) => {
    expect(first('wazuh', { ...minimal, ...extra }).entities).toMatchObject(entities);
  });

  test('the networks that are ours are configured', () => {
    const body = { ...minimal, data: { srcip: '192.0.2.4' } };
    expect(first('wazuh', body).entities).toMatchObject({ hosts: [], ips: ['192.0.2.4'] });
    expect(first('wazuh', body, { homeNetworks: ['192.0.2.0/24'] }).entities).toMatchObject({
      hosts: [{ name: '192.0.2.4' }],
      ips: [],
    });
  });

  test.each([
    [{ ...minimal, rule: { id: 1, level: 'high' } }, 'rule.level'],
    [{ ...minimal, timestamp: 'x' }, 'timestamp'],
    [{ ...minimal, agent: { name: 7 } }, 'agent.name'],
    [{ timestamp: minimal.timestamp }, 'rule'],
  ])('%j is refused at %p', (body, field) => {
    expect(refusedFields('wazuh', body)).toEqual([field]);
  });

  test('without an id, the key is stable and tells agents apart', () => {
    const key = (id: string): string => first('wazuh', { ...minimal, agent: { id, name: 'a' } }).alertKey;
    expect(key('001')).toBe(key('001'));
    expect(key('001')).not.toBe(key('002'));
  });
});

describe('suricata', () => {
  const events = fixture<object[]>('suricata');
  test('an alert of two events: hosts are ours, addresses outside are not, and a flow is no alert', () => {
    const { alerts } = parse('suricata', events);
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toMatchObject({
      title: 'TEST beacon to a control server',
      severity: 4,
      category: 'command_and_control',
      techniques: ['T1071.001'],
      occurredAt: '2026-03-02T07:15:30.654Z',
      rule: { id: '9000001' },
      entities: {
        hosts: [{ name: '10.20.0.7', ips: ['10.20.0.7'] }],
        ips: ['2001:db8::1'],
        domains: ['c2.example.com'],
        urls: ['http://C2.example.com/gate?x=<script>'],
        files: [{ name: '/gate', sha256: 'b'.repeat(64) }],
      },
    });
  });

  test('object, array and lines give the same alert', () => {
    const expected = parse('suricata', events);
    expect(parse('suricata', events[0])).toEqual(expected);
    expect(parse('suricata', `${events.map((one) => JSON.stringify(one)).join('\n')}\n`)).toEqual(expected);
  });

  test('another flow is another alert', () => {
    expect(first('suricata', { ...events[0], flow_id: 1 }).alertKey).not.toBe(
      first('suricata', events[0]).alertKey,
    );
  });

  test.each([
    [{ ...events[0], alert: { signature_id: 'x' } }, 'alert.signature_id'],
    [[events[1], { ...events[0], src_ip: 4 }], '1.src_ip'],
    [`${JSON.stringify(events[1])}\n{`, '1'],
    [{}, 'event_type'],
    [5, ''],
  ])('%j is refused at %p', (body, field) => {
    expect(refusedFields('suricata', body)).toEqual([field]);
  });
});

describe('alertmanager', () => {
  test('one delivery holds what fires and what is over', () => {
    expect(parse('alertmanager', fixture('alertmanager')).alerts).toMatchObject([
      {
        alertKey: 's:0123456789abcdef@2026-03-02T08:00:00.000Z',
        title: 'No backup for two days',
        severity: 5,
        category: 'availability',
        resolved: false,
        link: 'http://prometheus.example.com/graph?g0.expr=up',
        entities: { hosts: [{ name: 'srv1.example.com', fqdn: 'srv1.example.com' }] },
      },
      {
        alertKey: 's:fedcba9876543210@2026-03-02T07:00:00.000Z',
        title: 'BackupMissing',
        severity: 3,
        resolved: true,
        link: undefined,
        entities: { hosts: [{ name: '2001:db8::5', ips: ['2001:db8::5'] }] },
      },
    ]);
  });

  const firing = { status: 'firing', startsAt: '2026-03-02T08:00:00Z', fingerprint: 'f', annotations: {} };
  const one = (extra: object) => first('alertmanager', { alerts: [{ ...firing, labels: {}, ...extra }] });
  test('the end of a firing has its key; a later firing has another', () => {
    expect(one({ status: 'resolved', endsAt: '2026-03-02T09:00:00Z' }).alertKey).toBe(one({}).alertKey);
    expect(one({ startsAt: '2026-04-02T08:00:00Z' }).alertKey).not.toBe(one({}).alertKey);
  });

  test.each([
    ['srv1:9100', 'srv1'],
    ['https://web.example.com:8443/health', 'web.example.com'],
    ['srv1', 'srv1'],
    ['192.0.2.8:9100', '192.0.2.8'],
  ])('the target %s is the host %s', (instance, name) => {
    expect(one({ labels: { instance } }).entities.hosts[0]?.name).toBe(name);
  });

  test.each([
    [{ alerts: [{ ...firing, status: 'maybe' }] }, 'alerts.0.status'],
    [{ alerts: [{ ...firing, labels: { a: 1 } }] }, 'alerts.0.labels.a'],
    [{}, 'alerts'],
  ])('%j is refused at %p', (body, field) => {
    expect(refusedFields('alertmanager', body)).toEqual([field]);
  });
});

describe('severities', () => {
  test.each([
    [0, 1],
    [3, 1],
    [4, 2],
    [6, 2],
    [7, 3],
    [11, 3],
    [12, 4],
    [14, 4],
    [15, 5],
    [16, 5],
  ])('Wazuh level %i is %i', (level, severity) => expect(severityFromWazuhLevel(level)).toBe(severity));
  test.each([
    [1, 4],
    [2, 3],
    [3, 2],
    [4, 1],
    [0, 4],
    [255, 1],
  ])('Suricata %i is %i', (given, severity) => expect(severityFromSuricata(given)).toBe(severity));
  test.each([
    ['Critical', 5],
    [' HIGH ', 4],
    ['warning', 3],
    ['low', 2],
    ['info', 1],
    ['grave', undefined],
  ])('%p is %p', (word, severity) => expect(severityFromWord(word)).toBe(severity));
});

describe('whatever comes', () => {
  /** Fixtures with one value somewhere replaced by anything: gets deeper than arbitrary JSON does. */
  function replaceAt(value: unknown, path: number[], put: unknown): unknown {
    const [step, ...rest] = path;
    if (step === undefined || typeof value !== 'object' || value === null) return put;
    const keys = Object.keys(value);
    const key = keys[step % keys.length];
    if (key === undefined) return put;
    const inner = replaceAt((value as Record<string, unknown>)[key], rest, put);
    return Array.isArray(value)
      ? value.map((one: unknown, index) => (String(index) === key ? inner : one))
      : { ...value, [key]: inner };
  }
  const bodies = fc.oneof(
    fc.jsonValue(),
    fc
      .tuple(
        fc.constantFrom('generic', 'wazuh-syscheck', 'suricata', 'alertmanager'),
        fc.array(fc.nat(20), { maxLength: 5 }),
        fc.oneof(
          fc.jsonValue(),
          fc.string({ unit: 'binary' }),
          fc.constantFrom('x'.repeat(30_000), '-', ' ', '\u0000', '\uD800', '.', '@', '\\'),
        ),
      )
      .map(([name, path, put]) => replaceAt(fixture(name), path, put)),
  );
  test.each([...SOURCES.keys()])('%s gives valid alerts or a ZodError', (use) => {
    let accepted = 0;
    fc.assert(
      fc.property(bodies, (body) => {
        try {
          for (const alert of parse(use, body).alerts) {
            accepted += 1;
            expect(Alert.parse(alert)).toEqual(alert);
            expect(JSON.stringify(alert)).not.toMatch(/\\u0000|\\ud[89a-f]/i);
          }
        } catch (error) {
          if (!(error instanceof z.ZodError)) throw error;
          // Refused by the schema of what the vendor sent, never by what we made of it.
          const ours = ['alertKey', 'product', 'occurredAt', 'category', 'entities'];
          if (use !== 'generic') for (const issue of error.issues) expect(ours).not.toContain(issue.path[0]);
        }
      }),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(10);
  });
});
