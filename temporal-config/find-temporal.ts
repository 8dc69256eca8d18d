import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { userCacheDir } from './user-cache';

/** The newest CLI that `go install` can build; later ones have a replace directive. */
export const CLI_VERSION = '1.5.1';
const GO_MODULE = `github.com/temporalio/cli/cmd/temporal@v${CLI_VERSION}`;
const BUILD_TIMEOUT_MS = 20 * 60_000;

export type Progress = (message: string) => void;

/** Where a `temporal` program is, or that the SDK should download its own. */
export type TemporalProgram = { kind: 'path'; path: string } | { kind: 'download' };

export interface FindOptions {
  env?: NodeJS.ProcessEnv;
  progress?: Progress;
  /** Tries the SDK's official download; resolves to whether it worked. */
  tryDownload: () => Promise<boolean>;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function onPath(program: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find(isExecutable);
}

/** Where a dev server is that needs no download and no build; undefined when there is none. */
export function installedTemporal(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const cached = join(userCacheDir(env), `temporal-cli-${CLI_VERSION}`, 'temporal');
  return onPath('temporal', env) ?? (isExecutable(cached) ? cached : undefined);
}

/**
 * Finds or obtains the Temporal dev server: on PATH, in Cordon's cache, by the SDK's download, by `go install`.
 * Says what it is doing. When nothing works the error lists what was tried and how to go on.
 */
export async function findTemporal(options: FindOptions): Promise<TemporalProgram> {
  const { env = process.env, progress = () => undefined, tryDownload } = options;
  const found = onPath('temporal', env);
  if (found !== undefined) return { kind: 'path', path: found };
  const cacheDir = userCacheDir(env);
  const cached = join(cacheDir, `temporal-cli-${CLI_VERSION}`, 'temporal');
  if (isExecutable(cached)) return { kind: 'path', path: cached };

  const tried = ['`temporal` is not on PATH', `nothing in ${cacheDir}`];
  progress('Temporal is not installed: trying the official download…');
  if (await tryDownload()) return { kind: 'download' };
  tried.push('the official download did not answer');
  const go = onPath('go', env);
  if (go === undefined) {
    tried.push('Go is not installed, so it cannot be built');
  } else {
    progress(
      `The download is out of reach: building Temporal ${CLI_VERSION} with Go. This is done once and takes about 5 minutes…`,
    );
    const problem = await build(go, cacheDir, cached, env, progress);
    if (problem === undefined) return { kind: 'path', path: cached };
    tried.push(`the build failed: ${problem}`);
  }
  throw new Error(
    `No Temporal dev server could be had. Tried: ${tried.join('; ')}. ` +
      'Install the Temporal CLI (https://docs.temporal.io/cli), or Go 1.25 or newer, or set TEMPORAL_ADDRESS to a running Temporal.',
  );
}

/** Builds into a folder of its own and renames, so that two builders do not get into each other's way. */
async function build(
  go: string,
  cacheDir: string,
  target: string,
  env: NodeJS.ProcessEnv,
  progress: Progress,
): Promise<string | undefined> {
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync(join(cacheDir, 'build-'));
  const started = Date.now();
  const ticker = setInterval(() => {
    progress(`  still building, ${String(Math.round((Date.now() - started) / 1000))} s…`);
  }, 30_000);
  try {
    const problem = await run(go, ['install', GO_MODULE], { ...env, GOBIN: folder, GOFLAGS: '-trimpath' });
    if (problem !== undefined) return problem;
    mkdirSync(join(target, '..'), { recursive: true });
    renameSync(join(folder, 'temporal'), target);
    progress(`Temporal ${CLI_VERSION} is built (${String(Math.round((Date.now() - started) / 1000))} s).`);
    return undefined;
  } finally {
    clearInterval(ticker);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a program to its end. Returns what went wrong, as one line, or undefined. */
export function run(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let tail = '';
    const keep = (chunk: Buffer): void => {
      tail = (tail + chunk.toString('utf8')).slice(-2000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer = setTimeout(() => child.kill('SIGKILL'), BUILD_TIMEOUT_MS);
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve(error.message);
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const lastLine = tail.trim().split('\n').at(-1) ?? '';
      resolve(
        code === 0 ? undefined : `${program} ended with ${signal ?? `code ${String(code)}`}: ${lastLine}`,
      );
    });
  });
}
