import { z } from 'zod';
import { Alert } from '../contracts/alert';
import type { Config } from '../contracts/config';
import { CordonError } from '../contracts/errors';
import type { Source } from '../contracts/source';
import type { Json } from '../contracts/values';

/** As many as a run reads at a time. */
const MOST_ALERTS = 50;

/** Whose parser reads an alert that names no source and is not normalised. */
const DEFAULT_SOURCE = 'generic';

/**
 * The alerts of what a source sent, as its parser makes them; a normalised alert as it is. Throws a ZodError with paths below
 * `alert`, or a CordonError that names the field.
 */
export function alertsOf(
  { alert, source }: { alert: Json; source?: string | undefined },
  configured: Config['sources'],
  sources: ReadonlyMap<string, Source>,
  now: number,
): Alert[] {
  const found = configured.find(({ id }) => id === source);
  if (source !== undefined && found === undefined)
    throw new CordonError(
      'invalid_input',
      `source: there is no source "${source}"; there are ${configured.map(({ id }) => id).join(', ') || 'none'}.`,
    );
  const isNormalised = typeof alert === 'object' && alert !== null && 'alertKey' in alert;
  const parser = sources.get(found?.use ?? DEFAULT_SOURCE);
  if (parser === undefined) throw new CordonError('internal', `There is no parser ${found?.use ?? ''}.`);
  const request = { headers: {}, query: {}, body: new TextEncoder().encode(JSON.stringify(alert)), now };
  let alerts: Alert[];
  try {
    alerts =
      source === undefined && isNormalised
        ? [Alert.parse(alert)]
        : parser.parse(alert, request, source ?? 'plan', parser.config.parse(found?.config ?? {})).alerts;
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw new z.ZodError(error.issues.map((issue) => ({ ...issue, path: ['alert', ...issue.path] })));
  }
  if (alerts.length === 0 || alerts.length > MOST_ALERTS)
    throw new CordonError(
      'invalid_input',
      `alert: ${found?.use ?? DEFAULT_SOURCE} makes ${String(alerts.length)} alerts of this; 1 to ${String(MOST_ALERTS)} can be taken.`,
    );
  return alerts;
}
