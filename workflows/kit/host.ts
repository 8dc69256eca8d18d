import type { AlertView } from '../../contracts/alert';
import type {
  CordonActivities,
  IncidentUpdate,
  WaveInput,
  WaveResult,
  WideningInput,
} from '../../contracts/messages';
import type { QuestionInput, QuestionState } from '../../contracts/question';

/** A point where a playbook takes one of several ways. */
export interface Decision {
  readonly title: string;
  /** What the facts say. */
  readonly fact: boolean | string;
  /** The ways there are. */
  readonly ways: readonly (boolean | string)[];
}

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
  /** Asks people, once however often it is called, and says what has become of it. */
  askQuestion(input: QuestionInput): Promise<QuestionState>;
  /** What the entities are, by the assets. */
  widenScope(input: WideningInput): Promise<{ scope: AlertView['scope'] }>;
  /** Chooses a branch in the place of the facts. Only who reads a playbook's branches does; a run that acts never has it. */
  branch?(decision: Decision): boolean | string;
  rollBack(input: Parameters<CordonActivities['rollBack']>[0]): Promise<{ released: number; failed: number }>;
  /** Whether an error is the host's way to end the run, so that nobody may hold it up. */
  isEnd(error: unknown): boolean;
  /** Events in the run's history so far. */
  historyLength(): number;
  log(message: string, data?: Readonly<Record<string, unknown>>): void;
}
