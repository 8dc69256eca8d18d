import { DefaultLogger, Runtime } from '@temporalio/worker';

let installed = false;

/** Only errors are worth reading in a test's output. Called before anything makes a Runtime. */
export function quietRuntime(): void {
  if (installed) return;
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  installed = true;
}
