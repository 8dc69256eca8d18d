import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alert } from '../../contracts/alert';
import { Secret } from '../../contracts/secret';
import type { JsonObject } from '../../contracts/values';
import crowdsec from '../../integrations/crowdsec';
import { CrowdsecClient } from '../../integrations/crowdsec/client';
import { startFakeLapi, type FakeAlert } from '../../integrations/crowdsec/fake';
import { Poller } from '../../integrations/crowdsec/poll';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { CROWDSEC_MACHINE, NO_CROWDSEC, startCrowdsec } from '../support/crowdsec';

const context = fakeCallContext();
const MINUTE = 60_000;

/** A poller on a stand-in, with a clock that the test moves. */
const setup = async (over: object = {}) => {
  const fake = await startFakeLapi(CROWDSEC_MACHINE, 'machine-pw');
  const config = crowdsec.config.parse({
    url: fake.url,
    machineId: CROWDSEC_MACHINE,
    password: new Secret('machine-pw'),
    ...over,
  });
  const warnings: object[] = [];
  const clock = { now: Date.now() };
  const client = new CrowdsecClient(config);
  const log = { info: () => undefined, warn: (data: object) => void warnings.push(data) };
  const poller = new Poller(client, config, { connectionId: 'crowdsec', log }, () => clock.now);
  let cursor: JsonObject | null = null;
  /** One round; the cursor is kept as SQL would keep it. */
  const poll = async (keep = true) => {
    const polled = await poller.poll(cursor, AbortSignal.timeout(20_000));
    if (keep) cursor = JSON.parse(JSON.stringify(polled.cursor)) as JsonObject;
    return polled.alerts.map(({ alert }) => alert);
  };
  const titles = async (keep = true) => (await poll(keep)).map(({ title }) => title);
  const add = (over: Partial<FakeAlert> = {}, minutesAgo = 1): FakeAlert => {
    const state = fake.state();
    const id = over.id ?? state.nextAlert;
    if (typeof id === 'number') state.nextAlert = Math.max(state.nextAlert, id + 1);
    const at = new Date(clock.now - minutesAgo * MINUTE).toISOString();
    const alert: FakeAlert = {
      id,
      machine_id: 'detector',
      created_at: at,
      scenario: 'crowdsecurity/ssh-bf',
      source: { scope: 'Ip', value: `203.0.113.${String(id % 250)}` },
      decisions: [],
      rest: { message: 'six failed log-ins', start_at: at, stop_at: at, simulated: false, events: [] },
      ...over,
    };
    state.alerts.push(alert);
    return alert;
  };
  const decision = (origin: string) => ({
    ...{ id: fake.state().nextDecision++, origin, type: 'ban', scope: 'Ip', value: '203.0.113.7' },
    ...{ scenario: 'x', untilMs: Date.now() + 3_600_000 },
  });
  const stop = async () => {
    await client.close();
    await fake.stop();
  };
  return { fake, warnings, clock, poll, titles, add, decision, stop, config };
};
type World = Awaited<ReturnType<typeof setup>>;

const by = (n: number) => `crowdsecurity/ssh-bf by 203.0.113.${String(n)}`;

