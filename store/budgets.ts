import { sql } from 'kysely';
import { budgetName, type BudgetShare } from '../contracts/budgets';
import type { Store, Tx } from './store';

/**
 * Takes one unit of each budget, or none: returns the first that is used up. Serialised by a lock for the transaction,
 * so that concurrent incidents can't both take the last unit.
 */
export async function takeBudget(
  tx: Tx,
  budgets: readonly BudgetShare[],
  actionKey: string,
  at: Date,
): Promise<BudgetShare | undefined> {
  const named = budgets.map((budget) => ({ budget, name: budgetName(budget) }));
  // In one order everywhere: two transactions that want the same locks don't wait for each other.
  for (const { budget, name } of named.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    await sql`SELECT pg_advisory_xact_lock(hashtext(${`budget:${name}`}))`.execute(tx);
    const { used } = await usesOf(tx, budget, at)
      .where('action_key', '<>', actionKey)
      .executeTakeFirstOrThrow();
    if (Number(used) >= budget.limit) return budget;
  }
  for (const { name } of named)
    await tx
      .insertInto('budget_uses')
      .values({ budget: name, action_key: actionKey, at })
      .onConflict((conflict) =>
        conflict.columns(['budget', 'action_key']).doUpdateSet({ at, returned: false }),
      )
      .execute();
  return undefined;
}

/** How many units of a budget are used in the window that ends now. */
export async function budgetUsed({ db }: Pick<Store, 'db'>, budget: BudgetShare, at: Date): Promise<number> {
  return Number((await usesOf(db, budget, at).executeTakeFirstOrThrow()).used);
}

const usesOf = (db: Tx | Store['db'], budget: BudgetShare, at: Date) =>
  db
    .selectFrom('budget_uses')
    .select((eb) => eb.fn.countAll<string>().as('used'))
    .where('budget', '=', budgetName(budget))
    .where('at', '>', new Date(at.getTime() - budget.windowSeconds * 1000))
    .where('returned', '=', false);

/** Gives the units back of an effect that certainly did not happen. */
export async function returnBudget(tx: Tx, actionKey: string): Promise<void> {
  await tx.updateTable('budget_uses').set({ returned: true }).where('action_key', '=', actionKey).execute();
}
