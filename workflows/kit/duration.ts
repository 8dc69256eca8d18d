/** `90m`, `72h`, `30d`. */
export type Duration = `${number}${'m' | 'h' | 'd'}`;

const SECONDS = { m: 60, h: 3600, d: 86_400 } as const;

/** Whole seconds of a duration; `seconds('72h')` is 259200. */
export function seconds(duration: Duration): number {
  const unit = duration.slice(-1) as keyof typeof SECONDS;
  return Math.max(1, Math.round(Number(duration.slice(0, -1)) * SECONDS[unit]));
}
