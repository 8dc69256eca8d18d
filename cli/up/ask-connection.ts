import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActionId } from '../../contracts/actions';
import type { Config } from '../../contracts/config';
import type { BlocklistStore, Integration } from '../../contracts/integration';
import { Unasked, type Answer, type Ask } from '../../planner/connections';

const silent = { info: () => undefined, warn: () => undefined };
const onlyLooking = () => Promise.reject(new Unasked('a plan changes nothing'));

/** How a connection gets to its configuration, secrets and all; `Unasked` where they are not here. */
export type ConfigOf = (connection: string) => Config['connections'][number];

/**
 * Has connections look at their products. Each connects for its check alone and is closed after it; of Cordon's own block lists it may
 * read, and of the data folder it gets an empty one.
 */
export function connectionAsker(
  configOf: ConfigOf,
  integrations: ReadonlyMap<string, Integration>,
  blocklist: Pick<BlocklistStore, 'get' | 'entries'> = { get: onlyLooking, entries: onlyLooking },
): Ask {
  return async (id, signal): Promise<Answer> => {
    const { use, config } = configOf(id);
    const integration = integrations.get(use);
    if (integration === undefined) throw new Unasked(`there is no integration ${use}`);
    const parsed = integration.config.safeParse(config);
    if (!parsed.success) {
      const where = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
      throw new Unasked(`its configuration does not fit: ${where.join('; ')}`);
    }
    const folder = mkdtempSync(join(tmpdir(), 'cordon-plan-'));
    const connection = integration.connect(parsed.data, {
      connectionId: id,
      dataDir: () => folder,
      log: silent,
      blocklist: { ...blocklist, put: onlyLooking, remove: onlyLooking },
    });
    try {
      const needs = Object.entries(connection.handlers).map(([action, { permissions }]) => [
        action,
        permissions,
      ]);
      const permissions = Object.fromEntries(needs) as Partial<Record<ActionId, readonly string[]>>;
      return { health: await connection.check(signal), permissions };
    } finally {
      await connection.close();
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

/** The configuration as it was read, for who has its secrets. */
export const among =
  (connections: Config['connections']): ConfigOf =>
  (id) => {
    const found = connections.find((one) => one.id === id);
    if (found === undefined) throw new Unasked(`there is no connection ${id}`);
    return found;
  };
