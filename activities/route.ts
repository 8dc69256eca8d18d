import type { ActionId } from '../contracts/actions';
import type { Handler } from '../contracts/integration';

/** A connection that serves an action on a target. */
export interface Route {
  readonly id: string;
  /** Id of the integration behind it. */
  readonly integration: string;
  readonly simulated: boolean;
  readonly tags: readonly string[];
  /** Connects when first called. */
  handler(): Handler<ActionId>;
  /** Runs work within the connection's limit of calls at the same time. */
  limited<T>(work: () => Promise<T>): Promise<T>;
}