describe('alerts of CrowdSec, a stand-in', () => {
  let world: World;
  beforeEach(async () => {
    world = await setup();
  });
  afterEach(() => world.stop());

  test('each alert is read once, also by a process that starts again with the stored cursor', async () => {
    world.add();
    world.add();
    expect(await world.titles()).toEqual([by(1), by(2)]);
    expect(await world.titles()).toEqual([]);
    world.add();
    expect(await world.titles()).toEqual([by(3)]);
  });

  test('what was not stored is read again, as the same alerts', async () => {
    await world.poll();
    world.add();
    const lost = await world.poll(false);
    expect((await world.poll()).map(({ alertKey }) => alertKey)).toEqual(
      lost.map(({ alertKey }) => alertKey),
    );
    expect(await world.titles()).toEqual([]);
  });

  test('the first round takes the last hour and nothing older', async () => {
    world.add({}, 61);
    world.add({}, 59);
    expect(await world.titles()).toEqual([by(2)]);
    expect(await world.titles()).toEqual([]);
  });

  test('our own bans, manual decisions, blocklists and simulated scenarios are no news', async () => {
    const { add, decision } = world;
    add({ machine_id: CROWDSEC_MACHINE, scenario: 'cordon/INC-2026-000042', decisions: [decision('cscli')] });
    add({ machine_id: CROWDSEC_MACHINE, scenario: 'cordon/INC-2026-000043' });
    add({ decisions: [decision('cscli')] });
    add({ source: { scope: 'crowdsecurity/community-blocklist', value: '' } });
    add({ source: { scope: 'lists:example', value: '' } });
    const trial = add();
    trial.rest = { ...trial.rest, simulated: true };
    expect(await world.titles()).toEqual([]);
    add({ decisions: [decision('crowdsec')] });
    expect(await world.titles()).toEqual([by(7)]);
  });

  test('an alert without an id is told of, and one that is broken elsewhere is taken as far as it goes', async () => {
    world.add({ id: 'seven' as never });
    world.add({ source: 'nowhere' as never });
    world.add({ created_at: 'yesterday', rest: { start_at: 12 } });
    world.add();
    await world.poll();
    world.add({ source: 'nowhere' as never });
    const last = world.add();
    expect(await world.titles()).toEqual(['crowdsecurity/ssh-bf by an unknown source', by(last.id)]);
    expect(world.warnings.length).toBeGreaterThan(0);
  });

  test('an alert that is committed late is taken, and looked for no longer than ten minutes', async () => {
    world.add();
    await world.poll();
    world.add({ id: 3 });
    expect(await world.titles()).toEqual([by(3)]);
    world.add({ id: 2 });
    expect(await world.titles()).toEqual([by(2)]);
    expect(await world.titles()).toEqual([]);
    world.add({ id: 6 });
    expect(await world.titles()).toEqual([by(6)]);
    world.clock.now += 11 * MINUTE;
    await world.poll();
    world.add({ id: 5 }, 12);
    expect(await world.titles()).toEqual([]);
  });

  test('more alerts than a list holds are taken one by one, in rounds, none twice', async () => {
    world.add();
    await world.poll();
    for (let n = 0; n < 700; n++) world.add();
    const first = await world.poll();
    const second = await world.poll();
    expect([first.length, second.length]).toEqual([500, 200]);
    expect(new Set([...first, ...second].map(({ alertKey }) => alertKey)).size).toBe(700);
    expect(await world.titles()).toEqual([]);
  });

  test('after the database was replaced the numbering begins again, and nothing is lost', async () => {
    for (let n = 0; n < 5; n++) world.add({}, 30);
    await world.poll();
    world.fake.state().alerts = [];
    world.add({ id: 1 }, 20);
    world.add({ id: 2 }, 10);
    expect(await world.titles()).toEqual([by(1), by(2)]);
    world.add({ id: 3 });
    expect(await world.titles()).toEqual([by(3)]);
  });

  test('a failing product fails the round and leaves the cursor', async () => {
    world.add();
    world.fake.faults.add({ mode: 'error', path: /alerts/, times: 1 });
    await expect(world.poll()).rejects.toMatchObject({ type: 'unavailable' });
    expect(await world.titles()).toEqual([by(1)]);
  });
});

describe('a CrowdSec alert as Cordon sees it', () => {
  const events = [
    {
      meta: [
        { key: 'machine', value: 'Web-01' },
        { key: 'target_user', value: 'root' },
      ],
    },
  ];
  const seen = async (alert: Partial<FakeAlert> & { events?: object }, over: object = {}) => {
    const world = await setup(over);
    try {
      const added = world.add(alert);
      added.rest = { ...added.rest, events: alert.events ?? [] };
      return (await world.poll())[0]!;
    } finally {
      await world.stop();
    }
  };

  test('names the attacker and the machine that saw it, and never the accounts that were tried', async () => {
    const alert = await seen({ events, source: { scope: 'Ip', value: '203.0.113.9' } });
    expect(Alert.parse(alert)).toEqual(alert);
    expect(alert.entities).toEqual({
      ...{ hosts: [{ name: 'web-01' }], ips: ['203.0.113.9'] },
      ...{ accounts: [], files: [], domains: [], urls: [] },
    });
    expect(alert).toMatchObject({
      source: 'crowdsec',
      product: 'CrowdSec',
      severity: 3,
      category: 'credential_attack',
      techniques: ['T1110'],
      rule: { id: 'crowdsecurity/ssh-bf' },
      description: 'six failed log-ins',
    });
  });

  test('an attacker from a network of ours is a host', async () => {
    const alert = await seen({ source: { scope: 'Ip', value: '10.1.2.3' } });
    expect(alert.entities).toMatchObject({ hosts: [{ name: '10.1.2.3', ips: ['10.1.2.3'] }], ips: [] });
  });

  test('an IPv6 attacker has one spelling; a range or a user is no address', async () => {
    const six = await seen({ source: { scope: 'Ip', value: '2001:DB8:0:0::1' } });
    expect(six.entities.ips).toEqual(['2001:db8::1']);
    for (const source of [
      { scope: 'Range', value: '203.0.113.0/24' },
      { scope: 'username', value: 'root' },
    ])
      expect((await seen({ source })).entities).toMatchObject({ hosts: [], ips: [], accounts: [] });
  });

  test.each([
    ['crowdsecurity/ssh-bf_user-enum', 'credential_attack'],
    ['crowdsecurity/http-generic-bf', 'credential_attack'],
    ['crowdsecurity/CVE-2022-41082', 'web_attack'],
    ['crowdsecurity/apache_log4j2_cve-2021-44228', 'web_attack'],
    ['crowdsecurity/iptables-scan-multi_ports', 'other'],
    ['crowdsecurity/http-bad-user-agent', 'web_attack'],
    ['somebody/else', 'other'],
  ])('the scenario %s is %s', async (scenario, category) => {
    expect((await seen({ scenario })).category).toBe(category);
  });

  test('a scenario has the severity that the configuration gives it', async () => {
    const over = { severities: { 'crowdsecurity/ssh-bf': 5 } };
    expect((await seen({}, over)).severity).toBe(5);
  });
});

