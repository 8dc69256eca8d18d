import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import axios, { isAxiosError } from 'axios';
import { plain } from './plain-text';

const TIMEOUT_MS = 15_000;

/** The server said no, or cannot be reached; the message is for people. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
}

/** Where the server is: CORDON_URL, else this machine. */
export function serverUrl(env: NodeJS.ProcessEnv = process.env): string {
  return env['CORDON_URL'] ?? `http://127.0.0.1:${env['PORT'] ?? '8233'}`;
}

function dataFile(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const file = join(env['CORDON_DATA_DIR'] ?? '.cordon', name);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** CORDON_TOKEN, else the one that the first start left in the data folder. */
function token(env: NodeJS.ProcessEnv): string {
  const found = env['CORDON_TOKEN'] ?? dataFile('token', env);
  if (found === undefined)
    throw new ApiError(
      'No API token: set CORDON_TOKEN, or run this where `npm start` keeps its .cordon folder.',
    );
  return found;
}

/** The secret of the demo source. */
export function hookSecret(env: NodeJS.ProcessEnv = process.env): string {
  const found = env['CORDON_DEMO_HOOK_SECRET'] ?? dataFile('demo-hook-secret', env);
  if (found === undefined)
    throw new ApiError(
      'No hook secret: set CORDON_DEMO_HOOK_SECRET, or run this where `npm start` keeps its .cordon folder.',
    );
  return found;
}

/** One call of the API. */
export async function api<T>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  return send<T>(method, `/api/v1${path}`, body, {
    ...headers,
    Authorization: `Bearer ${token(process.env)}`,
  });
}

/** One request; problem+json becomes an ApiError. */
export async function send<T>(
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<T> {
  try {
    const { data } = await axios.request<T>({
      method,
      url: serverUrl() + path,
      data: body,
      headers,
      timeout: TIMEOUT_MS,
      maxRedirects: 0,
    });
    return data;
  } catch (error) {
    if (!isAxiosError(error)) throw error;
    const problem = error.response?.data as { title?: string; detail?: string } | undefined;
    if (problem?.detail !== undefined)
      throw new ApiError(plain(`${problem.title ?? 'Error'}: ${problem.detail}`));
    throw new ApiError(
      `No answer from ${serverUrl()} (${error.code ?? error.message}). Is Cordon running? npm start`,
    );
  }
}
