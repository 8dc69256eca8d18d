import type { ConfigInput } from '../../contracts/config';
import type { Cordon } from './cordon';
import type { LabProcess, SpawnOptions } from './processes';
import type { Table } from './table';

/** A machine of the lab: network, processes, host name and file system of its own. */
export interface LabHost {
  readonly name: string;
  readonly address: string;
  /** Its root as a folder that the management station sees; `join(root, 'var/log/auth.log')` is what its sshd logs. */
  readonly root: string;
  /** Runs a program on the host, in its own root, and resolves to its stdout; rejects when it ends with another code than 0. */
  exec(argv: readonly string[], options?: SpawnOptions): Promise<string>;
  /** Runs a program of the management station in the host's network: for what an outsider there would see. */
  net(argv: readonly string[], options?: SpawnOptions): Promise<string>;
  /** A long-running program of the management station in the host's network. */
  spawnInNet(name: string, argv: readonly string[]): LabProcess;
}

/** What a component is given. Everything in it ends with the run. */
export interface Lab {
  /** A folder of this run alone. */
  readonly folder: string;
  /** Fires when the run ends early. */
  readonly signal: AbortSignal;
  /** Hosts by name: `fin-ws-042`, `fin-fs-01`, `bastion`, `peer` (in the same network), `attacker` (outside). */
  readonly hosts: ReadonlyMap<string, LabHost>;
  host(name: string): LabHost;
  say(line: string): void;
  /** Starts a program in the management station; its output goes to `log/<name>.log` in the folder. */
  spawn(name: string, argv: readonly string[], options?: SpawnOptions): LabProcess;
  /** Runs a program in the management station to its end and resolves to its stdout. */
  run(argv: readonly string[], options?: SpawnOptions): Promise<string>;
  /** Waits for a condition; rejects with what was waited for after the limit (30 s), or when the run ends early. */
  until(what: string, condition: () => Promise<boolean> | boolean, limitMs?: number): Promise<void>;
}

/** What a started component adds to the `cordon.config.ts` of the lab. */
export interface Contribution {
  connections?: ConfigInput['connections'];
  sources?: ConfigInput['sources'];
  assets?: ConfigInput['assets'];
  /**
   * Effects in force at the product, as the product itself says, with the target's key: `endpoint.isolate_host host:fin-ws-042`,
   * `network.block_ip ip:203.0.113.66`. Compared with Cordon's leases.
   */
  inForce?: () => Promise<string[]>;
}

/** A real product in the lab. `start` resolves when it answers; `stop` ends all that it started, also half started. */
export interface Component<H extends Contribution = Contribution> {
  readonly name: string;
  start(lab: Lab): Promise<H>;
  stop(): Promise<void>;
}

/** What undoes a scenario, through Cordon, and proves that it is undone. */
export type Undo = () => Promise<void>;

/**
 * A story that is played against a running Cordon; each effect that it proves from outside is a row of the table.
 * `run` goes as far as everything is in force; what is in force at all products is then compared with the leases;
 * then the undos run, and it is compared again.
 */
export interface Scenario {
  readonly name: string;
  run(lab: Lab, cordon: Cordon, table: Table): Promise<Undo>;
}