const withCrowdsec = NO_CROWDSEC === undefined ? describe : describe.skip;
withCrowdsec(`alerts of CrowdSec${NO_CROWDSEC === undefined ? '' : ` (skipped: ${NO_CROWDSEC})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-sshd-log-'));
  const log = join(folder, 'auth.log');
  writeFileSync(log, '');
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Failed log-ins as syslog writes them. */
  const attack = (ip: string): void => {
    const [, day = '', month = '', , time = ''] = new Date().toUTCString().split(' ');
    const at = `${month} ${day} ${time}`;
    const lines = Array.from(
      { length: 8 },
      (_, n) =>
        `${at} web-01 sshd[${String(n + 100)}]: Failed password for root from ${ip} port ${String(4000 + n)} ssh2\n`,
    );
    appendFileSync(log, lines.join(''));
  };

  test('failed log-ins become one alert; banning the attacker makes no news; a restart loses and doubles nothing', async () => {
    const product = await startCrowdsec({ logs: [log], remediate: '4h' });
    const config = crowdsec.config.parse({
      url: product.url,
      machineId: CROWDSEC_MACHINE,
      password: new Secret(product.password),
    });
    const connection = crowdsec.connect(config, fakeConnectTools({ connectionId: 'crowdsec' }));
    let cursor: JsonObject | null = null;
    const poll = async () => {
      const polled = await connection.poll!(cursor, AbortSignal.timeout(20_000));
      ({ cursor } = polled);
      return polled.alerts.map(({ alert }) => alert);
    };
    /** The attacker goes on until it is seen: the detector begins to read its log some time after the API answers. */
    const attackUntilNews = async (ip: string) => {
      for (let round = 0; round < 300; round++) {
        if (round % 10 === 0) attack(ip);
        const alerts = await poll();
        if (alerts.length > 0) return alerts;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error('no alert came');
    };
    try {
      expect(await poll()).toEqual([]);
      const [alert, second] = await attackUntilNews('203.0.113.66');
      expect(second).toBeUndefined();
      expect(alert).toMatchObject({
        title: 'crowdsecurity/ssh-bf by 203.0.113.66',
        category: 'credential_attack',
        entities: { ips: ['203.0.113.66'], hosts: [{ name: 'web-01' }], accounts: [] },
      });
      const block = connection.handlers['network.block_ip']!;
      // CrowdSec's own four hours are no containment of ours.
      expect((await block.probe!({ ip: '203.0.113.66' }, context)).inForce).toBe(false);
      await block.act({ ip: '203.0.113.66' }, context, undefined);
      expect((await product.decisions('203.0.113.66')).map(({ origin }) => origin).sort()).toEqual([
        'crowdsec',
        'cscli',
      ]);
      expect(await poll()).toEqual([]);
      await product.stop();
      await expect(poll()).rejects.toMatchObject({ type: 'unavailable' });
      await product.start();
      expect(await poll()).toEqual([]);
      expect((await attackUntilNews('203.0.113.67')).map(({ title }) => title)).toEqual([
        'crowdsecurity/ssh-bf by 203.0.113.67',
      ]);
    } finally {
      await connection.close();
      await product.remove();
    }
  }, 60_000);
});
