import { openInstallationSealer, sealJournal } from '../../store/seals';
import type { Base } from './base';

const SEAL_EVERY_MS = 60_000;

/**
 * Seals the journal every minute, and once more at the end. One key an installation: a process whose data folder does not hold it
 * says so and leaves the sealing to those that do.
 */
export async function startSealing({ store, settings, log, say, cleanups }: Base): Promise<void> {
  const sealer = await openInstallationSealer(store, settings.dataDir);
  if (sealer === undefined) {
    const message =
      `This process does not seal the journal: the installation's key is not in ${settings.dataDir}. ` +
      'Copy journal-key.pem there from the data folder that has it.';
    say(message);
    log.warn({}, message);
    return;
  }
  const timer = setInterval(() => {
    sealJournal(store, sealer).catch((error: unknown) => {
      log.warn({ error }, 'the journal could not be sealed; the next round tries again');
    });
  }, SEAL_EVERY_MS);
  cleanups.add(async () => {
    clearInterval(timer);
    await sealJournal(store, sealer).catch((error: unknown) => {
      log.warn({ error }, 'the journal could not be sealed at the end; the next start does it');
    });
  });
}
