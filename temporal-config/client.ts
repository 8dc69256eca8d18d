import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { dataConverter } from './payload-codec';

/** Where Temporal is. Without an address the variables and profiles of @temporalio/envconfig decide. */
export interface TemporalTarget {
  address?: string;
  namespace?: string;
}

type Loaded = ReturnType<typeof loadClientConnectConfig>;

/** Address, TLS, API key and namespace, for client and worker alike. */
export function temporalOptions(target: TemporalTarget = {}): {
  connection: Loaded['connectionOptions'];
  namespace: string;
} {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return {
    connection: {
      ...connectionOptions,
      ...(target.address === undefined ? {} : { address: target.address }),
    },
    namespace: target.namespace ?? namespace ?? 'default',
  };
}

/** A client that connects when it is first used, so that the server starts and accepts alerts while Temporal is down. */
export function createClient(target: TemporalTarget = {}): Client {
  const { connection, namespace } = temporalOptions(target);
  return new Client({ connection: Connection.lazy(connection), namespace, dataConverter: dataConverter() });
}
