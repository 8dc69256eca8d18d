import type { ActionId, ActionInput } from '../../contracts/actions';
import type { Connection, Integration } from '../../contracts/integration';
import type { FakeServer } from '../../integrations/kit/fake-server';
import { isInForce, type ProductState } from '../../integrations/kit/fake-product';
import { nameIn } from '../../integrations/kit/simulated-product';
import { fakeConnectTools } from '../contract/call-context';
import type { ActionCase } from '../contract/contract-suite';
import { writeFaults } from './http-faults';

export interface ProductWorld<S extends ProductState> {
  fake: FakeServer<S>;
  connection: Connection;
}

/** A simulated product that has started, and the connection to it. */
export function connected<F extends FakeServer<ProductState>>(
  integration: Integration,
  fake: F,
): { fake: F; connection: Connection } {
  const config = integration.config.parse({ url: fake.url, timeoutMs: 300 });
  return { fake, connection: integration.connect(config, fakeConnectTools()) };
}

/** The case of an effect of the common shape. It is listed when something takes it back. */
export function effectCase<A extends ActionId, S extends ProductState>(
  action: A,
  input: ActionInput<A>,
  { listed = true, check }: Pick<ActionCase<A, ProductWorld<S>>, 'listed' | 'check'> = {},
): ActionCase<A, ProductWorld<S>> {
  return {
    ...(listed ? { listed } : {}),
    ...(check === undefined ? {} : { check }),
    input: () => input,
    inForce: ({ fake }) =>
      isInForce(fake.state(), action.slice(action.indexOf('.') + 1), nameIn(action, input)),
    faults: writeFaults(['PUT']),
  };
}

/** The case of a job of the common shape; reading changes nothing, whatever becomes of the reply. */
export function jobCase<A extends ActionId, S extends ProductState>(
  input: ActionInput<A>,
  check: NonNullable<ActionCase<A, ProductWorld<S>>['check']>,
  { writes = false }: { writes?: boolean } = {},
): ActionCase<A, ProductWorld<S>> {
  const faults = writeFaults<ProductWorld<S>>(['POST']);
  return {
    input: () => input,
    check,
    faults: writes ? faults : faults.map((fault) => ({ ...fault, maybeApplied: false })),
  };
}
