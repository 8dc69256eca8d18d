import type { AlertView } from '../../contracts/alert';
import { seconds, type Duration } from './duration';
import { PlaybookError } from './failure';
import type { Run } from './run';

/** Which alerts are meant: `technique('T1078')`, `category('phishing')`. */
export interface Matcher {
  matches(alert: AlertView): boolean;
}

/** What a playbook can wait for: a time, a moment (ISO 8601; a date is its begin in UTC; none when it is over), or an alert that joins from now on. */
export interface WaitFor {
  (what: { readonly time: Duration } | { readonly until: string }): Promise<void>;
  (what: { readonly alert: Matcher; readonly within: Duration }): Promise<AlertView | undefined>;
}

type What =
  | { readonly time: Duration }
  | { readonly until: string }
  | { readonly alert: Matcher; readonly within: Duration };

/** `waitFor`: see the words of a playbook. */
export async function waitFor(run: Run, what: What): Promise<AlertView | undefined> {
  run.check();
  const since = run.seenAlertSeq;
  await run.flush();
  if (!('alert' in what)) {
    const waitMs = 'time' in what ? seconds(what.time) * 1000 : Date.parse(what.until) - run.host.now();
    if (Number.isNaN(waitMs)) throw new PlaybookError('waitFor: that moment is none');
    if (waitMs > 0) await run.until(() => false, waitMs);
    return undefined;
  }
  const come = (): AlertView | undefined =>
    run.alerts.find((alert) => alert.seq > since && what.alert.matches(alert));
  await run.until(() => come() !== undefined, seconds(what.within) * 1000);
  return come();
}
