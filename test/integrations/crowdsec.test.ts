import { CordonError } from '../../contracts/errors';
import { Secret } from '../../contracts/secret';
import crowdsec from '../../integrations/crowdsec';
import { remainingMs } from '../../integrations/crowdsec/client';
import { startFakeLapi, type FakeAlert } from '../../integrations/crowdsec/fake';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { CROWDSEC_MACHINE, NO_CROWDSEC, startCrowdsec, type Crowdsec } from '../support/crowdsec';
import { writeFaults } from '../support/http-faults';

const IP = '203.0.113.9';
const context = fakeCallContext();
const connect = (url: string, password: string, over: object = {}) =>
  crowdsec.connect(
    crowdsec.config.parse({ url, machineId: CROWDSEC_MACHINE, password: new Secret(password), ...over }),
    fakeConnectTools({ connectionId: 'crowdsec' }),
  );

const setupFake = async () => {
  const fake = await startFakeLapi(CROWDSEC_MACHINE, 'machine-pw');
  return { fake, connection: connect(fake.url, 'machine-pw', { timeoutMs: 300 }) };
};
type FakeWorld = Awaited<ReturnType<typeof setupFake>>;

contractSuite<FakeWorld>({
  integration: { ...crowdsec, id: 'crowdsec, a stand-in,' },
  setup: setupFake,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'network.block_ip': {
      listed: true,
      input: () => ({ ip: IP }),
      inForce: ({ fake }) =>
        fake
          .state()
          .alerts.some(({ decisions }) =>
            decisions.some(({ value, untilMs }) => value === IP && untilMs > Date.now()),
          ),
      check: (output) => expect(output).toEqual({ ip: IP, token: '1' }),
      // The log-in is a POST too: it is done before, so that the fault hits the ban.
      faults: writeFaults<FakeWorld>(['POST']).map((fault) => ({
        ...fault,
        arrange: async (world: FakeWorld) => {
          await world.connection.check(AbortSignal.timeout(5_000));
          await fault.arrange(world);
        },
      })),
    },
  },
});

