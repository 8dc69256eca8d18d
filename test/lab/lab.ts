import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab, LabHost } from './component';
import { Hosts } from './hosts';
import { run, start, type LabProcess, type SpawnOptions } from './processes';

const LOOK_EVERY_MS = 50;
const LIMIT_MS = 30_000;

/** The run ended before its end: somebody asked for it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** The management station, in which Cordon and the products' servers run. */
export class Station implements Lab {
  readonly machines: Hosts;
  readonly #started: LabProcess[] = [];

  constructor(
    readonly folder: string,
    readonly signal: AbortSignal,
    readonly say: (line: string) => void,
  ) {
    mkdirSync(join(folder, 'log'), { recursive: true });
    this.machines = new Hosts(this);
  }

  get hosts(): ReadonlyMap<string, LabHost> {
    return this.machines.byName;
  }

  host(name: string): LabHost {
    const found = this.hosts.get(name);
    if (found === undefined) throw new Error(`there is no host ${name} in the lab`);
    return found;
  }

  spawn(name: string, argv: readonly string[], options?: SpawnOptions): LabProcess {
    const started = start(name, argv, join(this.folder, 'log', `${name}.log`), options);
    this.#started.push(started);
    return started;
  }

  run(argv: readonly string[], options?: SpawnOptions): Promise<string> {
    return run(argv, { ...options, signal: this.signal });
  }

  async until(what: string, condition: () => Promise<boolean> | boolean, limitMs = LIMIT_MS): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!(await condition())) {
      if (this.signal.aborted) throw new Interrupted(`interrupted while waiting for ${what}`);
      if (Date.now() > deadline) throw new Error(`waited ${String(limitMs / 1000)} s in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** Ends what no component has ended, the newest first; names it. */
  async stopRest(): Promise<string[]> {
    const left = this.#started.filter((one) => one.ended() === undefined).reverse();
    for (const one of left) await one.stop();
    return left.map(({ name }) => name);
  }
}
