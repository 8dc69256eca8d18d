import type { ConfigInput } from '../../contracts/config';
import { CordonError } from '../../contracts/errors';
import { SYSTEM_CHAIN } from '../../contracts/journal';
import type { WaveInput } from '../../contracts/messages';
import { noteFailure, takeCall } from '../../store/connection-gates';
import type { Store } from '../../store/store';
import { createMetrics } from '../../server/metrics';
import {
  gate,
  item,
  kindsOf,
  openIncident,
  runnerOn,
  settled,
  waveOf,
  World,
  worldConfig,
  type Activities,
} from '../support/runner';
import { startPostgres, type Postgres } from '../support/store';

type Wave = WaveInput;
type Gated = Partial<NonNullable<ConfigInput['connections']>[number]>;
let postgres: Postgres;
let clock: number;
let store: Store;
let world: World;
const opened: Activities[] = [];
beforeAll(async () => {
  postgres = await startPostgres();
}, 120_000);
afterAll(() => {
  postgres.remove();
});
beforeEach(async () => {
  clock = Date.parse('2026-05-04T12:00:00Z');
  store = await postgres.newStore({ now: () => Promise.resolve(new Date(clock)) });
  world = new World();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  await store.close();
});

const gated = (extra: Gated) =>
  worldConfig({ connections: [{ id: 'edr', use: 'world', tags: ['lab'], concurrency: 100, ...extra }] });
function runner(config: ReturnType<typeof gated>): Activities {
  const made = runnerOn(store, world, config);
  opened.push(made);
  return made;
}
const host = (name: string) => item({ id: name, input: { host: { name } } });

describe('a circuit breaker', () => {
  const config = gated({ breaker: { failures: 3, withinSeconds: 60, openSeconds: 30 } });
  let probes: number;
  let answers: boolean;
  beforeEach(() => {
    [probes, answers] = [0, false];
    world.beforeProbed = () => {
      probes++;
      return answers ? Promise.resolve() : Promise.reject(new CordonError('unavailable', 'it is off'));
    };
  });
  const circuitKinds = async (): Promise<string[]> =>
    (await kindsOf(store, SYSTEM_CHAIN)).filter((kind) => kind.startsWith('circuit_'));
  const waves = (n: number) =>
    Promise.all(
      Array.from({ length: n }, async (_, k) =>
        waveOf(await openIncident(store, config), host(`ws-${String(k)}`)),
      ),
    );

  test('opens after so many failures, in every process, says so once, and a trial that is answered closes it', async () => {
    const [one, two] = [runner(config), runner(config)];
    const [first, second, third] = (await waves(3)) as [Wave, Wave, Wave];
    expect(await settled(one, first)).toMatchObject({ status: 'pending' });
    expect(probes).toBe(3);
    expect(await settled(two, second)).toMatchObject({
      status: 'pending',
      failure: {
        type: 'circuit_open',
        message: expect.stringMatching(/^edr has not answered since/) as string,
      },
    });
    expect(await settled(one, third)).toMatchObject({ failure: { type: 'circuit_open' } });
    expect(probes).toBe(3);
    expect(await circuitKinds()).toEqual(['circuit_opened']);
    expect(await createMetrics(store).registry.metrics()).toContain('cordon_circuits_open 1');
    answers = true;
    clock += 400_000;
    expect(await settled(two, second)).toMatchObject({ status: 'succeeded' });
    expect(await circuitKinds()).toEqual(['circuit_opened', 'circuit_closed']);
    for (const [activities, wave] of [
      [one, first],
      [one, third],
    ] as const)
      expect(await settled(activities, wave)).toMatchObject({ status: 'succeeded' });
    expect(world.applied).toHaveLength(3);
  }, 30_000);

  test('lets one call try, whichever process asks; a trial that fails keeps it open', async () => {
    const both = [runner(config), runner(config)];
    const all = await waves(6);
    await settled(both[0] as Activities, all[0] as Wave);
    const [reached, letGo] = [gate(), gate()];
    world.beforeProbed = async () => {
      probes++;
      reached.open();
      await letGo.closed;
      throw new CordonError('unavailable', 'still off');
    };
    clock += 400_000;
    const trying = settled(both[1] as Activities, all[1] as Wave);
    await reached.closed;
    for (const wave of all.slice(2))
      expect(await settled(both[0] as Activities, wave)).toMatchObject({ failure: { type: 'circuit_open' } });
    letGo.open();
    expect(await trying).toMatchObject({ status: 'pending', failure: { type: 'circuit_open' } });
    expect(probes).toBe(4);
    expect(await circuitKinds()).toEqual(['circuit_opened']);
  }, 30_000);

  test('does not count what the product answered, nor failures that lie far apart', async () => {
    const activities = runner(config);
    const { breaker } = config.connections[0] ?? {};
    const [wave] = await waves(1);
    let n = 0;
    // Two that fail, one that is answered, and so on: never three in a row.
    world.beforeProbed = () =>
      ++n % 3 === 0 ? Promise.resolve() : Promise.reject(new CordonError('timeout', 'slow'));
    await settled(activities, wave as Wave);
    await noteFailure(store, 'other', breaker!, 'a');
    await noteFailure(store, 'other', breaker!, 'b');
    clock += 61_000;
    expect(await noteFailure(store, 'other', breaker!, 'c')).toEqual({ failures: 1, openedAt: null });
    expect(await circuitKinds()).toEqual([]);
  }, 30_000);

  test('asks SQL nothing where there is none', async () => {
    answers = true;
    const none = gated({});
    const wave = waveOf(await openIncident(store, none), host('ws-1'));
    await store.db.schema.dropTable('connection_breakers').execute();
    await store.db.schema.dropTable('connection_limits').execute();
    expect(await settled(runner(none), wave)).toMatchObject({ status: 'succeeded' });
  });
});

