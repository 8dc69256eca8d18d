import { createHash } from 'node:crypto';
import { Router } from 'express';
import type { Config } from '../../contracts/config';
import type { Secret } from '../../contracts/secret';
import { verifyBearerOrBasic } from '../../sources/kit/authentication';
import { publishedAddresses } from '../../store/blocklist';
import type { Store } from '../../store/store';
import { Problem } from '../problem';
import { hookRequest } from './hook-request';

/**
 * `GET /blocklists/:list`: one address a line, as firewalls fetch it. HTTP Basic with the list's own secret, the one way that
 * PAN-OS, FortiOS and pfBlockerNG share; without only where the configuration says `public`.
 */
export function blocklistRoutes(store: Store, lists: Config['blocklists']): Router {
  const router = Router();
  router.get('/blocklists/:list', async (request, response) => {
    const list = lists.find(({ id }) => id === request.params.list);
    if (list === undefined) throw new Problem(404, 'Not found', 'There is no such list.');
    if (!list.public) {
      const answer = verifyBearerOrBasic(hookRequest(request), list.secrets as Secret[], list.username);
      if (!answer.ok) {
        response.setHeader('WWW-Authenticate', 'Basic realm="cordon", charset="UTF-8"');
        throw new Problem(401, 'Unauthorized', answer.detail);
      }
    }
    const addresses = await publishedAddresses(store, list.id, await store.now());
    const text = addresses.map((address) => `${address}\n`).join('');
    // Whoever keeps a copy asks each time whether it still holds; 304 makes that cheap.
    response.setHeader('Cache-Control', list.public ? 'no-cache' : 'private, no-cache');
    response.setHeader('ETag', `"${createHash('sha256').update(text).digest('hex')}"`);
    response.type('text/plain').send(text);
  });
  return router;
}
