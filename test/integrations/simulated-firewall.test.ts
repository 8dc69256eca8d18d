import { Secret } from '../../contracts/secret';
import { startFakeFirewall } from '../../integrations/simulated-firewall/fake';
import firewall from '../../integrations/simulated-firewall';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { writeFaults } from '../support/http-faults';

const IP = '203.0.113.9';

async function setup() {
  const fake = await startFakeFirewall();
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

  test('a wrong token is refused', async () => {
    const config = firewall.config.parse({ url: world.fake.url, token: new Secret('wrong') });
    const connection = firewall.connect(config, fakeConnectTools());
    await expect(connection.check(AbortSignal.timeout(5_000))).rejects.toMatchObject({ type: 'auth' });
    await connection.close();
  });
});
