import express, { Router, type Request, type RequestHandler } from 'express';
import { z } from 'zod';
import type { Person } from '../../store/people';
import type { Store } from '../../store/store';
import { authorize, type Caller, type Permission } from '../auth/authenticate';
import type { CallLimits } from '../auth/limits';

const BODY_LIMIT = '2mb';

type Shape = z.ZodObject;
const NOTHING = z.object({});

/** What a handler is given: everything checked. */
export interface Call<P extends Shape, Q extends Shape, B extends z.ZodType> {
  person: Person;
  /** What the person calls with; a decision's record names it. */
  channel: Caller['channel'];
  params: z.output<P>;
  query: z.output<Q>;
  body: z.output<B>;
  header: (name: string) => string | undefined;
}

/** One route of the API. The router and the OpenAPI document are both made from it. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** Under `/api/v1`, parameters in braces: `/incidents/{number}`. */
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly permission: Permission;
  readonly params: Shape;
  readonly query: Shape;
  readonly headers: Shape;
  readonly body: z.ZodType | undefined;
  readonly status: 200 | 201 | 202;
  readonly answer: z.ZodType;
  /** Problems beyond 401, 403, 422 and 503, each with when. */
  readonly problems: Readonly<Record<number, string>>;
  readonly handle: (call: Call<Shape, Shape, z.ZodType>) => Promise<unknown>;
}

/** Declares a route; what its handler gets and gives follows from the schemas. */
export function route<
  A extends z.ZodType,
  P extends Shape = typeof NOTHING,
  Q extends Shape = typeof NOTHING,
  B extends z.ZodType = z.ZodUndefined,
>(
  spec: Pick<Route, 'method' | 'path' | 'id' | 'tag' | 'summary' | 'permission'> & {
    params?: P;
    query?: Q;
    headers?: Shape;
    body?: B;
    status?: Route['status'];
    answer: A;
    problems?: Record<number, string>;
    handle: (call: Call<P, Q, B>) => Promise<z.input<A>>;
  },
): Route {
  const { params = NOTHING, query = NOTHING, headers = NOTHING, status = 200, problems = {} } = spec;
  // A Call of any schemas is what a route's own schemas have parsed.
  const handle = spec.handle as unknown as Route['handle'];
  return { ...spec, body: spec.body, params, query, headers, status, problems, handle };
}

const json: RequestHandler = express.json({ limit: BODY_LIMIT });

/** Reads the body as JSON, once it is known who sends it. */
function readBody(request: Request, response: express.Response): Promise<unknown> {
  return new Promise((resolve, reject) => {
    json(request, response, (error?: unknown) => {
      if (error === undefined) resolve(request.body);
      else reject(error instanceof Error ? error : new Error('the body could not be read'));
    });
  });
}

/** Who calls, if they may and not too often. */
const callerOf = (
  store: Store,
  limits: CallLimits,
  request: Request,
  permission: Permission,
): Promise<Caller> =>
  limits.attempt(request, async () => {
    const caller = await authorize(store, request, permission);
    await limits.called(caller.person.id);
    return caller;
  });

/** The router of a table: each route authorised, checked, answered, in this order. */
export function routerOf(store: Store, limits: CallLimits, prefix: string, routes: readonly Route[]): Router {
  const router = Router();
  for (const one of routes) {
    const path = prefix + one.path.replace(/\{(\w+)\}/g, ':$1');
    router[one.method](path, async (request, response) => {
      const { person, channel } = await callerOf(store, limits, request, one.permission);
      const body = one.body === undefined ? undefined : one.body.parse(await readBody(request, response));
      const answer = await one.handle({
        person,
        channel,
        params: one.params.parse(request.params),
        query: one.query.parse(request.query),
        body,
        header: (name) => request.get(name),
      });
      response.status(one.status).json(answer);
    });
  }
  return router;
}
