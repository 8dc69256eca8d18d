import { z } from 'zod';

/**
 * The failure types that cross a boundary (activity → workflow, server → client).
 * `retryable` ones may succeed when tried again; the others never do by themselves.
 */
export const ERROR_TYPES = {
  invalid_input: { retryable: false },
  auth: { retryable: false },
  not_found: { retryable: false },
  rejected: { retryable: false },
  rate_limited: { retryable: true },
  unavailable: { retryable: true },
  timeout: { retryable: true },
  unexpected_reply: { retryable: false },
  unsupported: { retryable: false },
  approval_required: { retryable: false },
  approval_denied: { retryable: false },
  approval_expired: { retryable: false },
  protected_asset: { retryable: false },
  /** A person has taken it out of the incident. */
  target_removed: { retryable: false },
  /** Something else has to be done first. */
  order_violation: { retryable: false },
  budget_exceeded: { retryable: false },
  kill_switch: { retryable: true },
  circuit_open: { retryable: true },
  maintenance_window: { retryable: true },
  fenced: { retryable: false },
  cancelled: { retryable: false },
  not_verified: { retryable: false },
  unknown_outcome: { retryable: false },
  no_connection: { retryable: false },
  internal: { retryable: false },
} as const;

export type ErrorType = keyof typeof ERROR_TYPES;
export const ErrorType = z.enum(Object.keys(ERROR_TYPES) as [ErrorType, ...ErrorType[]]);

/** A failure as data: safe to show and to journal; never a secret, never a body. */
export const Failure = z.object({
  type: ErrorType,
  message: z.string().max(2000),
  retryAfterMs: z.number().int().nonnegative().optional(),
});
export type Failure = z.infer<typeof Failure>;

/** Whether the same call may succeed later without anybody changing anything. */
export function isRetryable(type: ErrorType): boolean {
  return ERROR_TYPES[type].retryable;
}

/** The one error that adapters and the runner throw. `type` decides what happens next. */
export class CordonError extends Error {
  override readonly name = 'CordonError';
  constructor(
    readonly type: ErrorType,
    message: string,
    readonly options: { cause?: unknown; retryAfterMs?: number; maybeApplied?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
  }

  /** True when the vendor may have done it all the same: the reply was lost, not the request refused. */
  get maybeApplied(): boolean {
    return this.options.maybeApplied ?? (this.type === 'timeout' || this.type === 'unexpected_reply');
  }

  /** The failure as data. */
  toFailure(): Failure {
    const { retryAfterMs } = this.options;
    return {
      type: this.type,
      message: this.message.slice(0, 2000),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }
}
