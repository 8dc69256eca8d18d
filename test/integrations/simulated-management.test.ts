import management from '../../integrations/simulated-management';
import { startFakeManagement, type ManagementState } from '../../integrations/simulated-management/fake';
import { fakeCallContext } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { connected, effectCase, jobCase, type ProductWorld } from '../support/simulated-product';

const host = { name: 'web-01' };
const flaw = { id: 'CVE-2026-0001', title: 'Upload without a check', severity: 5 };
const other = { id: 'CVE-2026-0002', title: 'Old library', severity: 2 };
type World = ProductWorld<ManagementState>;
const setup = async (): Promise<World> =>
  connected(
    management,
    await startFakeManagement({ seed: { workMs: 10, vulnerabilities: { 'web-01': [flaw, other] } } }),
  );

contractSuite<World>({
  integration: management,
  setup,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'vuln.scan': jobCase({ host }, (output) =>
      expect(output).toEqual({
        host,
        clean: false,
        findings: [flaw, other],
        errors: [],
        scanner: 'simulated 1.0',
      }),
    ),
    'host.patch': effectCase(
      'host.patch',
      { host, patches: [flaw.id] },
      {
        listed: false,
        check: (output, { fake }) => {
          expect(output).toEqual({ host, installed: [flaw.id], rebootPending: false });
          expect(fake.state().vulnerabilities['web-01']).toEqual([other]);
        },
      },
    ),
    'host.reimage': jobCase(
      { host },
      (output, { fake }) => {
        expect(output).toEqual({ host, image: 'golden-1' });
        expect(fake.state().vulnerabilities['web-01']).toEqual([]);
      },
      { writes: true },
    ),
  },
});

test('one order to reimage is one image, however often it is told', async () => {
  const { fake, connection } = await setup();
  const reimage = connection.handlers['host.reimage']!;
  const context = fakeCallContext({ actionKey: 'one' });
  const first = await reimage.act({ host }, context, undefined);
  expect(await reimage.act({ host }, context, undefined)).toEqual(first);
  expect(await reimage.act({ host }, fakeCallContext({ actionKey: 'two' }), undefined)).not.toEqual(first);
  expect(fake.state().jobs).toHaveLength(2);
  await connection.close();
  await fake.stop();
});
