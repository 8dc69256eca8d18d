/** A piece of an OpenAPI document. */
export type Doc = Record<string, unknown>;

export const SCHEMAS = '#/components/schemas/';

/** A response that is a problem. */
export const problem = (description: string): Doc => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: `${SCHEMAS}Problem` } } },
});

/** What any route may answer. */
export const PROBLEMS: Readonly<Record<number, string>> = {
  401: 'No token, or one that does not hold.',
  403: 'The person holds none of the roles.',
  422: 'Something does not fit its schema; `errors` names each field.',
  429: 'Too many calls of this person, or from this address without a good token. Retry-After says when to try again.',
  503: 'The database cannot be reached; nothing was stored. Retry-After says when to try again.',
};

/** What a route with a body may answer. */
export const BODY_PROBLEMS = { 400: 'The body is not JSON.', 413: 'The body is larger than 2 MB.' };

const TEXT = { 'text/plain': { schema: { type: 'string' } } };
const OK = {
  description: 'It is.',
  content: {
    'application/json': {
      schema: { type: 'object', properties: { ok: { const: true } }, required: ['ok'] },
    },
  },
};
const named = (name: string): Doc[] => [
  { name, in: 'path', required: true, schema: { type: 'string', minLength: 1 } },
];
const SIGNATURE: Doc[] = [
  ...['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, 'a `webhook`'] as const),
  ...['x-slack-request-timestamp', 'x-slack-signature'].map((name) => [name, '`slack`'] as const),
].map(([name, kind]) => ({
  name,
  in: 'header',
  description: `Required of ${kind}.`,
  schema: { type: 'string' },
}));

const SESSION = {
  description: 'Who is logged in now.',
  content: { 'application/json': { schema: { $ref: `${SCHEMAS}SessionView` } } },
};

/** What stands beside `/api/v1`, each with a way of its own to prove who it is. */
export const BESIDE: Record<string, Doc> = {
  '/hooks/{source}': {
    post: {
      operationId: 'deliverAlerts',
      tags: ['hooks'],
      summary: 'An alert source delivers; authenticated by the mechanism of the source',
      security: [],
      parameters: named('source'),
      requestBody: { required: true, content: { 'application/json': { schema: {} } } },
      responses: {
        202: {
          description: 'Stored, or recognised as a repeat.',
          content: { 'application/json': { schema: { $ref: `${SCHEMAS}Delivered` } } },
        },
        401: problem('The signature or secret does not hold.'),
        404: problem('There is no such source.'),
        422: problem(PROBLEMS[422] ?? ''),
        503: problem(PROBLEMS[503] ?? ''),
        400: problem(BODY_PROBLEMS[400]),
        413: problem(BODY_PROBLEMS[413]),
      },
    },
  },
  '/hooks/approvals/{channel}': {
    post: {
      operationId: 'decideThroughChannel',
      tags: ['hooks'],
      summary:
        'A chat or ticket system answers for a person; signed as Standard Webhooks wants it, by Slack in its own way',
      security: [],
      parameters: [...named('channel'), ...SIGNATURE],
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: { $ref: `${SCHEMAS}ChannelDecision` } },
          'application/x-www-form-urlencoded': {
            schema: { type: 'object', properties: { payload: { type: 'string' } }, required: ['payload'] },
          },
        },
      },
      responses: {
        200: { description: 'Slack: the click is taken; the person learns in Slack what became of it.' },
        202: {
          description: 'Recorded, or recognised as a repeat.',
          content: { 'application/json': { schema: { $ref: `${SCHEMAS}ChannelDecided` } } },
        },
        400: problem(BODY_PROBLEMS[400]),
        401: problem('The signature does not hold, or is stale.'),
        403: problem('The channel may not speak for this person, or not decide these items.'),
        404: problem('There is no such channel or request.'),
        409: problem('Settled, another plan, or a decisionId that stands for another decision.'),
        413: problem(BODY_PROBLEMS[413]),
        422: problem(PROBLEMS[422] ?? ''),
        503: problem(PROBLEMS[503] ?? ''),
      },
    },
  },
  '/session': {
    get: {
      operationId: 'getSession',
      tags: ['session'],
      summary: 'Who is logged in in this browser',
      security: [],
      responses: { 200: SESSION, 403: problem('Another site asked.'), 503: problem(PROBLEMS[503] ?? '') },
    },
    post: {
      operationId: 'logIn',
      tags: ['session'],
      summary: 'Log this browser in with an API token; sets the cookie',
      security: [],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: { type: 'object', properties: { token: { type: 'string' } }, required: ['token'] },
          },
        },
      },
      responses: {
        200: SESSION,
        400: problem(BODY_PROBLEMS[400]),
        401: problem('The token does not hold.'),
        403: problem('Another site sent it.'),
        413: problem('The body is too large.'),
        422: problem(PROBLEMS[422] ?? ''),
        503: problem(PROBLEMS[503] ?? ''),
      },
    },
    delete: {
      operationId: 'logOut',
      tags: ['session'],
      summary: 'Log this browser out',
      security: [{ login: [] }],
      responses: {
        200: SESSION,
        401: problem('Nobody is logged in.'),
        403: problem('Another site, or without the token of the log-in.'),
        503: problem(PROBLEMS[503] ?? ''),
      },
    },
  },
  '/blocklists/{list}': {
    get: {
      operationId: 'readBlocklist',
      tags: ['block lists'],
      summary: 'Blocked addresses, one a line, for firewalls',
      security: [{ listSecret: [] }, {}],
      parameters: named('list'),
      responses: {
        200: { description: 'The list; its ETag stands for its content.', content: TEXT },
        304: { description: 'Still the one of If-None-Match.' },
        401: problem('The secret of the list does not hold.'),
        404: problem('There is no such list.'),
        503: problem(PROBLEMS[503] ?? ''),
      },
    },
  },
  '/healthz': {
    get: {
      operationId: 'healthz',
      tags: ['health'],
      summary: 'The process is alive',
      security: [],
      responses: { 200: OK },
    },
  },
  '/readyz': {
    get: {
      operationId: 'readyz',
      tags: ['health'],
      summary: 'The database answers',
      security: [],
      responses: { 200: OK, 503: problem('The database cannot be reached.') },
    },
  },
  '/metrics': {
    get: {
      operationId: 'metrics',
      tags: ['health'],
      summary: 'Metrics for Prometheus',
      security: [],
      responses: { 200: { description: 'The text format of Prometheus.', content: TEXT } },
    },
  },
  '/api/v1/events': {
    get: {
      operationId: 'readEvents',
      tags: ['events'],
      summary:
        'What changed, as server-sent events: kinds of journal entries and incidents, without their content',
      parameters: [
        { name: 'Last-Event-ID', in: 'header', schema: { type: 'string' } },
        { name: 'after', in: 'query', description: 'As Last-Event-ID.', schema: { type: 'string' } },
      ],
      responses: {
        200: {
          description: '`position`, `changes`, or `lost`: look at everything again.',
          content: { 'text/event-stream': { schema: { type: 'string' } } },
        },
        401: problem(PROBLEMS[401] ?? ''),
        403: problem(PROBLEMS[403] ?? ''),
        429: problem('Too many listen already. Retry-After says when to ask again.'),
        503: problem(PROBLEMS[503] ?? ''),
      },
    },
  },
  '/api/v1/openapi.json': {
    get: {
      operationId: 'openapi',
      tags: ['health'],
      summary: 'This document',
      security: [],
      responses: {
        200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object' } } } },
      },
    },
  },
};
