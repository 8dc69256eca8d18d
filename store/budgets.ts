import { sql } from 'kysely';
import type { Config } from '../contracts/config';
import type { Tx } from './store';

type Budget = Config['budgets'][number];

/** A budget, and what has its limit for itself: '' for the whole estate. */
export type BudgetShare = Budget & { readonly share: string };

/** What its uses are filed under. A budget's id has no space, so that no share is another budget. */
const nameOf = ({ id, share }: BudgetShare): string => (share === '' ? id : `${id} ${share}`);

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
  const named = budgets.map((budget) => ({ budget, name: nameOf(budget) }));
  // In one order everywhere: two transactions that want the same locks don't wait for each other.
  for (const { budget, name } of named.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    await sql`SELECT pg_advisory_xact_lock(hashtext(${`budget:${name}`}))`.execute(tx);
    const since = new Date(at.getTime() - budget.windowSeconds * 1000);
    const { used } = await tx
      .selectFrom('budget_uses')
      .select((eb) => eb.fn.countAll<string>().as('used'))
      .where('budget', '=', name)
      .where('at', '>', since)
      .where('returned', '=', false)
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

/** Gives the units back of an effect that certainly did not happen. */
export async function returnBudget(tx: Tx, actionKey: string): Promise<void> {
  await tx.updateTable('budget_uses').set({ returned: true }).where('action_key', '=', actionKey).execute();
}
