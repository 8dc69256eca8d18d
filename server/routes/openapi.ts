import { z } from 'zod';
import { Decided, ProblemBody, SessionView } from '../../contracts/api';
import { ChannelDecision } from '../../contracts/channel';
import { PERMISSIONS } from '../auth/authenticate';
import { BESIDE, BODY_PROBLEMS, problem, PROBLEMS, SCHEMAS, type Doc } from './openapi-beside';
import type { Route } from './table';

const DRAFT = { target: 'draft-2020-12', unrepresentable: 'any', cycles: 'ref' } as const;

/** Named schemas of one direction. `input`: before defaults are filled in. */
function components(named: ReadonlyMap<string, z.ZodType>, io: 'input' | 'output'): Doc {
  const registry = z.registry<{ id: string }>();
  const ids = new Map<z.ZodType, string>();
  for (const [id, schema] of named)
    if (!ids.has(schema)) {
      ids.set(schema, id);
      registry.add(schema, { id });
    }
  const made = z.toJSONSchema(registry, { ...DRAFT, io, uri: (id) => SCHEMAS + id }) as { schemas: Doc };
  const { __shared: shared, ...schemas } = made.schemas;
  const defs = (shared as { $defs?: Doc } | undefined)?.$defs ?? {};
  for (const [name, schema] of Object.entries(defs)) schemas[`${io}_${name}`] = schema;
  for (const [id, schema] of named)
    if (ids.get(schema) !== id) schemas[id] = { $ref: SCHEMAS + (ids.get(schema) ?? id) };
  const text = JSON.stringify(schemas).replaceAll(
    /"#\/components\/schemas\/__shared#\/\$defs\/(\w+)"/g,
    (_all, name: string) => `"${SCHEMAS}${io}_${name}"`,
  );
  return JSON.parse(text, (key, value: unknown) =>
    key === '$id' || key === '$schema' ? undefined : value,
  ) as Doc;
}

function parameters(schema: z.ZodObject, where: 'path' | 'query' | 'header'): Doc[] {
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, part]) => {
    const { $schema: _draft, ...json } = z.toJSONSchema(part, { ...DRAFT, io: 'input' }) as Doc;
    return {
      name,
      in: where,
      required: where === 'path' || !part.safeParse(undefined).success,
      schema: json,
    };
  });
}

const nameOf = (id: string, what: string): string => `${id.charAt(0).toUpperCase()}${id.slice(1)}${what}`;

function operation(route: Route): Doc {
  const problems = { ...PROBLEMS, ...(route.body === undefined ? {} : BODY_PROBLEMS), ...route.problems };
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    description: `Needs one of the roles ${PERMISSIONS[route.permission].join(', ')}.`,
    parameters: [
      ...parameters(route.params, 'path'),
      ...parameters(route.query, 'query'),
      ...parameters(route.headers, 'header'),
    ],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { $ref: SCHEMAS + nameOf(route.id, 'Body') } } },
          },
        }),
    responses: {
      [route.status]: {
        description: 'Done.',
        content: { 'application/json': { schema: { $ref: SCHEMAS + nameOf(route.id, 'Answer') } } },
      },
      ...Object.fromEntries(Object.entries(problems).map(([status, why]) => [status, problem(why)])),
    },
  };
}

const Delivered = z.object({ deliveryId: z.string(), alerts: z.array(z.string()), duplicate: z.boolean() });

/** The OpenAPI 3.1 document of a table of routes and of what stands beside it. */
export function openApiOf(routes: readonly Route[], prefix: string, version: string): Doc {
  const answers = new Map<string, z.ZodType>([
    ['Problem', ProblemBody],
    ['Delivered', Delivered],
    ['ChannelDecided', Decided],
    ['SessionView', SessionView],
  ]);
  const bodies = new Map<string, z.ZodType>([['ChannelDecision', ChannelDecision]]);
  const paths: Record<string, Doc> = {};
  for (const route of routes) {
    answers.set(nameOf(route.id, 'Answer'), route.answer);
    if (route.body !== undefined) bodies.set(nameOf(route.id, 'Body'), route.body);
    const path = prefix + route.path;
    paths[path] = { ...paths[path], [route.method]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cordon',
      version,
      description: 'Incidents, approvals, containments. Errors are problem+json (RFC 9457).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }, { login: [] }],
    paths: { ...paths, ...BESIDE },
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token of a person.' },
        login: {
          type: 'apiKey',
          in: 'cookie',
          name: 'cordon_token',
          description:
            'The log-in of a browser, from its own pages; what changes something also needs X-Cordon-Csrf.',
        },
        listSecret: { type: 'http', scheme: 'basic', description: 'The secret of one block list.' },
      },
      schemas: { ...components(answers, 'output'), ...components(bodies, 'input') },
    },
  };
}
