import { CordonError } from '../../contracts/errors';

/**
 * The error of a call that was given up. A signal that fired by time (`AbortSignal.timeout`) is a timeout,
 * any other is a cancellation. `maybeApplied` says whether something had been sent by then.
 */
export function abortError(signal: AbortSignal, what: string, maybeApplied: boolean): CordonError {
  // Its reason is a DOMException, which is not an Error of every realm.
  const reason = signal.reason as { name?: unknown } | null;
  if (reason?.name === 'TimeoutError') {
    return new CordonError('timeout', `${what}: took too long`, { maybeApplied });
  }
  return new CordonError('cancelled', `${what}: cancelled`, { maybeApplied });
}

/** Throws the error of `abortError` when the signal has fired; nothing has been sent yet. */
export function throwIfAborted(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw abortError(signal, what, false);
}
