import { randomUUID } from 'node:crypto';
import express, { type Express, type RequestHandler } from 'express';
import type { ConnectedChannel } from '../channels';
import type { PlaybookView } from '../contracts/api';
import { AssetIndex } from '../contracts/assets';
import type { Config } from '../contracts/config';
import type { CallContext } from '../contracts/integration';
import type { PlaybookGraph } from '../contracts/graph';
import type { Plan, PlanInput } from '../contracts/plan';
import type { Source } from '../contracts/source';
import packageJson from '../package.json';
import { alertsOf } from '../sources/alerts-of';
import { policyVersionOf } from '../store/policies';
import type { SealWitness } from '../store/seals';
import type { Store } from '../store/store';
import { CallLimits } from './auth/limits';
import { ChangeFeed } from './change-feed';
import { createMetrics } from './metrics';
import type { Notifier } from './notifier';
import { pollMetrics } from './poll-metrics';
import { problemJson, Problem, requestIdOf } from './problem';
import { apiRoutes } from './routes/api';
import { approvalHooks } from './routes/approval-hooks';
import { blocklistRoutes } from './routes/blocklists';
import { confirmPages } from './routes/confirm';
import { eventRoutes } from './routes/events';
import { hookRoutes } from './routes/hooks';
import { openApiOf } from './routes/openapi';
import { sessionRoutes } from './routes/session';
import { startPage } from './routes/start-page';
import { routerOf } from './routes/table';

const API = '/api/v1';

export interface AppDeps {
  store: Store;
  config: Pick<
    Config,
    | 'api'
    | 'sources'
    | 'channels'
    | 'blocklists'
    | 'assets'
    | 'policy'
    | 'correlation'
    | 'connections'
    | 'budgets'
    | 'drills'
  >;
  sources: ReadonlyMap<string, Source>;
  playbooks: readonly PlaybookView[];
  /** Makes a plan; a CordonError says why there is none. */
  plan: (input: PlanInput) => Promise<Plan>;
  /** All ways through a playbook. */
  graph: (playbook: string) => Promise<PlaybookGraph>;
  /** When a scheduled drill starts next, ISO 8601; null when it is not known. */
  nextDrillAt?: (drill: string) => Promise<string | null>;
  witness: () => SealWitness | undefined;
  /** The channels that tell people, and what tells them; none where this process tells nobody. */
  connected?: ReadonlyMap<string, ConnectedChannel>;
  notifier?: Notifier;
  /** Something is in SQL that the dispatcher should see at once. */
  wake: () => void;
  log: CallContext['log'];
  /** Aborted when the process is told to stop: what is held open ends. */
  stopping?: AbortSignal;
}

/** Names the request, in the answer and in the log, and says what a browser may do with an answer. */
const headers: RequestHandler = (request, response, next) => {
  const given = request.get('x-request-id') ?? '';
  const id = /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
  response.setHeader('X-Request-Id', id);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('X-Frame-Options', 'DENY');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  );
  response.setHeader('Cache-Control', 'no-store');
  next();
};

/** Logs each answer with its request id. Neither body nor query: both may hold secrets. */
function logAnswers(log: CallContext['log']): RequestHandler {
  return (request, response, next) => {
    const began = performance.now();
    const { method, path } = request;
    response.once('finish', () => {
      const ms = Math.round(performance.now() - began);
      log.info(
        { requestId: requestIdOf(response), method, path, status: response.statusCode, ms },
        'answered',
      );
    });
    next();
  };
}

function health(app: Express, store: Store, metrics: ReturnType<typeof createMetrics>): void {
  app.get('/healthz', (_request, response) => {
    response.json({ ok: true });
  });
  app.get('/readyz', async (_request, response) => {
    try {
      await store.db.selectFrom('settings').select('key').limit(1).execute();
    } catch {
      throw new Problem(503, 'Service unavailable', 'The database cannot be reached.', {
        retryAfterSeconds: 5,
      });
    }
    response.json({ ok: true });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
}

/** The HTTP application, without a port. */
export function createApp(deps: AppDeps): Express {
  const { store, config, wake, log, notifier, connected = new Map<string, ConnectedChannel>() } = deps;
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', config.api.trustProxy);
  const metrics = createMetrics(store);
  const { rejected, accepted } = metrics;
  pollMetrics(store, metrics.registry);
  if (notifier !== undefined)
    for (const metric of [notifier.counter, notifier.gauge]) metrics.registry.registerMetric(metric);
  app.use(headers);
  app.use(logAnswers(log));
  health(app, store, metrics);
  app.use(approvalHooks({ store, channels: config.channels, connected, rejected, wake, log }));
  app.use(
    hookRoutes({ store, sources: config.sources, implementations: deps.sources, rejected, accepted, wake }),
  );
  app.use(blocklistRoutes(store, config.blocklists));

  const routes = apiRoutes({
    store,
    config,
    playbooks: deps.playbooks,
    correlation: {
      assets: new AssetIndex(config.assets),
      windowMinutes: config.correlation.windowMinutes,
      policyVersion: policyVersionOf(config.policy),
    },
    plan: deps.plan,
    graph: deps.graph,
    readAlerts: (sent, now) => alertsOf(sent, config.sources, deps.sources, now.getTime()),
    nextDrillAt: deps.nextDrillAt,
    witness: deps.witness,
    channels: config.channels,
    notifier,
    wake,
  });
  const document = openApiOf(routes, API, packageJson.version);
  app.get(`${API}/openapi.json`, (_request, response) => {
    response.json(document);
  });
  const limits = new CallLimits(config.api);
  app.use(eventRoutes(store, limits, API, new ChangeFeed(store, log, deps.stopping)));
  app.use(routerOf(store, limits, API, routes));
  app.use(sessionRoutes(store, limits));
  app.use(confirmPages(store, connected, wake));
  app.use(startPage(store, wake));
  app.use(() => {
    throw new Problem(404, 'Not found', 'There is nothing here.');
  });
  app.use(
    problemJson((error, request, requestId) => {
      log.warn(
        { error: error instanceof Error ? error.stack : String(error), path: request.path, requestId },
        'a request failed',
      );
    }),
  );
  return app;
}
