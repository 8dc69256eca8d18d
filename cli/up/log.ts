import { DefaultLogger, makeTelemetryFilterString, Runtime, type LogEntry } from '@temporalio/worker';
import pino, { type DestinationStream, type LevelWithSilent, type Logger } from 'pino';
import type { CallContext } from '../../contracts/integration';

/** What people at a terminal read. */
export type Say = (message: string) => void;

/** Errors do not survive JSON: their stack does. */
function readable(meta: object): object {
  return Object.fromEntries(
    Object.entries(meta).map(([key, value]: [string, unknown]) => [
      key,
      value instanceof Error ? (value.stack ?? value.message) : value,
    ]),
  );
}

/** A logger of JSON lines. */
export function createLogger(level: LevelWithSilent, destination: DestinationStream): Logger {
  return pino({ level }, destination);
}

/** The log in the form in which the other parts take it. */
export function logOf(logger: Logger): CallContext['log'] {
  return {
    info: (data, message) => {
      logger.info(readable(data), message);
    },
    warn: (data, message) => {
      logger.warn(readable(data), message);
    },
  };
}

/**
 * Sends the warnings of Temporal's SDK to the log, those of its native core included: a workflow task that fails again and again
 * shows only there. Signals are ours, not the SDK's: server, dispatcher and worker end in an order. Called before anything makes a Runtime.
 */
export function installRuntime(logger: Logger): void {
  const write = ({ level, message, meta }: LogEntry): void => {
    const data = readable(meta ?? {});
    if (level === 'ERROR') logger.error(data, message);
    else if (level === 'WARN') logger.warn(data, message);
  };
  Runtime.install({
    logger: new DefaultLogger('WARN', write),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
    },
    shutdownSignals: [],
  });
}
