import express, { Router } from 'express';
import type { Counter } from 'prom-client';
import type { Config } from '../../contracts/config';
import type { Secret } from '../../contracts/secret';
import type { Source } from '../../contracts/source';
import { acceptDelivery } from '../../store/intake';
import type { Store } from '../../store/store';
import { Problem } from '../problem';
import { hookRequest, parseJson } from './hook-request';

export interface HookDeps {
  store: Store;
  sources: Config['sources'];
  implementations: ReadonlyMap<string, Source>;
  rejected: Counter;
  accepted: Counter;
  /** Called after alerts are durable. */
  wake: () => void;
}

/** `POST /hooks/:source`: authenticate the raw bytes, parse, store, answer 202. Nothing else happens before the answer. */
export function hookRoutes(deps: HookDeps): Router {
  const router = Router();
  const refuse = (source: string, why: string, problem: Problem): never => {
    deps.rejected.inc({ source, why });
    throw problem;
  };
  router.post(
    '/hooks/:source',
    express.raw({ type: () => true, limit: '2mb' }),
    async (request, response) => {
      const id = request.params.source;
      const configured = deps.sources.find((source) => source.id === id);
      const source = configured === undefined ? undefined : deps.implementations.get(configured.use);
      if (configured === undefined || source === undefined)
        return refuse('unknown', 'unknown_source', new Problem(404, 'Not found', 'There is no such source.'));
      const hook = hookRequest(request);
      const { body } = hook;
      const config = source.config.parse(configured.config);
      const authenticated = source.authenticate(hook, configured.secrets as Secret[], config);
      if (!authenticated.ok)
        return refuse(id, authenticated.why, new Problem(401, 'Unauthorized', authenticated.detail));
      const json = parseJson(body);
      if (json === undefined)
        return refuse(id, 'broken_json', new Problem(400, 'Bad request', 'The body is not JSON.'));
      let parsed;
      try {
        parsed = source.parse(json.value, hook, id, config);
      } catch (error) {
        deps.rejected.inc({ source: id, why: 'wrong_types' });
        throw error;
      }
      const accepted = await acceptDelivery(deps.store, id, body, parsed, json.value);
      deps.accepted.inc({ source: id, duplicate: String(accepted.duplicate) });
      deps.wake();
      response.status(202).json(accepted);
    },
  );
  return router;
}
