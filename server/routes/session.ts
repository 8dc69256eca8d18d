import express, { Router } from 'express';
import { z } from 'zod';
import { SessionView } from '../../contracts/api';
import type { Store } from '../../store/store';
import { permissionsOf } from '../auth/authenticate';
import { apiSessionOf, beginSession, endSession, requireOwnSite, type Session } from '../auth/session';
import type { CallLimits } from '../auth/limits';
import { Problem } from '../problem';

const json = express.json({ limit: '10kb' });
const LogIn = z.object({ token: z.string().trim().min(1).max(200) }).strict();

const viewOf = (session: Session | undefined): z.infer<typeof SessionView> =>
  SessionView.parse(
    session === undefined
      ? { session: null }
      : { session: { ...session, permissions: permissionsOf(session.person) } },
  );

/** `/session`: who is logged in in this browser, logging in and out, for the scripts of the console. */
export function sessionRoutes(store: Store, limits: CallLimits): Router {
  const router = Router();
  router.get('/session', async (request, response) => {
    response.json(viewOf(await apiSessionOf(store, request)));
  });
  router.post('/session', json, async (request, response) => {
    requireOwnSite(request);
    const { token } = LogIn.parse(request.body);
    const session = await limits.attempt(request, async () => {
      const begun = await beginSession(store, request, response, token);
      if (begun === undefined) throw new Problem(401, 'Unauthorized', 'This token does not hold.');
      return begun;
    });
    response.json(viewOf(session));
  });
  router.delete('/session', async (request, response) => {
    if ((await apiSessionOf(store, request)) === undefined)
      throw new Problem(401, 'Unauthorized', 'Nobody is logged in.');
    endSession(request, response);
    response.json(viewOf(undefined));
  });
  return router;
}
