import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

/** Where Temporal is. Without an address the variables and profiles of @temporalio/envconfig decide. */
export interface TemporalTarget {
  address?: string;
  namespace?: string;
}

/** A client that connects when it is first used, so that the server starts and accepts alerts while Temporal is down. */
export function createClient(target: TemporalTarget = {}): Client {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = Connection.lazy({
    ...connectionOptions,
    ...(target.address === undefined ? {} : { address: target.address }),
  });
  return new Client({ connection, namespace: target.namespace ?? namespace ?? 'default' });
}
