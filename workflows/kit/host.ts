import type { AlertView } from '../../contracts/alert';
import type { CordonActivities, IncidentUpdate, WaveInput, WaveResult } from '../../contracts/messages';

/**
 * Everything that the kit asks of the world. One implementation runs on Temporal, one in process on a virtual clock;
 * a playbook cannot tell which.
 */
export interface Host {
  /** Milliseconds since the epoch, the same in every replay. */
  now(): number;
  sleep(ms: number): Promise<void>;
  /** Resolves true once `fn` holds, false when the time is over first. Without a time it waits for ever. */
  condition(fn: () => boolean, timeoutMs?: number): Promise<boolean>;
  runWave(input: WaveInput): Promise<WaveResult>;
  /** The incident's alerts after `afterSeq`, at most 50. */
  readAlerts(input: { incident: string; afterSeq: number }): Promise<readonly AlertView[]>;
  updateIncident(update: IncidentUpdate): Promise<{ closed: boolean; moreAlerts: boolean }>;
  rollBack(input: Parameters<CordonActivities['rollBack']>[0]): Promise<{ released: number; failed: number }>;
  /** Events in the run's history so far. */
  historyLength(): number;
  log(message: string, data?: Readonly<Record<string, unknown>>): void;
}
