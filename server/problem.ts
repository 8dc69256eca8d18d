import type { NextFunction, Request, Response } from 'express';
import { z } from 'zod';
import { isDatabaseAway } from '../store/store';

/** An error that becomes problem+json (RFC 9457, https://www.rfc-editor.org/rfc/rfc9457). */
export class Problem extends Error {
  override readonly name = 'Problem';
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly extra: { errors?: { field: string; message: string }[]; retryAfterSeconds?: number } = {},
  ) {
    super(detail);
  }
}

/** Which problem an error is. The only place where errors become HTTP. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof z.ZodError) {
    const errors = error.issues.map((issue) => ({
      field: issue.path.join('.') || 'body',
      message: issue.message,
    }));
    return new Problem(
      422,
      'Unprocessable content',
      errors
        .map(({ field, message }) => `${field}: ${message}`)
        .join('; ')
        .slice(0, 2000),
      { errors },
    );
  }
  const { type } = error as { type?: string };
  if (type === 'entity.too.large')
    return new Problem(413, 'Content too large', 'A body may have 2 MB at most.');
  if (type === 'entity.parse.failed') return new Problem(400, 'Bad request', 'The body is not JSON.');
  if (isDatabaseAway(error))
    return new Problem(
      503,
      'Service unavailable',
      'The database cannot be reached. Nothing was stored; send it again.',
      { retryAfterSeconds: 5 },
    );
  return new Problem(
    500,
    'Internal error',
    'Something went wrong in Cordon. The log has it under this request id.',
  );
}

/** The id under which this request is logged. */
export const requestIdOf = (response: Response): string => String(response.getHeader('X-Request-Id'));

/** Express' error handler. */
export function problemJson(log: (error: unknown, request: Request, requestId: string) => void) {
  return (error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const problem = asProblem(error);
    const requestId = requestIdOf(response);
    if (problem.status >= 500) log(error, request, requestId);
    if (problem.extra.retryAfterSeconds !== undefined)
      response.setHeader('Retry-After', String(problem.extra.retryAfterSeconds));
    response
      .status(problem.status)
      .type('application/problem+json')
      .send(
        JSON.stringify({
          type: 'about:blank',
          title: problem.title,
          status: problem.status,
          detail: problem.detail,
          requestId,
          ...(problem.extra.errors === undefined ? {} : { errors: problem.extra.errors }),
        }),
      );
  };
}
