import { SHAPES, type Shape } from './shapes';
import type { EngineName, Measured, Pair } from './types';

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

/** Both engines and Cordon divided by the baseline, the quotient formed within each pair. */
export type Row = Record<EngineName | 'ratio', Spread>;
export type Summary = Record<Shape, Record<Metric, Row>>;

/** What the pairs say together. The machine changes between pairs, so only quotients within a pair are compared. */
export function summarise(pairs: readonly Pair[]): Summary {
  const row = (shape: Shape, metric: Metric): Row => ({
    cordon: spread(pairs.map(({ cordon }) => cordon[shape][metric])),
    baseline: spread(pairs.map(({ baseline }) => baseline[shape][metric])),
    ratio: spread(pairs.map(({ cordon, baseline }) => cordon[shape][metric] / baseline[shape][metric])),
  });
  const shape = (one: Shape): Summary[Shape] =>
    Object.fromEntries(METRICS.map((metric) => [metric, row(one, metric)])) as Summary[Shape];
  return Object.fromEntries(SHAPES.map((one) => [one, shape(one)])) as Summary;
}
