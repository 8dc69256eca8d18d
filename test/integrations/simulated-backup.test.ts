import { newDataset, startFakeBackup } from '../../integrations/simulated-backup/fake';
import backup from '../../integrations/simulated-backup';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { writeFaults } from '../support/http-faults';

const set = { name: 'finance' };

async function setup() {
  const snapshots = [
    { taken_at: '2026-01-01T00:00:00Z' },
    { taken_at: '2026-02-01T00:00:00Z', clean: false, findings: ['/a: Eicar-Test'] },
    { id: 'broken', taken_at: '2025-01-01T00:00:00Z', intact: false },
  ];
  const fake = await startFakeBackup({ seed: { workMs: 20, datasets: [newDataset('finance', snapshots)] } });
  const config = backup.config.parse({ url: fake.url, timeoutMs: 300 });
  return { fake, connection: backup.connect(config, fakeConnectTools()) };
}
type World = Awaited<ReturnType<typeof setup>>;

const restores = ({ fake }: World) => fake.state().datasets[0]!.restores;

contractSuite<World>({
  integration: backup,
  setup,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'data.verify_backup': {
      input: () => ({ set }),
      check: (output) =>
        expect(output).toEqual({
          set,
          snapshot: 'snap-2',
          takenAt: '2026-02-01T00:00:00Z',
          intact: true,
          clean: false,
          findings: ['/a: Eicar-Test'],
        }),
      faults: writeFaults<World>(['POST']).map((fault) => ({ ...fault, maybeApplied: false })),
    },
    'data.restore_backup': {
      input: () => ({ set, before: '2026-01-15T00:00:00Z' }),
      inForce: (world) => restores(world).length > 0,
      check: (output, world) => {
        expect(output).toMatchObject({ set, snapshot: 'snap-1', files: 12, token: restores(world)[0]!.id });
        expect(restores(world)).toHaveLength(1);
      },
      faults: writeFaults(['POST']),
    },
  },
});

describe('simulated backup', () => {
  let world: World;
  beforeEach(async () => {
    world = await setup();
  });
  afterEach(async () => {
    await world.connection.close();
    await world.fake.stop();
  });
  const restore = () => world.connection.handlers['data.restore_backup']!;

  test('a retry after a lost reply follows the job under way, and nothing is restored twice', async () => {
    world.fake.state().workMs = 60_000;
    world.fake.faults.add({ mode: 'lost_reply', methods: ['POST'], times: 1 });
    await expect(restore().act({ set }, fakeCallContext(), undefined)).rejects.toMatchObject({
      type: 'unavailable',
      maybeApplied: true,
    });
    const again = await restore().act({ set }, fakeCallContext(), undefined);
    expect(again).toMatchObject({ status: 'pending', token: world.fake.state().jobs[0]!.id });
    world.fake.state().jobs[0]!.due = 0;
    expect((await restore().probe!({ set }, fakeCallContext())).inForce).toBe(true);
    expect(world.fake.ledger()).toEqual({
      applied: { 'restore finance': 1 },
      requests: { 'restore finance': 1 },
    });
  });

  test('the restore of another incident is not this one’s effect', async () => {
    world.fake.state().workMs = 0;
    await restore().act({ set }, fakeCallContext(), undefined);
    const other = fakeCallContext({ actionKey: 'b'.repeat(64) });
    expect((await restore().probe!({ set }, other)).inForce).toBe(false);
    expect((await restore().probe!({ set }, fakeCallContext())).inForce).toBe(true);
  });

  test('only the newest restore can be taken back', async () => {
    world.fake.state().workMs = 0;
    const first = await restore().act({ set }, fakeCallContext(), undefined);
    await restore().act({ set }, fakeCallContext({ actionKey: 'b'.repeat(64) }), undefined);
    if (first.status !== 'done') throw new Error('expected the restore to be done');
    const revert = world.connection.handlers['data.revert_restore']!;
    await expect(revert.act(first.output, fakeCallContext(), undefined)).rejects.toMatchObject({
      type: 'rejected',
    });
    expect(restores(world)).toHaveLength(2);
  });

  test('a damaged snapshot fails and leaves the data alone', async () => {
    world.fake.state().workMs = 0;
    await expect(
      restore().act({ set, snapshot: 'broken' }, fakeCallContext(), undefined),
    ).rejects.toMatchObject({ type: 'rejected' });
    expect(restores(world)).toEqual([]);
  });
});
