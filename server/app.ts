import { randomUUID } from 'node:crypto';
import express, { type Express, type Request } from 'express';
import { collectDefaultMetrics, Counter, Registry } from 'prom-client';
import type { Config } from '../contracts/config';
import type { CallContext } from '../contracts/integration';
import type { Source } from '../contracts/source';
import type { SealWitness } from '../store/seals';
import type { Store } from '../store/store';
import { pollMetrics } from './poll-metrics';
import { problemJson, Problem } from './problem';
import { apiRoutes, type PlaybookInfo } from './routes/api';
import { hookRoutes } from './routes/hooks';
import { startPage } from './routes/start-page';

export interface AppDeps {
  store: Store;
  config: Pick<Config, 'sources'>;
  sources: ReadonlyMap<string, Source>;
  playbooks: readonly PlaybookInfo[];
  witness: () => SealWitness | undefined;
  /** Something is in SQL that the dispatcher should see at once. */
  wake: () => void;
  log: CallContext['log'];
}

/** The HTTP application, without a port. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const rejected = new Counter({
    name: 'cordon_deliveries_rejected_total',
    help: 'Deliveries refused, by source and reason.',
    labelNames: ['source', 'why'],
    registers: [registry],
  });
  const accepted = new Counter({
    name: 'cordon_deliveries_accepted_total',
    help: 'Deliveries stored or recognised as repeats.',
    labelNames: ['source', 'duplicate'],
    registers: [registry],
  });
  pollMetrics(deps.store, registry);

  app.use((request, response, next) => {
    response.setHeader('X-Request-Id', randomUUID());
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('X-Frame-Options', 'DENY');
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader(
      'Content-Security-Policy',
      "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    response.setHeader('Cache-Control', 'no-store');
    next();
  });
  app.get('/healthz', (_request, response) => {
    response.json({ ok: true });
  });
  app.get('/readyz', async (_request, response) => {
    await deps.store.db.selectFrom('settings').select('key').limit(1).execute();
    response.json({ ok: true });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  app.use(
    '/hooks',
    hookRoutes({
      store: deps.store,
      sources: deps.config.sources,
      implementations: deps.sources,
      rejected,
      accepted,
      wake: deps.wake,
    }),
  );
  app.use('/api/v1', apiRoutes(deps));
  app.use('/', startPage(deps.store));
  app.use(() => {
    throw new Problem(404, 'Not found', 'There is nothing here.');
  });
  app.use(
    problemJson((error: unknown, request: Request) => {
      deps.log.warn(
        { error: error instanceof Error ? error.stack : String(error), path: request.path },
        'a request failed',
      );
    }),
  );
  return app;
}
