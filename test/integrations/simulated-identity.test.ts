import { newUser, startFakeIdentity } from '../../integrations/simulated-identity/fake';
import identity from '../../integrations/simulated-identity';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { writeFaults } from '../support/http-faults';

const account = { name: 'a.meyer' };

async function setup() {
  const users = [newUser('a.meyer', 3), newUser('twin'), newUser('twin')];
  const fake = await startFakeIdentity({ seed: { users } });
  const config = identity.config.parse({ url: fake.url, timeoutMs: 300 });
  return { fake, connection: identity.connect(config, fakeConnectTools()) };
}
type World = Awaited<ReturnType<typeof setup>>;

const stored = ({ fake }: World) => fake.state().users[0]!;

contractSuite<World>({
  integration: identity,
  setup,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'identity.disable_account': {
      listed: true,
      input: () => ({ account }),
      inForce: (world) => !stored(world).enabled,
      check: (output, world) => expect(output).toEqual({ account, token: stored(world).lock_id }),
      faults: writeFaults(['POST']),
    },
    'identity.revoke_sessions': {
      input: () => ({ account }),
      check: (output, world) => {
        expect(output.revoked).toBe(3);
        expect(stored(world).sessions).toBe(0);
      },
      faults: writeFaults(['POST']),
    },
  },
});

describe('simulated identity provider', () => {
  let world: World;
  beforeEach(async () => {
    world = await setup();
  });
  afterEach(async () => {
    await world.connection.close();
    await world.fake.stop();
  });
  const act = (name: string) =>
    world.connection.handlers['identity.disable_account']!.act(
      { account: { name } },
      fakeCallContext(),
      undefined,
    );

  test('an unknown account is not found, an ambiguous one is rejected, and neither is touched', async () => {
    await expect(act('nobody')).rejects.toMatchObject({ type: 'not_found', maybeApplied: false });
    await expect(act('twin')).rejects.toMatchObject({ type: 'rejected', maybeApplied: false });
    expect(world.fake.state().users.every(({ enabled }) => enabled)).toBe(true);
  });

  test('the undo of an older disablement leaves a newer one in force', async () => {
    await act('a.meyer');
    const enable = world.connection.handlers['identity.enable_account']!;
    await expect(
      enable.act({ account, token: 'lock-of-last-week' }, fakeCallContext(), undefined),
    ).rejects.toMatchObject({ type: 'rejected' });
    expect(stored(world).enabled).toBe(false);
  });

  test('the fake can enrol whoever is asked for', async () => {
    world.fake.state().enrolUnknown = true;
    await act('somebody.new');
    expect(world.fake.state().users.find(({ login }) => login === 'somebody.new')?.enabled).toBe(false);
  });
});
