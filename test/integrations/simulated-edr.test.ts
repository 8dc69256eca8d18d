import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mayRun, newDevice, newFile, startFakeEdr } from '../../integrations/simulated-edr/fake';
import edr from '../../integrations/simulated-edr';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { writeFaults } from '../support/http-faults';
import { effectCase, jobCase } from '../support/simulated-product';

const host = { name: 'fin-ws-042' };
const path = '/tmp/dropper';
const process = { pid: 4711, name: 'beacon' };
const DROPPER = newFile(path).sha256;
const collects = (what: string) => (output: { evidence: { name: string }[] }) =>
  expect(output.evidence).toMatchObject([{ name: `fin-ws-042-${what}.json` }]);
const infected = () => newDevice('fin-ws-042', [newFile(path, 'Eicar-Test'), newFile('/etc/hosts')]);

const connectTo = (url: string) => edr.connect(edr.config.parse({ url, timeoutMs: 300 }), fakeConnectTools());

async function setup() {
  const fake = await startFakeEdr({ seed: { workMs: 20, devices: [infected(), newDevice('clean-ws-001')] } });
  return { fake, connection: connectTo(fake.url) };
}
type World = Awaited<ReturnType<typeof setup>>;

const device = ({ fake }: World) => fake.state().devices[0]!;
const dropper = (world: World) => device(world).files[0]!;

/** As for writes, except that a scan or a triage changes nothing, whatever becomes of the reply. */
const readFaults = writeFaults<World>(['POST']).map((fault) => ({ ...fault, maybeApplied: false }));

contractSuite<World>({
  integration: edr,
  setup,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'endpoint.isolate_host': {
      listed: true,
      input: () => ({ host }),
      inForce: (world) => device(world).isolation_id !== null,
      check: (output, world) => expect(output).toEqual({ host, token: device(world).isolation_id }),
      faults: writeFaults(['POST']),
    },
    'endpoint.quarantine_file': {
      input: () => ({ host, path }),
      inForce: (world) => dropper(world).quarantine_id !== null,
      check: (output, world) => {
        const { sha256, quarantine_id: token } = dropper(world);
        expect(output).toEqual({ host, path, sha256, token });
      },
      faults: writeFaults(['POST']),
    },
    'endpoint.scan_av': {
      input: () => ({ host }),
      check: (output, world) => {
        const { sha256 } = dropper(world);
        const findings = [{ path, signature: 'Eicar-Test', sha256 }];
        expect(output).toEqual({ host, clean: false, findings, errors: [], engine: 'simulated 1.0' });
      },
      faults: readFaults,
    },
    'endpoint.collect_triage': {
      input: () => ({ host }),
      check: (output) => {
        expect(output.evidence).toHaveLength(1);
        expect(output.evidence[0]).toMatchObject({ name: 'fin-ws-042-triage.json' });
        expect(output.evidence[0]!.bytes).toBeGreaterThan(20);
      },
      faults: readFaults,
    },
    'endpoint.collect_memory': jobCase({ host }, collects('memory')),
    'endpoint.collect_disk': jobCase({ host }, collects('disk')),
    'endpoint.collect_logs': jobCase({ host }, collects('logs')),
    'endpoint.hunt_hash': jobCase({ sha256: DROPPER }, (output) =>
      expect(output).toEqual({ sha256: DROPPER, hosts: [host], asked: 2, silent: 0 }),
    ),
    'endpoint.kill_process': effectCase('endpoint.kill_process', { host, process }, { listed: false }),
    'endpoint.suspend_process': effectCase('endpoint.suspend_process', { host, process }),
    'endpoint.block_hash': effectCase(
      'endpoint.block_hash',
      { sha256: DROPPER },
      {
        check: (_output, { fake }) => expect(mayRun(fake.state(), DROPPER)).toBe(false),
      },
    ),
    'endpoint.delete_file': effectCase(
      'endpoint.delete_file',
      { host, path },
      {
        listed: false,
        check: (_output, { fake }) =>
          expect(fake.state().devices[0]!.files.map((file) => file.path)).toEqual(['/etc/hosts']),
      },
    ),
  },
});

