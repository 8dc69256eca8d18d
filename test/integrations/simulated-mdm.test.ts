import mdm from '../../integrations/simulated-mdm';
import { startFakeMdm, type FakeMdm } from '../../integrations/simulated-mdm/fake';
import { fakeCallContext } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { connected, effectCase } from '../support/simulated-product';

const host = { name: 'sales-nb-7.corp.example.com' };
const hostname = 'sales-nb-7';
type World = { fake: FakeMdm; connection: ReturnType<typeof mdm.connect> };
const setup = async (): Promise<World> => connected(mdm, await startFakeMdm({ seed: { known: [hostname] } }));

contractSuite<World>({
  integration: mdm,
  setup,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'endpoint.lock_device': effectCase('endpoint.lock_device', { host }),
    'endpoint.wipe_device': effectCase(
      'endpoint.wipe_device',
      { host },
      {
        listed: false,
        check: ({ wipedAt }) => expect(Date.parse(wipedAt)).toBeGreaterThan(Date.now() - 60_000),
      },
    ),
  },
});

describe('simulated MDM', () => {
  let world: World;
  beforeEach(async () => {
    world = await setup();
  });
  afterEach(async () => {
    await world.connection.close();
    await world.fake.stop();
  });

  test('a device that is off is wiped when it is back, once, and not before', async () => {
    const { fake, connection } = world;
    const wipe = connection.handlers['endpoint.wipe_device']!;
    fake.offline(hostname, 5 * 86_400_000);
    const first = await wipe.act({ host }, fakeCallContext(), undefined);
    const again = await wipe.act({ host }, fakeCallContext(), undefined);
    expect(first).toMatchObject({ status: 'pending' });
    expect(again).toEqual(first);
    expect((await wipe.probe!({ host }, fakeCallContext())).inForce).toBe(false);
    const token = first.status === 'pending' ? first.token : '';
    expect(await wipe.poll!(token, { host }, fakeCallContext())).toMatchObject({ status: 'pending' });

    fake.offline(hostname, 0);
    expect(await wipe.poll!(token, { host }, fakeCallContext())).toMatchObject({ status: 'done' });
    expect(fake.ledger().applied).toEqual({ [`wipe_device ${hostname}`]: 1 });
  });

  test('a lock that never reached the device is taken back at once; one that did, when the device is reached', async () => {
    const { fake, connection } = world;
    const { 'endpoint.lock_device': lock, 'endpoint.unlock_device': unlock } = connection.handlers;
    fake.offline(hostname, 86_400_000);
    await lock!.act({ host }, fakeCallContext(), undefined);
    expect(await unlock!.act({ host }, fakeCallContext(), undefined)).toMatchObject({ status: 'done' });
    expect(fake.ledger().applied).toEqual({});

    fake.offline(hostname, 0);
    await lock!.act({ host }, fakeCallContext(), undefined);
    fake.offline(hostname, 86_400_000);
    const ending = await unlock!.act({ host }, fakeCallContext(), undefined);
    expect(ending).toMatchObject({ status: 'pending' });
    expect((await unlock!.probe!({ host }, fakeCallContext())).inForce).toBe(false);
    fake.offline(hostname, 0);
    const token = ending.status === 'pending' ? ending.token : '';
    expect(await unlock!.poll!(token, { host }, fakeCallContext())).toMatchObject({ status: 'done' });
  });

  test('a lock of somebody else is not lifted, and a device that is not enrolled is not found', async () => {
    const { connection } = world;
    const { 'endpoint.lock_device': lock, 'endpoint.unlock_device': unlock } = connection.handlers;
    await lock!.act({ host }, fakeCallContext(), undefined);
    await expect(
      unlock!.act({ host, token: 'lock-of-last-week' }, fakeCallContext(), undefined),
    ).rejects.toMatchObject({ type: 'rejected' });
    await expect(
      lock!.act({ host: { name: 'elsewhere' } }, fakeCallContext(), undefined),
    ).rejects.toMatchObject({ type: 'not_found' });
  });
});
