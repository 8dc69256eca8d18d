import { homedir } from 'node:os';
import { join } from 'node:path';

/** Cordon's folder for what is built or downloaded once per machine. */
export function userCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cordon');
}
