import type { Shape } from './shapes';

export const ENGINES = ['baseline', 'cordon', 'floor'] as const;
export type EngineName = (typeof ENGINES)[number];

/** How much is measured. */
export interface Size {
  rounds: number;
  /** Incidents before anything counts. */
  warmUp: number;
  /** Incidents one at a time. */
  single: number;
  /** Incidents of the burst. */
  burst: number;
  /** Posts under way at the same time in the burst. */
  concurrency: number;
}

/** What one engine did in one shape, in one run. Times in ms. */
export interface Measured {
  /** From the alert being sent to the first state-changing call at the mock, one incident at a time. */
  firstActionMs: number;
  firstActionP95Ms: number;
  /** To the third. */
  thirdActionMs: number;
  incidentsPerSecond: number;
  /** CPU time of all of the engine's processes in the burst, until they are quiet, per incident. */
  cpuMsPerIncident: number;
  /** Of that, the Temporal server's. */
  temporalCpuMsPerIncident: number;
}

export type Run = Record<Shape, Measured>;
/** Each engine once, close together in time. */
export type Round = Record<EngineName, Run>;
