import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { bundleWorkflowCode, type BundleOptions, type WorkflowBundle } from '@temporalio/worker';
import packageJson from '../package.json';

const ROOT = join(__dirname, '..');

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Changes when anything changes that goes into the bundle. */
function fingerprint(): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(packageJson.dependencies));
  for (const file of ['workflows', 'contracts'].flatMap((folder) => sourceFiles(join(ROOT, folder))))
    hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex').slice(0, 32);
}

/** How workflow code is bundled, in production and in tests. */
export const BUNDLE_OPTIONS = {
  workflowsPath: join(ROOT, 'workflows', 'index.ts'),
  preloadModules: [join(ROOT, 'workflows', 'preload.ts')],
} satisfies BundleOptions;

/** The workflow code, bundled. Kept in `cacheDir`, so that a warm start saves the two seconds. */
export async function workflowBundle(cacheDir: string): Promise<WorkflowBundle> {
  const file = join(cacheDir, `workflow-bundle-${fingerprint()}.js`);
  if (existsSync(file)) return { code: readFileSync(file, 'utf8') };
  const bundle = await bundleWorkflowCode({ ...BUNDLE_OPTIONS, logger: silent });
  mkdirSync(cacheDir, { recursive: true });
  const temporary = `${file}.${String(process.pid)}`;
  writeFileSync(temporary, bundle.code);
  renameSync(temporary, file);
  return bundle;
}

const ignore = (): void => undefined;
const silent = { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
