import { z } from 'zod';
import type { Health } from '../../contracts/integration';
import { Secret } from '../../contracts/secret';
import { HttpClient, VendorUrl } from './http';

/** The token that the simulated products accept unless told otherwise. It protects nothing. */
const TOKEN = 'simulated';

/** Config of every simulated product. */
export const SimulatedConfig = z.strictObject({
  url: VendorUrl,
  token: z.instanceof(Secret).default(() => new Secret(TOKEN)),
  timeoutMs: z.number().int().min(10).max(120_000).default(10_000),
});
export type SimulatedConfig = z.output<typeof SimulatedConfig>;

/** The HTTP client of a simulated product. */
export function simulatedClient(config: SimulatedConfig, product: string): HttpClient {
  return new HttpClient({
    baseUrl: config.url,
    timeoutMs: config.timeoutMs,
    product,
    headers: () => ({ Authorization: `Bearer ${config.token.reveal()}` }),
  });
}

/** The route that every simulated product answers when it is well. */
export const HEALTH_PATH = '/api/v1/health';

/** Asks a simulated product whether it is well. */
export async function simulatedHealth(http: HttpClient, signal: AbortSignal): Promise<Health> {
  const reply = z.object({ product: z.string(), missing: z.array(z.string()).optional() });
  const { product, missing } = await http.call({
    method: 'GET',
    path: HEALTH_PATH,
    reply,
    signal,
    what: 'health',
  });
  const detail = `${product} answers; its effects are simulated`;
  return { ok: true, detail, ...(missing === undefined ? {} : { missing }) };
}

/** Refuses a request to a simulated product that does not carry its token. */
export function requireToken(request: {
  headers: Record<string, unknown>;
}): { status: number; body: { error: string } } | undefined {
  return request.headers['authorization'] === `Bearer ${TOKEN}`
    ? undefined
    : { status: 401, body: { error: 'unauthorized' } };
}
