import { SHAPES, type Shape } from './shapes';
import type { EngineName, Measured, Round } from './types';

/** The value below which this share of the values lies, between neighbours interpolated. NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** Median, smallest and largest. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

const spread = (values: readonly number[]): Spread => ({
  median: quantile(values, 0.5),
  min: Math.min(...values),
  max: Math.max(...values),
});

export const METRICS = [
  'incidentsPerSecond',
  'firstActionMs',
  'firstActionP95Ms',
  'thirdActionMs',
  'cpuMsPerIncident',
  'temporalCpuMsPerIncident',
] as const satisfies readonly (keyof Measured)[];
export type Metric = (typeof METRICS)[number];

/** The engines, and Cordon and the floor divided by the baseline, the quotient formed within each round. */
export type Row = Record<EngineName | 'ratio' | 'floorRatio', Spread>;
export type Summary = Record<Shape, Record<Metric, Row>>;

/** What the rounds say together. The machine changes between rounds, so only quotients within a round are compared. */
export function summarise(rounds: readonly Round[]): Summary {
  const row = (shape: Shape, metric: Metric): Row => {
    const of = (name: EngineName): Spread => spread(rounds.map((round) => round[name][shape][metric]));
    const toBare = (name: EngineName): Spread =>
      spread(rounds.map((round) => round[name][shape][metric] / round.baseline[shape][metric]));
    return {
      cordon: of('cordon'),
      floor: of('floor'),
      baseline: of('baseline'),
      ratio: toBare('cordon'),
      floorRatio: toBare('floor'),
    };
  };
  const shape = (one: Shape): Summary[Shape] =>
    Object.fromEntries(METRICS.map((metric) => [metric, row(one, metric)])) as Summary[Shape];
  return Object.fromEntries(SHAPES.map((one) => [one, shape(one)])) as Summary;
}
