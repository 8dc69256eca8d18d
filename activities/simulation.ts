import { actionSpec, type ActionId } from '../contracts/actions';
import { drillConnection } from '../contracts/drill';
import type { Handler } from '../contracts/integration';
import { simulatedOutput } from '../contracts/simulated';
import type { JsonObject } from '../contracts/values';
import type { Route } from './route';

/**
 * What serves an action in a drill: nothing behind it, all goes well. It is told apart by its id alone, and the policy asks for what it
 * asks for of the real connection, whose tags it has.
 */
export function simulationOf(real: Pick<Route, 'id' | 'integration' | 'tags'>, action: ActionId): Route {
  return {
    id: drillConnection(real.id),
    integration: real.integration,
    simulated: true,
    tags: real.tags,
    handler: () => simulated(action),
    limited: (work) => work(),
  };
}

/** Each attempt has its own. One that takes over finds nothing in force and pretends again, which does no harm. */
function simulated(action: ActionId): Handler<ActionId> {
  let done = false;
  const output = (input: object): never =>
    simulatedOutput({ action, input: input as JsonObject }, new Date().toISOString()) as never;
  const act: Handler<ActionId>['act'] = async (input, context) => {
    await context.fence();
    done = true;
    return { status: 'done', output: output(input) };
  };
  if (actionSpec(action).delivery !== 'probe') return { permissions: [], act };
  return {
    permissions: [],
    act,
    probe: () => Promise.resolve({ inForce: done, state: { simulated: true } }),
    output,
  };
}
