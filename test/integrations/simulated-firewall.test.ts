import { Secret } from '../../contracts/secret';
import { startFakeFirewall } from '../../integrations/simulated-firewall/fake';
import firewall from '../../integrations/simulated-firewall';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { writeFaults } from '../support/http-faults';
import { effectCase, jobCase } from '../support/simulated-product';

const IP = '203.0.113.9';
const host = { name: 'web-01' };
const current = { bitsPerSecond: 9e8, packetsPerSecond: 1e6, requestsPerSecond: 90_000 };
const floods = {
  'web-01': { attack: 'application' as const, current, sources: [IP] },
  'web-02': { attack: 'volumetric' as const, current, sources: [IP] },
};

async function setup() {
  const fake = await startFakeFirewall({ seed: structuredClone({ segments: { 'web-01': 'dmz' }, floods }) });
  const config = firewall.config.parse({ url: fake.url, timeoutMs: 300 });
  return { fake, connection: firewall.connect(config, fakeConnectTools()) };
}

type World = Awaited<ReturnType<typeof setup>>;

contractSuite<World>({
  integration: firewall,
  setup,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'network.block_ip': {
      listed: true,
      input: () => ({ ip: IP }),
      inForce: ({ fake }) => fake.state().blocked[IP] !== undefined,
      check: (output, { fake }) =>
        expect(output).toEqual({ ip: IP, token: fake.state().blocked[IP]?.ruleId }),
      faults: writeFaults(['PUT']),
    },
    'network.block_domain': effectCase('network.block_domain', { domain: 'C2.example.net' }),
    'network.block_url': effectCase('network.block_url', { url: 'https://c2.example.net/a?b=c' }),
    'network.segment_host': effectCase(
      'network.segment_host',
      { host },
      {
        check: (output, { fake }) => {
          expect(output).toMatchObject({ host, from: 'dmz' });
          expect(fake.state().segments['web-01']).toBe('quarantine');
        },
      },
    ),
    'network.rate_limit': effectCase('network.rate_limit', { host, perSecond: 50 }),
    'network.redirect_traffic': effectCase(
      'network.redirect_traffic',
      { host },
      {
        check: ({ through }) => expect(through).toBe('scrubbing-1'),
      },
    ),
    'network.measure_traffic': jobCase({ host }, (output) =>
      expect(output).toMatchObject({ host, attack: 'application', sources: ['203.0.113.9'] }),
    ),
  },
});

describe('simulated firewall', () => {
  let world: World;
  beforeEach(async () => {
    world = await setup();
  });
  afterEach(async () => {
    await world.connection.close();
    await world.fake.stop();
  });

  test('an undo does not lift the block of somebody else', async () => {
    const { fake, connection } = world;
    await connection.handlers['network.block_ip']!.act({ ip: IP }, fakeCallContext(), undefined);
    const undo = connection.handlers['network.unblock_ip']!;
    await expect(
      undo.act({ ip: IP, token: 'rule-of-last-week' }, fakeCallContext(), undefined),
    ).rejects.toMatchObject({ type: 'rejected' });
    expect(fake.state().blocked[IP]).toBeDefined();
  });

  test('the fake counts what it applied apart from what it was asked', async () => {
    const { fake, connection } = world;
    const block = connection.handlers['network.block_ip']!;
    fake.faults.add({ mode: 'lost_reply', methods: ['PUT'], times: 1 });
    await expect(block.act({ ip: IP }, fakeCallContext(), undefined)).rejects.toMatchObject({
      maybeApplied: true,
    });
    await block.act({ ip: IP }, fakeCallContext(), undefined);
    expect(fake.ledger()).toEqual({
      applied: { [`block ${IP}`]: 1 },
      requests: { [`block ${IP}`]: 2 },
    });
  });

  test('a limit of requests ends a flood of requests only; scrubbing ends any, and both come back when they are lifted', async () => {
    const { handlers } = world.connection;
    const attack = async (name: string): Promise<unknown> => {
      const measured = await handlers['network.measure_traffic']!.act(
        { host: { name } },
        fakeCallContext(),
        undefined,
      );
      return measured.status === 'done' ? measured.output.attack : measured;
    };
    for (const name of ['web-01', 'web-02'])
      await handlers['network.rate_limit']!.act(
        { host: { name }, perSecond: 50 },
        fakeCallContext(),
        undefined,
      );
    expect([await attack('web-01'), await attack('web-02')]).toEqual(['none', 'volumetric']);
    await handlers['network.redirect_traffic']!.act(
      { host: { name: 'web-02' } },
      fakeCallContext(),
      undefined,
    );
    expect(await attack('web-02')).toBe('none');
    const lift = handlers['network.lift_rate_limit']!;
    await lift.act({ host, perSecond: 50 }, fakeCallContext(), undefined);
    expect(await attack('web-01')).toBe('application');
  });

  test('a host goes back to the segment that it came from', async () => {
    const { fake, connection } = world;
    await connection.handlers['network.segment_host']!.act({ host }, fakeCallContext(), undefined);
    await connection.handlers['network.unsegment_host']!.act({ host }, fakeCallContext(), undefined);
    expect(fake.state().segments['web-01']).toBe('dmz');
  });

  test('a wrong token is refused', async () => {
    const config = firewall.config.parse({ url: world.fake.url, token: new Secret('wrong') });
    const connection = firewall.connect(config, fakeConnectTools());
    await expect(connection.check(AbortSignal.timeout(5_000))).rejects.toMatchObject({ type: 'auth' });
    await connection.close();
  });
});
