import { sql } from 'kysely';
import type { Config } from '../contracts/config';
import type { Store, Tx } from './store';

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
    const { used } = await usesOf(tx, budget, at)
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

/** How many units of a budget are used in the window that ends now. */
export async function budgetUsed({ db }: Pick<Store, 'db'>, budget: Budget, at: Date): Promise<number> {
  return Number((await usesOf(db, budget, at).executeTakeFirstOrThrow()).used);
}

const usesOf = (db: Tx | Store['db'], { id, windowSeconds }: Budget, at: Date) =>
  db
    .selectFrom('budget_uses')
    .select((eb) => eb.fn.countAll<string>().as('used'))
    .where('budget', '=', id)
    .where('at', '>', new Date(at.getTime() - windowSeconds * 1000))
    .where('returned', '=', false);

/** Gives the units back of an effect that certainly did not happen. */
export async function returnBudget(tx: Tx, actionKey: string): Promise<void> {
  await tx.updateTable('budget_uses').set({ returned: true }).where('action_key', '=', actionKey).execute();
}
