import { sql } from 'kysely';
import type { Config } from '../contracts/config';
import type { Tx } from './store';

type Budget = Config['budgets'][number];

/**
 * Takes one unit of each budget, or none: returns the first that is used up. Serialised by a lock for the transaction,
 * so that concurrent incidents can't both take the last unit.
 */
export async function takeBudget(
  tx: Tx,
  budgets: readonly Budget[],
  actionKey: string,
  at: Date,
): Promise<Budget | undefined> {
  for (const budget of [...budgets].sort((a, b) => a.id.localeCompare(b.id))) {
    await sql`SELECT pg_advisory_xact_lock(hashtext(${`budget:${budget.id}`}))`.execute(tx);
    const since = new Date(at.getTime() - budget.windowSeconds * 1000);
    const { used } = await tx
      .selectFrom('budget_uses')
      .select((eb) => eb.fn.countAll<string>().as('used'))
      .where('budget', '=', budget.id)
      .where('at', '>', since)
      .where('returned', '=', false)
      .where('action_key', '<>', actionKey)
      .executeTakeFirstOrThrow();
    if (Number(used) >= budget.limit) return budget;
  }
  for (const budget of budgets)
    await tx
      .insertInto('budget_uses')
      .values({ budget: budget.id, action_key: actionKey, at })
      .onConflict((conflict) =>
        conflict.columns(['budget', 'action_key']).doUpdateSet({ at, returned: false }),
      )
      .execute();
  return undefined;
}

/** Gives the units back of an effect that certainly did not happen. */
export async function returnBudget(tx: Tx, actionKey: string): Promise<void> {
  await tx.updateTable('budget_uses').set({ returned: true }).where('action_key', '=', actionKey).execute();
}
