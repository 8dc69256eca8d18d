import { Client, Connection, type ConnectionLike } from '@temporalio/client';
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

/**
 * After an outage gRPC waits up to two minutes before it tries to connect again; alerts that wait in the outbox should go out within
 * seconds of Temporal's return. https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md
 */
const RECONNECT = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 1_000 };

/** A client on a connection that is there already, such as a worker's. */
export function createClientOn(connection: ConnectionLike, namespace: string): Client {
  return new Client({ connection, namespace, dataConverter: dataConverter() });
}

/** A client that connects when it is first used, so that the server starts and accepts alerts while Temporal is down. */
export function createClient(target: TemporalTarget = {}): Client {
  const { connection, namespace } = temporalOptions(target);
  return new Client({
    connection: Connection.lazy({ ...connection, channelArgs: RECONNECT }),
    namespace,
    dataConverter: dataConverter(),
  });
}
