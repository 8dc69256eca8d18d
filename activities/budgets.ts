import type { Config } from '../contracts/config';
import type { Failure } from '../contracts/errors';
import type { BudgetShare } from '../store/budgets';
import type { Prepared } from './runner-types';

/**
 * The limits that an item counts against. What might be one of several assets counts at the site of each of them, so that no
 * way of naming it finds an unused limit.
 */
export function budgetsOf(budgets: Config['budgets'], prepared: Prepared): BudgetShare[] {
  return budgets
    .filter(({ actions }) => actions.includes(prepared.spec.id))
    .flatMap((budget) => sharesOf(budget, prepared).map((share) => ({ ...budget, share })));
}

function sharesOf({ per }: Config['budgets'][number], { asset, mayBe, route }: Prepared): string[] {
  switch (per) {
    case 'estate':
      return [''];
    case 'connection':
      return [`connection ${route.id}`];
    case 'site': {
      const candidates = mayBe.length > 0 || asset === undefined ? mayBe : [asset];
      const sites = candidates.length > 0 ? candidates.map(({ site }) => site) : [undefined];
      return [...new Set(sites)].map((site) => (site === undefined ? 'no site' : `site ${site}`));
    }
  }
}

/** Why an item is held by a limit that is used up. */
export function usedUp({ id, share, limit, windowSeconds }: BudgetShare): Failure {
  const of = share === '' ? '' : ` of ${share}`;
  return {
    type: 'budget_exceeded',
    message: `The budget ${id}${of} (${String(limit)} in ${String(windowSeconds)} s) is used up.`,
  };
}
