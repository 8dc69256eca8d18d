import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Worker } from '@temporalio/worker';
import { bundle, PlaybookEnv } from '../support/playbook-env';
import { everySchema } from '../support/every-schema';
import { quietRuntime } from '../support/temporal';

const ROOT = join(__dirname, '../..');
const ENTRY = join(__dirname, '../support/every-schema.ts');

/** The modules of a folder that a file imports, by their paths in the repository. */
function imports(file: string, folder: string, seen = new Set<string>()): Set<string> {
  const found = readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type )[^;]*?from '(\.[^']+)'/gms);
  for (const [, path = ''] of found) {
    const base = join(dirname(file), path);
    const target = [`${base}.ts`, join(base, 'index.ts')].find(exists);
    if (target === undefined || seen.has(target)) continue;
    seen.add(target);
    imports(target, folder, seen);
  }
  return new Set([...seen].filter((one) => relative(ROOT, one).startsWith(folder)));
}

function exists(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

test('every contract that runs use is shared among them', () => {
  const used = imports(join(ROOT, 'workflows/index.ts'), 'contracts/');
  const text = readFileSync(join(ROOT, 'workflows/preload.ts'), 'utf8');
  const shared = [...text.matchAll(/^import \* as (\w+) from '\.\.\/(contracts\/[^']+)'/gm)];
  const list = text.slice(text.indexOf('const SHARED'), text.indexOf('];'));
  const frozen = shared.filter(([, name]) => new RegExp(`\\b${String(name)},`).test(list));
  const paths = frozen.map(([, , path]) => path);
  const missing = [...used]
    .map((file) => relative(ROOT, file).replace(/(\/index)?\.ts$/, ''))
    .filter((path) => !paths.includes(path));
  expect(missing).toEqual([]);
});

describe('in the sandbox', () => {
  let env: PlaybookEnv;
  beforeAll(async () => {
    quietRuntime();
    env = await PlaybookEnv.start();
  }, 120_000);
  afterAll(() => env.stop());

  test('the shared schemas take and refuse what they do outside, in one run after another', async () => {
    const { client, nativeConnection, namespace } = env.env;
    const worker = await Worker.create({
      connection: nativeConnection,
      ...(namespace === undefined ? {} : { namespace }),
      taskQueue: 'schemas',
      workflowBundle: await bundle(ENTRY),
    });
    const options = { taskQueue: 'schemas', workflowTaskTimeout: '20s' as const };
    const [first, second] = await worker.runUntil(async () => [
      await client.workflow.execute(everySchema, { ...options, workflowId: 'schemas-1' }),
      await client.workflow.execute(everySchema, { ...options, workflowId: 'schemas-2' }),
    ]);
    const outside = await everySchema();
    expect(outside.length).toBeGreaterThan(200);
    expect(first).toEqual(outside);
    expect(second).toEqual(outside);
  }, 60_000);
});
