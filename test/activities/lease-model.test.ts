import fc from 'fast-check';
import type { CrashPoint } from '../../activities/runner-types';
import { extendLease, transferLease } from '../../store/lease-changes';
import type { Store } from '../../store/store';
import {
  item,
  openIncident,
  releaseOf,
  runnerOn,
  settled,
  waveOf,
  World,
  worldConfig,
} from '../support/runner';
import { memoryStore } from '../support/store';

const RUNS = 300;
const START = Date.parse('2026-05-04T12:00:00Z');
const LEA = { by: 'person:lea', reason: 'model' };
const POINTS: readonly CrashPoint[] = ['claimed', 'probed', 'acted', 'verified', 'settled'];
const config = worldConfig();
let clock = START;
let store: Store;
beforeAll(async () => {
  store = await memoryStore({ now: () => Promise.resolve(new Date(clock)) });
}, 60_000);
afterAll(() => store.close());

/** Something that one of three incidents, a person or time does; `who` is an index. */
type Step =
  | { do: 'acquire' | 'release' | 'roll_back'; who: number }
  | { do: 'transfer'; who: number; to: number }
  | { do: 'extend' | 'release_all' | 'expire' }
  /** The process of `who` dies there, the next step is done meanwhile, and then another process goes on. */
  | { do: 'crash'; who: number; what: 'acquire' | 'release'; at: CrashPoint };

const who = fc.nat({ max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('acquire' as const), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('roll_back' as const), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('transfer' as const), who, to: who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('extend', 'release_all', 'expire') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      who,
      what: fc.constantFrom('acquire', 'release'),
      at: fc.constantFrom(...POINTS),
    }),
  },
);

/** One product, one effect and three incidents; and beside them who should hold it, by the rules alone. */
class Play {
  readonly world = new World();
  readonly holders = new Set<number>();
  readonly effect: string;
  #occurrence = 0;
  readonly #release: { action: 'endpoint.isolate_host' | 'network.block_ip'; input: object };

  constructor(
    readonly incidents: readonly string[],
    readonly mayLapse: boolean,
    readonly beforeUs: boolean,
    name: string,
  ) {
    this.effect = mayLapse ? `network.block_ip ${name}` : `endpoint.isolate_host ${name}`;
    this.#release = mayLapse
      ? { action: 'network.block_ip', input: { ip: name } }
      : { action: 'endpoint.isolate_host', input: { host: { name } } };
    if (beforeUs) this.world.inForce.add(this.effect);
  }

  async with<T>(
    work: (activities: ReturnType<typeof runnerOn>) => Promise<T>,
    at?: (point: CrashPoint) => Promise<void>,
  ): Promise<T> {
    const activities = runnerOn(store, this.world, config, at === undefined ? {} : { at });
    try {
      return await work(activities);
    } finally {
      await activities.close();
    }
  }

  wave(one: number, what: 'acquire' | 'release') {
    const shape = { ...this.#release, occurrence: ++this.#occurrence } as object;
    const made = what === 'acquire' ? item({ id: 'on', ...shape }) : releaseOf({ id: 'off', ...shape });
    return waveOf(this.incidents[one] ?? '', made);
  }

  lease() {
    return store.db
      .selectFrom('lease_holders')
      .innerJoin('leases', 'leases.id', 'lease_holders.lease_id')
      .select(['leases.id'])
      .where('lease_holders.incident', 'in', this.incidents)
      .where('leases.status', '<>', 'released')
      .executeTakeFirst();
  }

  /** What the rules say of a step that was done. */
  note(one: number, what: 'acquire' | 'release'): void {
    if (what === 'acquire') this.holders.add(one);
    else this.holders.delete(one);
  }

  async take(now: Step, next: Step | undefined): Promise<void> {
    switch (now.do) {
      case 'acquire':
      case 'release':
        await this.with((activities) => settled(activities, this.wave(now.who, now.do as 'acquire')));
        this.note(now.who, now.do);
        return;
      case 'roll_back':
        await this.with((activities) =>
          activities.rollBack({ incident: this.incidents[now.who] ?? '', ...LEA }),
        );
        this.holders.delete(now.who);
        return;
      case 'transfer': {
        const id = (await this.lease())?.id ?? 'none';
        const [from, to] = [this.incidents[now.who] ?? '', this.incidents[now.to] ?? ''];
        const { kind } = await transferLease(store, id, { from, to }, LEA);
        if (kind !== 'changed') return;
        this.holders.delete(now.who);
        this.holders.add(now.to);
        return;
      }
      case 'extend':
        await extendLease(store, (await this.lease())?.id ?? 'none', new Date(clock + 7_200_000), LEA);
        return;
      case 'release_all': {
        const lease = await this.lease();
        if (lease === undefined) return;
        await this.with((activities) => activities.releaseLease({ leaseId: lease.id, ...LEA }));
        this.holders.clear();
        return;
      }
      case 'expire':
        clock += 3 * 3_600_000;
        await this.with((activities) => activities.sweepLeases());
        // Silence keeps what may not lapse.
        if (this.mayLapse) this.holders.clear();
        return;
      case 'crash': {
        const wave = this.wave(now.who, now.what);
        const deaths: CrashPoint[] = [];
        await this.with(
          (activities) => activities.runWave(wave).catch(() => undefined),
          (point) => {
            if (point !== now.at) return Promise.resolve();
            deaths.push(point);
            return Promise.reject(new Error('kill -9'));
          },
        );
        // What had nothing to do did not come so far; what was settled is settled.
        const isOver = deaths.length === 0 || now.at === 'settled';
        if (isOver) this.note(now.who, now.what);
        if (next !== undefined && next.do !== 'crash') await this.take(next, undefined);
        if (deaths.length > 0) await this.with((activities) => settled(activities, wave));
        if (isOver) return;
        this.note(now.who, now.what);
      }
    }
  }
}

let played = 0;
test('an effect is in force exactly while a lease holds it, and what was there before us stays', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      fc.boolean(),
      async (steps, mayLapse, beforeUs) => {
        const n = ++played;
        const name = mayLapse ? `2001:db8::${n.toString(16)}` : `model-${String(n)}`;
        const incidents = await Promise.all([1, 2, 3].map(() => openIncident(store, config)));
        const play = new Play(incidents, mayLapse, beforeUs, name);
        for (const [index, one] of steps.entries()) {
          const next = steps[index + 1];
          // A step that was done while a process was dead is not done again.
          const before = steps[index - 1];
          if (before?.do === 'crash' && one.do !== 'crash') continue;
          await play.take(one, next);
          expect({ after: one, inForce: play.world.inForce.has(play.effect) }).toEqual({
            after: one,
            inForce: play.beforeUs || play.holders.size > 0,
          });
          expect((await play.lease()) !== undefined).toBe(play.holders.size > 0);
        }
      },
    ),
    { numRuns: RUNS },
  );
}, 120_000);
