import { newUser, startFakeIdentity } from '../../integrations/simulated-identity/fake';
import identity from '../../integrations/simulated-identity';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { writeFaults } from '../support/http-faults';
import { effectCase, jobCase } from '../support/simulated-product';

const account = { name: 'a.meyer' };
const rules = [
  { id: 'r1', name: 'Newsletters', suspicious: false, definition: { moveTo: 'Newsletters' } },
  { id: 'r2', name: '.', suspicious: true, definition: { forwardTo: ['x@mail.example.net'], delete: true } },
];
const holdings = {
  'a.meyer': {
    groups: ['Domain Admins'],
    factors: ['authenticator', 'phone of the attacker'],
    grants: ['Mail Helper'],
    rules,
  },
};

async function setup() {
  const users = [newUser('a.meyer', 3), newUser('twin'), newUser('twin')];
  const fake = await startFakeIdentity({ seed: { users, holdings } });
  const config = identity.config.parse({ url: fake.url, timeoutMs: 300 });
  return { fake, connection: identity.connect(config, fakeConnectTools()) };
}
type World = Awaited<ReturnType<typeof setup>>;

const held = ({ fake }: World) => fake.state().holdings['a.meyer']!;
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
    'identity.reset_password': jobCase({ account }, (output) => expect(output).toEqual({ account }), {
      writes: true,
    }),
    'identity.require_mfa_registration': effectCase(
      'identity.require_mfa_registration',
      { account },
      {
        listed: false,
        check: ({ removed }, world) => {
          expect(removed).toEqual(['authenticator', 'phone of the attacker']);
          expect(held(world).factors).toEqual([]);
        },
      },
    ),
    'identity.reduce_privileges': effectCase(
      'identity.reduce_privileges',
      { account },
      {
        check: ({ removed }, world) => {
          expect(removed).toEqual(['Domain Admins']);
          expect(held(world).groups).toEqual([]);
        },
      },
    ),
    'identity.revoke_oauth_grants': jobCase(
      { account },
      ({ applications }) => expect(applications).toEqual(['Mail Helper']),
      { writes: true },
    ),
    'identity.export_inbox_rules': jobCase({ account }, ({ rules: exported, evidence }) => {
      expect(exported).toEqual(rules);
      expect(evidence).toHaveLength(1);
    }),
    'identity.remove_inbox_rules': effectCase(
      'identity.remove_inbox_rules',
      { account },
      {
        check: (output, world) => {
          expect(output.rules).toEqual([rules[1]]);
          expect(held(world).rules).toEqual([rules[0]]);
        },
      },
    ),
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

  test('privileges and rules come back as they were', async () => {
    const { handlers } = world.connection;
    for (const [take, giveBack] of [
      ['identity.reduce_privileges', 'identity.restore_privileges'],
      ['identity.remove_inbox_rules', 'identity.restore_inbox_rules'],
    ] as const) {
      const taken = await handlers[take]!.act({ account }, fakeCallContext(), undefined);
      if (taken.status !== 'done') throw new Error('expected done');
      await handlers[giveBack]!.act(taken.output as never, fakeCallContext(), undefined);
    }
    expect(held(world)).toMatchObject({ groups: ['Domain Admins'], rules });
  });

  test('the fake can enrol whoever is asked for', async () => {
    world.fake.state().enrolUnknown = true;
    await act('somebody.new');
    expect(world.fake.state().users.find(({ login }) => login === 'somebody.new')?.enabled).toBe(false);
  });
});
