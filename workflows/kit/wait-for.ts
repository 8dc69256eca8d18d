import type { AlertView } from '../../contracts/alert';
import { seconds, type Duration } from './duration';
import type { Run } from './run';

/** Which alerts are meant: `technique('T1078')`, `category('phishing')`. */
interface Matcher {
  matches(alert: AlertView): boolean;
}

/** What a playbook can wait for: a time, or an alert that joins from now on. */
export interface WaitFor {
  (what: { readonly time: Duration }): Promise<void>;
  (what: { readonly alert: Matcher; readonly within: Duration }): Promise<AlertView | undefined>;
}

type What = { readonly time: Duration } | { readonly alert: Matcher; readonly within: Duration };

/** `waitFor`: see the words of a playbook. */
export async function waitFor(run: Run, what: What): Promise<AlertView | undefined> {
  run.check();
  await run.flush();
  if ('time' in what) {
    await run.until(() => false, seconds(what.time) * 1000);
    return undefined;
  }
  const since = run.seenAlertSeq;
  const come = (): AlertView | undefined =>
    run.alerts.find((alert) => alert.seq > since && what.alert.matches(alert));
  await run.until(() => come() !== undefined, seconds(what.within) * 1000);
  return come();
}
