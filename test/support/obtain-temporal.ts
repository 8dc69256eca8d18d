import { obtainDevServer } from '../../temporal-config/dev-server';
import { obtainTestServer } from '../../temporal-config/test-server';

const say = (message: string): void => {
  process.stderr.write(`${message}\n`);
};

/**
 * Before any test: Temporal's two servers are fetched or built, once per machine, in one process and without a test's time limit.
 * What cannot be had is said here; the tests that need it then fail with the same words.
 */
export default async function obtainTemporal(): Promise<void> {
  for (const obtain of [obtainDevServer, obtainTestServer]) {
    try {
      await obtain(say);
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
  }
}