describe('a rate limit', () => {
  test('is shared: never more calls than it says in any such time, whoever asks', async () => {
    const limit = { calls: 5, perSeconds: 10 };
    const taken: number[] = [];
    for (let step = 0; step < 60; step++) {
      clock += (step * 37) % 1000;
      const at = new Date(clock);
      const waits = await Promise.all([1, 2, 3].map(() => takeCall(store, 'edr', limit, at)));
      for (const wait of waits)
        if (wait === 0) taken.push(clock);
        else expect(wait).toBeLessThanOrEqual(10_000);
    }
    for (const from of taken)
      expect(taken.filter((at) => at >= from && at < from + 10_000).length).toBeLessThanOrEqual(5);
    // No call is withheld that was free.
    expect(taken.length).toBeGreaterThanOrEqual(10);
  });

  test('says exactly when the next is free', async () => {
    const limit = { calls: 2, perSeconds: 10 };
    const take = () => takeCall(store, 'edr', limit, new Date(clock));
    expect(await take()).toBe(0);
    clock += 4_000;
    expect(await take()).toBe(0);
    expect(await take()).toBe(6_000);
    clock += 5_999;
    expect(await take()).toBe(1);
    clock += 1;
    expect(await take()).toBe(0);
    expect(await take()).toBe(4_000);
  });

  test('makes an item wait, not fail, and tells the product nothing meanwhile', async () => {
    const config = gated({ rateLimit: { calls: 3, perSeconds: 60 } });
    const [one, two] = [runner(config), runner(config)];
    // Probe, act and verify are three calls.
    expect(await settled(one, waveOf(await openIncident(store, config), host('ws-1')))).toMatchObject({
      status: 'succeeded',
    });
    const wave = waveOf(await openIncident(store, config), host('ws-2'));
    expect(await settled(two, wave)).toMatchObject({
      status: 'pending',
      failure: { type: 'rate_limited', message: 'edr may be called 3 times in 60 s, and was.' },
    });
    expect(world.calls).toHaveLength(1);
    clock += 61_000;
    expect(await settled(two, wave)).toMatchObject({ status: 'succeeded' });
  });

  test('that is reached before an act that can’t be read leaves no doubt that nothing was done', async () => {
    world.blind.add('endpoint.isolate_host');
    const config = gated({ rateLimit: { calls: 1, perSeconds: 60 } });
    const activities = runner(config);
    await settled(activities, waveOf(await openIncident(store, config), host('ws-1')));
    const second = waveOf(await openIncident(store, config), host('ws-2'));
    expect(await settled(activities, second)).toMatchObject({ status: 'pending' });
  });
});
