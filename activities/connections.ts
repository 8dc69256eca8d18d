import { actionSpec, type ActionId } from '../contracts/actions';
import type { Asset, AssetIndex } from '../contracts/assets';
import type { Config, ConnectionConfig } from '../contracts/config';
import { isDrillConnection, realConnection } from '../contracts/drill';
import { CordonError } from '../contracts/errors';
import type { Connection, ConnectTools, Integration } from '../contracts/integration';
import type { Target } from '../contracts/values';
import type { Route } from './route';
import { simulationOf } from './simulation';

class Slots {
  readonly #waiting: (() => void)[] = [];
  #free: number;
  constructor(size: number) {
    this.#free = size;
  }
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

interface Entry {
  config: ConnectionConfig;
  integration: Integration;
  slots: Slots;
  connection?: Connection;
}

/** All configured connections; each connects when it is first needed. */
export class ConnectionRegistry {
  readonly #entries: Entry[];
  constructor(
    config: Pick<Config, 'connections'>,
    integrations: ReadonlyMap<string, Integration>,
    private readonly toolsFor: (connectionId: string) => ConnectTools,
  ) {
    this.#entries = config.connections.map((connection) => {
      const integration = integrations.get(connection.use);
      if (integration === undefined)
        throw new Error(`connection ${connection.id}: there is no integration "${connection.use}"`);
      return { config: connection, integration, slots: new Slots(connection.concurrency) };
    });
  }

  /** The first connection, in the order of the configuration, that serves the action on the target. */
  route(action: ActionId, target: Target, assets: AssetIndex): Route {
    const asset = assets.ofTarget(target);
    const entry = this.#entries.find((candidate) => serves(candidate, action, asset));
    if (entry === undefined) {
      throw new CordonError(
        'no_connection',
        `No connection serves ${action} on ${target.label}: add one to cordon.config.ts, or widen the actions or targets of one.`,
      );
    }
    return this.#routeOf(entry, action);
  }

  /** What stands in for the connection that would serve it, in a drill. Nothing is ever told to a product by it. */
  drillRoute(action: ActionId, target: Target, assets: AssetIndex): Route {
    return simulationOf(this.route(action, target, assets), action);
  }

  /** The same connection again, for the undo; of a drill's the simulation, whatever is configured now. */
  byId(id: string, action: ActionId, integration: string): Route {
    const real = isDrillConnection(id) ? realConnection(id) : id;
    const entry = this.#entries.find(({ config }) => config.id === real);
    if (real !== id) {
      const tags = entry === undefined ? [] : this.#routeOf(entry, action).tags;
      return simulationOf({ id: real, integration, tags }, action);
    }
    if (entry === undefined)
      throw new CordonError(
        'no_connection',
        `The connection ${id} is no longer configured: put it back to undo what it did.`,
      );
    if (entry.integration.id !== integration)
      throw new CordonError(
        'no_connection',
        `The connection ${id} is ${entry.integration.id} now; ${integration} did this: put that back to undo it.`,
      );
    return this.#routeOf(entry, action);
  }

  /** Every connection with each action of it that can be taken back. */
  reversible(): [Route, ActionId][] {
    return this.#entries.flatMap((entry) =>
      entry.integration.actions
        .filter((action) => actionSpec(action).inverse !== null)
        .filter((action) => entry.config.actions?.includes(action) ?? true)
        .map((action): [Route, ActionId] => [this.#routeOf(entry, action), action]),
    );
  }

  /** The connection itself, for health checks and polling. */
  connection(id: string): Connection {
    const entry = this.#entries.find(({ config }) => config.id === id);
    if (entry === undefined) throw new CordonError('no_connection', `There is no connection ${id}.`);
    return this.#connect(entry);
  }

  ids(): string[] {
    return this.#entries.map(({ config }) => config.id);
  }

  async close(): Promise<void> {
    await Promise.all(this.#entries.map((entry) => entry.connection?.close() ?? Promise.resolve()));
  }

  #routeOf(entry: Entry, action: ActionId): Route {
    const { config, integration, slots } = entry;
    return {
      id: config.id,
      integration: integration.id,
      simulated: integration.simulated,
      tags: integration.simulated ? [...new Set([...config.tags, 'simulated'])] : config.tags,
      handler: () => {
        const handler = this.#connect(entry).handlers[action];
        if (handler === undefined)
          throw new CordonError(
            'unsupported',
            `${config.id} (${integration.title}) does not offer ${action}.`,
          );
        return handler;
      },
      limited: (work) => slots.run(work),
    };
  }

  #connect(entry: Entry): Connection {
    entry.connection ??= entry.integration.connect(
      entry.integration.config.parse(entry.config.config),
      this.toolsFor(entry.config.id),
    );
    return entry.connection;
  }
}

function serves({ config, integration }: Entry, action: ActionId, asset: Asset | undefined): boolean {
  if (!integration.actions.includes(action)) return false;
  if (config.actions !== undefined && !config.actions.includes(action)) return false;
  if (config.targets === undefined) return true;
  return (
    asset !== undefined && config.targets.some((wanted) => wanted === asset.id || asset.tags.includes(wanted))
  );
}
