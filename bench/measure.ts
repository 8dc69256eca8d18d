import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import axios from 'axios';
import { startBaseline, startCordon, startFloor, startMock, type Engine } from './engines';
import { cpuTime, type CpuTime } from './processes';
import { ACTIONS_PER_INCIDENT, SHAPES, TITLE, type Shape } from './shapes';
import { quantile } from './statistics';
import type { EngineName, Measured, Run, Size } from './types';

type Calls = Record<string, number[]>;

const WAIT_MS = 2 * 60_000;
const REST_MS = 50;
const QUIET_MS = 1_000;
/** Less CPU than this in a second is idling. */
const QUIET_CPU_MS = 100;
const QUIET_ROUNDS = 20;
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

class Driver {
  #next = 1;
  constructor(
    private readonly engine: Engine,
    private readonly mock: string,
    private readonly size: Size,
  ) {}

  async shape(shape: Shape): Promise<Measured> {
    await this.#burst(shape, this.size.warmUp, 4);
    await this.#takeCalls(shape);
    const single = await this.#oneAtATime(shape);
    const before = await this.#quiet();
    const burst = await this.#burst(shape, this.size.burst, this.size.concurrency);
    const arrivals = Object.values(await this.#takeCalls(shape)).flat();
    const seconds = (Math.max(...arrivals) - burst.started) / 1000;
    const after = await this.#quiet();
    return {
      ...single,
      incidentsPerSecond: this.size.burst / seconds,
      cpuMsPerIncident: (after.all - before.all) / this.size.burst,
      temporalCpuMsPerIncident: (after.temporal - before.temporal) / this.size.burst,
    };
  }

  async #oneAtATime(
    shape: Shape,
  ): Promise<Pick<Measured, 'firstActionMs' | 'firstActionP95Ms' | 'thirdActionMs'>> {
    const sent = new Map<number, number>();
    for (let n = 0; n < this.size.single; n++) {
      const incident = this.#next++;
      sent.set(incident, now());
      await this.engine.post(shape, incident);
      await this.#done([incident]);
      await pause(REST_MS);
    }
    const calls = await this.#takeCalls(shape);
    const after = (nth: number): number[] =>
      [...sent].map(([incident, at]) => (calls[String(incident)]?.[nth] ?? Number.NaN) - at);
    return {
      firstActionMs: quantile(after(0), 0.5),
      firstActionP95Ms: quantile(after(0), 0.95),
      thirdActionMs: quantile(after(ACTIONS_PER_INCIDENT - 1), 0.5),
    };
  }

  async #burst(shape: Shape, count: number, concurrency: number): Promise<{ started: number }> {
    const incidents = Array.from({ length: count }, () => this.#next++);
    const left = [...incidents];
    const started = now();
    const poster = async (): Promise<void> => {
      for (let incident = left.shift(); incident !== undefined; incident = left.shift())
        await this.engine.post(shape, incident);
    };
    await Promise.all(Array.from({ length: concurrency }, poster));
    await this.#done(incidents);
    return { started };
  }

  async #done(incidents: number[]): Promise<void> {
    try {
      await axios.post(`${this.mock}/bench/wait`, incidents, { timeout: WAIT_MS });
    } catch (error) {
      throw new Error('Some incidents did not have their three effects within two minutes.', {
        cause: error,
      });
    }
  }

  /** What has arrived since the last look. An effect too many or too few makes the measurement worthless. */
  async #takeCalls(shape: Shape): Promise<Calls> {
    const { data } = await axios.post<Calls>(`${this.mock}/bench/calls`);
    const wrong = Object.entries(data).filter(([, stamps]) => stamps.length !== ACTIONS_PER_INCIDENT);
    if (wrong.length > 0)
      throw new Error(`${TITLE[shape]}: incidents with another number of effects: ${JSON.stringify(wrong)}`);
    return data;
  }

  /** Waits until the engine's processes rest, 20 s at most; returns their CPU time so far. */
  async #quiet(): Promise<CpuTime> {
    let last = cpuTime(this.engine.pids);
    for (let round = 0; round < QUIET_ROUNDS; round++) {
      await pause(QUIET_MS);
      const next = cpuTime(this.engine.pids);
      if (next.all - last.all < QUIET_CPU_MS) return next;
      last = next;
    }
    return last;
  }
}

const START = { baseline: startBaseline, cordon: startCordon, floor: startFloor } as const;

export interface RunOptions {
  engine: EngineName;
  size: Size;
  say: (line: string) => void;
  profileDir?: string | undefined;
}

/** Starts an engine on an empty folder, measures both shapes, and leaves nothing behind. */
export async function measure({ engine: name, size, say, profileDir }: RunOptions): Promise<Run> {
  const dataDir = mkdtempSync(join(tmpdir(), `cordon-bench-${name}-`));
  const mock = await startMock();
  try {
    const nodeArgs = profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDir];
    const engine = await START[name]({ dataDir, mock: mock.said, say, nodeArgs });
    try {
      const driver = new Driver(engine, mock.said, size);
      const run: Partial<Run> = {};
      for (const shape of SHAPES) {
        run[shape] = await driver.shape(shape);
        say(`${TITLE[shape]}: ${lineOf(run[shape])}`);
      }
      return run as Run;
    } finally {
      await engine.stop();
    }
  } finally {
    await mock.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const lineOf = (one: Measured): string =>
  `first action ${one.firstActionMs.toFixed(0)} ms, third ${one.thirdActionMs.toFixed(0)} ms, ` +
  `${one.incidentsPerSecond.toFixed(1)} incidents/s, ${one.cpuMsPerIncident.toFixed(0)} ms CPU each ` +
  `(${one.temporalCpuMsPerIncident.toFixed(0)} in Temporal)`;
