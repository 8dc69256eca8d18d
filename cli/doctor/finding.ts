/** One thing that was looked at. Only `broken` makes the doctor fail. */
export interface Finding {
  status: 'ok' | 'warning' | 'broken' | 'skipped';
  what: string;
  detail: string;
}

/** Something cannot be looked at from here, which is no fault. */
export class Skipped extends Error {
  override readonly name = 'Skipped';
}

const TIMEOUT_MS = 10_000;

/** Runs one check within a time limit; what it throws is what is broken. */
export async function examine(
  what: string,
  check: (signal: AbortSignal) => Promise<string> | string,
  timeoutMs = TIMEOUT_MS,
): Promise<Finding> {
  const limit = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      limit.abort();
      reject(new Error(`no answer within ${String(timeoutMs / 1000)} s`));
    }, timeoutMs);
  });
  try {
    return { status: 'ok', what, detail: await Promise.race([check(limit.signal), late]) };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { status: error instanceof Skipped ? 'skipped' : 'broken', what, detail };
  } finally {
    clearTimeout(timer);
  }
}
