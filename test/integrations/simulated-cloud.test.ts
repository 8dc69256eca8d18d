import cloud from '../../integrations/simulated-cloud';
import { callCloud, startFakeCloud, type CloudState } from '../../integrations/simulated-cloud/fake';
import { fakeCallContext } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { connected, effectCase, jobCase, type ProductWorld } from '../support/simulated-product';

const name = 'arn:aws:iam::123456789012:user/deploy';
const principal = { name };
const key = { id: 'AKIAEXAMPLE', principal: name };
const bucket = { name: 'press-kit' };
const seed = {
  trails: {
    [name]: [
      { at: '2026-11-25T08:00:00Z', call: 'GetObject', ip: '203.0.113.7' },
      {
        at: '2026-11-25T09:00:00Z',
        call: 'CreateUser',
        ip: '203.0.113.8',
        principal: `${name}-2`,
        key: 'AKIATWO',
      },
    ],
  },
};
type World = ProductWorld<CloudState>;
const setup = async (): Promise<World> =>
  connected(cloud, await startFakeCloud({ seed: structuredClone(seed) }));

contractSuite<World>({
  integration: cloud,
  setup,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'cloud.deactivate_key': effectCase('cloud.deactivate_key', { key }),
    'cloud.deny_principal': effectCase('cloud.deny_principal', { principal }),
    'cloud.block_public_access': effectCase('cloud.block_public_access', { bucket }),
    'cloud.revoke_role_sessions': jobCase(
      { principal },
      ({ before }) => expect(Date.parse(before)).toBeGreaterThan(Date.now() - 60_000),
      { writes: true },
    ),
    'cloud.collect_trail': jobCase({ principal, since: '2026-11-25T08:30:00Z' }, (output) => {
      expect(output).toMatchObject({
        ...{ events: 1, lastAt: '2026-11-25T09:00:00Z', ips: ['203.0.113.8'] },
        ...{ principals: [`${name}-2`], keys: ['AKIATWO'] },
      });
      expect(output.evidence).toHaveLength(1);
    }),
  },
});

test.each(['cloud.deactivate_key', 'cloud.deny_principal'] as const)(
  'after %s no call of the intruder is let through; once it is taken back it is again',
  async (action) => {
    const { fake, connection } = await setup();
    const call = () =>
      callCloud(fake.state(), name, key.id, {
        at: '2026-11-25T10:00:00Z',
        call: 'ListBuckets',
        ip: '203.0.113.7',
      });
    expect(call()).toBe(true);
    const acted = await connection.handlers[action]!.act({ key, principal }, fakeCallContext(), undefined);
    expect(call()).toBe(false);
    if (acted.status !== 'done') throw new Error('expected done');
    const undo = action === 'cloud.deactivate_key' ? 'cloud.activate_key' : 'cloud.lift_deny';
    const { token } = acted.output;
    await connection.handlers[undo]!.act(
      { key, principal, ...(token === undefined ? {} : { token }) },
      fakeCallContext(),
      undefined,
    );
    expect(call()).toBe(true);
    await connection.close();
    await fake.stop();
  },
);