describe('CrowdSec, a stand-in', () => {
  let world: FakeWorld;
  beforeEach(async () => {
    world = await setupFake();
  });
  afterEach(async () => {
    await world.connection.close();
    await world.fake.stop();
  });
  const block = (ip = IP) => world.connection.handlers['network.block_ip']!.act({ ip }, context, undefined);
  const errorOf = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error as CordonError,
    );

  test('an address on an allowlist is rejected and not banned', async () => {
    world.fake.state().allowlist = [IP];
    await expect(block()).rejects.toMatchObject({ type: 'rejected', maybeApplied: false });
    expect(world.fake.ledger().applied).toEqual({});
  });

  test('a version without allowlists is used as it is', async () => {
    world.fake.state().allowlist = null;
    await expect(block()).resolves.toMatchObject({ status: 'done' });
  });

  test('a token that is refused is renewed once, for as many calls as wait', async () => {
    await world.connection.check(AbortSignal.timeout(5_000));
    world.fake.state().tokens = {};
    await Promise.all([IP, '203.0.113.10', '203.0.113.11'].map((ip) => block(ip)));
    expect(Object.keys(world.fake.state().tokens)).toHaveLength(1);
    expect(Object.values(world.fake.ledger().applied)).toEqual([1, 1, 1]);
  });

  test('an account that is refused is auth, and is not tried again and again', async () => {
    world.fake.state().machines = {};
    const error = await errorOf(block());
    expect([error?.type, error?.maybeApplied]).toEqual(['auth', false]);
    expect(String(error?.message)).not.toContain('machine-pw');
  });

  test('a renewed token does not let a fenced attempt through', async () => {
    await world.connection.check(AbortSignal.timeout(5_000));
    let calls = 0;
    const fence = () => {
      calls += 1;
      if (calls === 1) {
        world.fake.state().tokens = {};
        return Promise.resolve();
      }
      return Promise.reject(new CordonError('fenced', 'a newer attempt has taken over'));
    };
    const handler = world.connection.handlers['network.block_ip']!;
    await expect(handler.act({ ip: IP }, fakeCallContext({ fence }), undefined)).rejects.toMatchObject({
      type: 'fenced',
    });
    expect(world.fake.ledger().applied).toEqual({});
  });

  test('a lost reply is found again and not banned twice', async () => {
    await world.connection.check(AbortSignal.timeout(5_000));
    world.fake.faults.add({ mode: 'lost_reply', methods: ['POST'], times: 1 });
    await expect(block()).rejects.toMatchObject({ type: 'unavailable', maybeApplied: true });
    await expect(block()).resolves.toMatchObject({ output: { token: '1' } });
    expect(world.fake.ledger().applied).toEqual({ [`ban ${IP}`]: 1 });
  });

  test.each([
    ['of a scenario in simulation', (one: FakeAlert) => void (one.decisions[0]!.simulated = true)],
    [
      'that our account made for another purpose',
      (one: FakeAlert) => void (one.decisions[0]!.scenario = 'x'),
    ],
    ['that is no ban', (one: FakeAlert) => void (one.decisions[0]!.type = 'captcha')],
    ['of another account', (one: FakeAlert) => void (one.machine_id = 'detector')],
  ])('a decision %s is not our ban', async (_which, change) => {
    await block();
    const { probe } = world.connection.handlers['network.block_ip']!;
    expect((await probe!({ ip: IP }, context)).inForce).toBe(true);
    change(world.fake.state().alerts[0]!);
    expect((await probe!({ ip: IP }, context)).inForce).toBe(false);
  });

  test('a reply that cannot be understood is no proof of anything', async () => {
    await block();
    world.fake.state().alerts[0]!.decisions[0]!.scope = 7 as never;
    const probe = world.connection.handlers['network.block_ip']!.probe!({ ip: IP }, context);
    // The stand-in's own filter compares the scope: it is asked by id.
    await expect(probe).resolves.toMatchObject({ inForce: false });
    const undo = world.connection.handlers['network.unblock_ip']!.probe!({ ip: IP, token: '1' }, context);
    await expect(undo).rejects.toMatchObject({ type: 'unexpected_reply' });
  });
});

test.each([
  ['87600h0m0s', 87_600 * 3_600_000],
  ['3h59m58s', 14_398_000],
  ['-1m0.5s', -60_500],
  ['250ms', 250],
  ['0s', 0],
])('the duration %s is %d ms', (text, ms) => {
  expect(remainingMs(text)).toBe(ms);
});

test.each(['', '4', '4d', 'h', '1h!'])('the duration %j is refused', (text) => {
  expect(() => remainingMs(text)).toThrow(CordonError);
});

