import { sql } from 'kysely';
import type { Config } from '../contracts/config';
import type { Role } from '../contracts/values';
import { isKillSwitchOn } from './settings';
import type { Store } from './store';

/** What a plan needs to know of the state of things. */
export interface PlanState {
  at: Date;
  killSwitch: boolean;
  people: { id: string; roles: Role[] }[];
  /** Leases in force, by what they are over. */
  inForce: { connection: string; action: string; target: string; weDidIt: boolean; incidents: string[] }[];
  /** Times, in ms since the epoch, at which units were taken inside the window, by the name of a budget's share. */
  usedAt: Record<string, number[]>;
  /** Open incidents that know one of the keys: an alert with them would join. */
  wouldJoin: string[];
}

const MOST_LEASES = 10_000;

/** Reads it in one transaction in which the database refuses every write. */
export function planState(
  store: Store,
  { budgets, keys, windowMinutes }: { budgets: Config['budgets']; keys: string[]; windowMinutes: number },
): Promise<PlanState> {
  return store.db.transaction().execute(async (tx) => {
    await sql`SET TRANSACTION READ ONLY`.execute(tx);
    const at = await store.now();
    const people = await tx
      .selectFrom('people')
      .select(['id', 'roles'])
      .where('active', '=', true)
      .orderBy('id')
      .execute();
    const leases = await tx
      .selectFrom('leases')
      .leftJoin('lease_holders', (join) =>
        join.onRef('lease_id', '=', 'leases.id').on('lease_holders.released_at', 'is', null),
      )
      .select(['connection', 'action', 'target_key', 'we_did_it', 'incident'])
      .where('status', '<>', 'released')
      .orderBy('acquired_at')
      .limit(MOST_LEASES)
      .execute();
    const inForce = new Map<string, PlanState['inForce'][number]>();
    for (const { connection, action, target_key: target, we_did_it: weDidIt, incident } of leases) {
      const key = `${connection}|${action}|${target}`;
      const one = inForce.get(key) ?? { connection, action, target, weDidIt, incidents: [] };
      if (incident !== null) one.incidents.push(incident);
      inForce.set(key, one);
    }
    const usedAt: PlanState['usedAt'] = {};
    for (const { id, windowSeconds } of budgets) {
      const rows = await tx
        .selectFrom('budget_uses')
        .select(['budget', 'at'])
        // All its shares: what follows a space says whose.
        .where(sql`split_part(budget, ' ', 1)`, '=', id)
        .where('at', '>', new Date(at.getTime() - windowSeconds * 1000))
        .where('returned', '=', false)
        .execute();
      for (const row of rows) (usedAt[row.budget] ??= []).push(row.at.getTime());
    }
    const since = new Date(at.getTime() - windowMinutes * 60_000);
    const open =
      keys.length === 0
        ? []
        : await tx
            .selectFrom('incident_entities')
            .innerJoin('incidents', 'number', 'incident')
            .select('number')
            .distinct()
            .where('key', 'in', keys)
            .where('last_seen', '>=', since)
            .where('status', '=', 'open')
            .orderBy('number')
            .limit(5)
            .execute();
    return {
      at,
      killSwitch: await isKillSwitchOn(tx),
      people: people.map(({ id, roles }) => ({ id, roles: roles as Role[] })),
      inForce: [...inForce.values()],
      usedAt,
      wouldJoin: open.map(({ number }) => number),
    };
  });
}