describe('simulated EDR', () => {
  let world: World;
  beforeEach(async () => {
    world = await setup();
  });
  afterEach(async () => {
    await world.connection.close();
    await world.fake.stop();
  });
  const isolate = () => world.connection.handlers['endpoint.isolate_host']!;

  test('an offline host is pending, is told once, and is isolated when it is back', async () => {
    world.fake.offline('fin-ws-042', 60_000);
    const first = await isolate().act({ host }, fakeCallContext(), undefined);
    const second = await isolate().act({ host }, fakeCallContext(), undefined);
    expect(first).toMatchObject({ status: 'pending' });
    expect(second).toEqual(first);
    expect((await isolate().probe!({ host }, fakeCallContext())).inForce).toBe(false);

    world.fake.offline('fin-ws-042', 0);
    const token = first.status === 'pending' ? first.token : '';
    const polled = await isolate().poll!(token, { host }, fakeCallContext());
    expect(polled).toEqual({ status: 'done', output: { host, token: device(world).isolation_id } });
    expect(world.fake.ledger().applied).toEqual({ 'isolate fin-ws-042': 1 });
  });

  test('a lost reply leaves the host isolated, and asking again applies nothing twice', async () => {
    world.fake.faults.add({ mode: 'lost_reply', methods: ['POST'], times: 1 });
    await expect(isolate().act({ host }, fakeCallContext(), undefined)).rejects.toMatchObject({
      type: 'unavailable',
      maybeApplied: true,
    });
    expect((await isolate().probe!({ host }, fakeCallContext())).inForce).toBe(true);
    await isolate().act({ host }, fakeCallContext(), undefined);
    expect(world.fake.ledger()).toEqual({
      applied: { 'isolate fin-ws-042': 1 },
      requests: { 'isolate fin-ws-042': 2 },
    });
  });

  test('a release lifts only the isolation that it names', async () => {
    await isolate().act({ host }, fakeCallContext(), undefined);
    const release = world.connection.handlers['endpoint.release_host']!;
    await expect(
      release.act({ host, token: 'iso-of-last-week' }, fakeCallContext(), undefined),
    ).rejects.toMatchObject({ type: 'rejected' });
    expect(device(world).isolation_id).not.toBeNull();
  });

  test('a file that has changed since it was seen is not quarantined', async () => {
    const quarantine = world.connection.handlers['endpoint.quarantine_file']!;
    await expect(
      quarantine.act({ host, path, sha256: 'f'.repeat(64) }, fakeCallContext(), undefined),
    ).rejects.toMatchObject({ type: 'rejected' });
    expect(dropper(world).quarantine_id).toBeNull();
  });

  test('a file that is another by now is not deleted', async () => {
    const remove = world.connection.handlers['endpoint.delete_file']!;
    await expect(
      remove.act({ host, path, sha256: 'f'.repeat(64) }, fakeCallContext(), undefined),
    ).rejects.toMatchObject({ type: 'rejected' });
    expect(device(world).files).toHaveLength(2);
  });

  test('a process of a host that is off is killed when it is back', async () => {
    const kill = world.connection.handlers['endpoint.kill_process']!;
    world.fake.offline('fin-ws-042', 60_000);
    const first = await kill.act({ host, process }, fakeCallContext(), undefined);
    expect(first).toMatchObject({ status: 'pending' });
    world.fake.offline('fin-ws-042', 0);
    const token = first.status === 'pending' ? first.token : '';
    expect(await kill.poll!(token, { host, process }, fakeCallContext())).toMatchObject({ status: 'done' });
  });

  test('a state of before there were processes is read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-edr-'));
    const stateFile = join(folder, 'edr.json');
    const old = { enrolUnknown: true, workMs: 0, devices: [infected()], actions: [] };
    writeFileSync(stateFile, JSON.stringify({ state: old, ledger: { applied: {}, requests: {} } }));
    const fake = await startFakeEdr({ stateFile });
    const connection = connectTo(fake.url);
    try {
      const kill = connection.handlers['endpoint.kill_process']!;
      expect(await kill.act({ host, process }, fakeCallContext(), undefined)).toMatchObject({
        status: 'done',
      });
    } finally {
      await connection.close();
      await fake.stop();
      rmSync(folder, { recursive: true });
    }
  });

  test('a host that is not known is not found', async () => {
    await expect(
      isolate().probe!({ host: { name: 'no-such-host' } }, fakeCallContext()),
    ).rejects.toMatchObject({ type: 'not_found' });
  });

  test('with a state file, what was isolated stays so after a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-edr-'));
    const stateFile = join(folder, 'edr.json');
    try {
      const before = await startFakeEdr({ seed: { devices: [infected()] }, stateFile });
      const first = connectTo(before.url);
      await first.handlers['endpoint.isolate_host']!.act({ host }, fakeCallContext(), undefined);
      await first.close();
      await before.stop();

      const after = await startFakeEdr({ stateFile });
      expect(after.state().devices[0]?.isolation_id).toMatch(/^iso-/);
      expect(after.ledger().applied).toEqual({ 'isolate fin-ws-042': 1 });
      await after.stop();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