const withCrowdsec = NO_CROWDSEC === undefined ? describe : describe.skip;
withCrowdsec(`CrowdSec${NO_CROWDSEC === undefined ? '' : ` (skipped: ${NO_CROWDSEC})`}`, () => {
  let lapi: Crowdsec;
  let host = 0;
  beforeAll(async () => {
    lapi = await startCrowdsec();
  }, 60_000);
  afterAll(() => lapi.remove());

  const setup = () => {
    host += 1;
    return Promise.resolve({ ip: `203.0.113.${String(host)}`, connection: connect(lapi.url, lapi.password) });
  };
  type World = Awaited<ReturnType<typeof setup>>;
  const enforced = async ({ ip }: Pick<World, 'ip'>) => (await lapi.decisions(ip)).length > 0;

  contractSuite<World>({
    integration: crowdsec,
    setup,
    teardown: () => lapi.start(),
    cases: {
      'network.block_ip': {
        listed: true,
        input: ({ ip }) => ({ ip }),
        inForce: enforced,
        check: async (_output, { ip }) => {
          const [decision, second] = await lapi.decisions(ip);
          expect(second).toBeUndefined();
          expect(decision).toMatchObject({ origin: 'cscli', scenario: 'cordon/INC-2026-000042' });
          // Ten years, seconds ago.
          expect(remainingMs(decision!.duration)).toBeGreaterThan(87_599 * 3_600_000);
        },
        faults: [
          {
            name: 'the product is down',
            arrange: () => lapi.stop(),
            type: 'unavailable',
            maybeApplied: false,
          },
        ],
      },
    },
  });

  describe('one local API', () => {
    let world: World;
    beforeEach(async () => {
      world = await setup();
    });
    afterEach(() => world.connection.close());
    const block = () => world.connection.handlers['network.block_ip']!;
    const unblock = () => world.connection.handlers['network.unblock_ip']!;

    test('the ban of somebody else is not ours: it neither counts as our containment nor ends with it', async () => {
      const { ip } = world;
      await lapi.admin('decisions', 'add', '--ip', ip, '--duration', '4h', '--reason', 'by hand');
      expect((await block().probe!({ ip }, context)).inForce).toBe(false);
      const acted = await block().act({ ip }, context, undefined);
      expect(await lapi.decisions(ip)).toHaveLength(2);
      const { token } = (acted as { output: { token?: string } }).output;
      await unblock().act({ ip, ...(token === undefined ? {} : { token }) }, context, undefined);
      expect(
        (await unblock().probe!({ ip, ...(token === undefined ? {} : { token }) }, context)).inForce,
      ).toBe(true);
      expect((await lapi.decisions(ip)).map(({ scenario }) => scenario)).toEqual(['by hand']);
    });

    test('an undo without a token lifts all bans of ours and no other', async () => {
      const { ip } = world;
      await lapi.admin('decisions', 'add', '--ip', ip, '--duration', '4h', '--reason', 'by hand');
      await block().act({ ip }, context, undefined);
      await unblock().act({ ip }, context, undefined);
      expect((await lapi.decisions(ip)).map(({ scenario }) => scenario)).toEqual(['by hand']);
    });

    test('a token that names an alert of somebody else lifts nothing', async () => {
      const { ip } = world;
      await lapi.admin('decisions', 'add', '--ip', ip, '--duration', '4h', '--reason', 'cordon/forged');
      const alerts = JSON.parse(await lapi.admin('alerts', 'list', '--ip', ip, '-o', 'json')) as {
        id: number;
      }[];
      await unblock().act({ ip, token: String(alerts[0]!.id) }, context, undefined);
      expect(await enforced(world)).toBe(true);
    });

    test('a ban that an administrator has taken away is noticed', async () => {
      const { ip } = world;
      await block().act({ ip }, context, undefined);
      await lapi.admin('decisions', 'delete', '--ip', ip);
      expect((await block().probe!({ ip }, context)).inForce).toBe(false);
    });

    test('two spellings of one IPv6 address are one ban', async () => {
      await block().act({ ip: '2001:DB8:0:0::1' }, context, undefined);
      for (const ip of ['2001:db8::1', '2001:DB8::0:1'])
        expect((await block().probe!({ ip }, context)).inForce).toBe(true);
      await unblock().act({ ip: '2001:db8::1' }, context, undefined);
      expect(await lapi.decisions('2001:db8::1')).toEqual([]);
    });

    test('after a restart of the product, which forgets all tokens, the next call logs in again', async () => {
      await block().probe!({ ip: world.ip }, context);
      await lapi.stop();
      await lapi.start();
      await block().act({ ip: world.ip }, context, undefined);
      expect(await enforced(world)).toBe(true);
    });

    test('a wrong password is auth', async () => {
      const wrong = connect(lapi.url, 'wrong');
      await expect(wrong.check(AbortSignal.timeout(5_000))).rejects.toMatchObject({ type: 'auth' });
      await wrong.close();
    });
  });
});
