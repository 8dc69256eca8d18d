import type { ActionId } from './actions';
import type { Asset } from './assets';
import type { Config } from './config';
import { isDrillConnection } from './drill';
import type { Failure } from './errors';

type Budget = Config['budgets'][number];

/** A budget, and what has its limit for itself: '' for the whole estate. */
export type BudgetShare = Budget & { readonly share: string };

/** What its uses are filed under. A budget's id has no space, so that no share is another budget. */
export const budgetName = ({ id, share }: Pick<BudgetShare, 'id' | 'share'>): string =>
  share === '' ? id : `${id} ${share}`;

/**
 * The limits that an item counts against. What might be one of several assets counts at the site of each of them, so that no
 * way of naming it finds an unused limit. Drills have limits of their own.
 */
export function budgetsOf(budgets: readonly Budget[], one: Counted): BudgetShare[] {
  const isDrill = one.route !== undefined && isDrillConnection(one.route.id);
  return budgets
    .filter(({ actions }) => actions.includes(one.spec.id))
    .flatMap((budget) =>
      sharesOf(budget, one).map((share) => ({
        ...budget,
        share: isDrill ? `drill ${share}`.trimEnd() : share,
      })),
    );
}

/** What counts against budgets; of one whose connection is not known, those of connections are left out. */
interface Counted {
  readonly spec: { readonly id: ActionId };
  readonly asset?: Asset | undefined;
  readonly mayBe: readonly Asset[];
  readonly route?: { readonly id: string };
}

function sharesOf({ per }: Budget, { asset, mayBe, route }: Counted): string[] {
  switch (per) {
    case 'estate':
      return [''];
    case 'connection':
      return route === undefined ? [] : [`connection ${route.id}`];
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
