import type { ActionId, ActionOutput } from '../../contracts/actions';
import type { Entities } from '../../contracts/alert';

/** What an action said about a target. */
export type Finding<T, A extends ActionId> = A extends ActionId
  ? { readonly target: T; readonly action: A; readonly output: ActionOutput<A> }
  : never;

/** What joins the scope: names as products give them. Who or what they are is found out by the assets. */
export type Additions = { readonly [K in keyof Entities]?: Readonly<Entities[K]> };
