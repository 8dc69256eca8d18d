import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startFakeBackup } from '../../integrations/simulated-backup/fake';
import { startFakeCloud } from '../../integrations/simulated-cloud/fake';
import { startFakeEdr } from '../../integrations/simulated-edr/fake';
import { startFakeFirewall } from '../../integrations/simulated-firewall/fake';
import { startFakeIdentity } from '../../integrations/simulated-identity/fake';
import { startFakeMail } from '../../integrations/simulated-mail/fake';
import { startFakeManagement } from '../../integrations/simulated-management/fake';
import { startFakeMdm } from '../../integrations/simulated-mdm/fake';
import { startFakeTicketing } from '../../integrations/simulated-ticketing/fake';

type Start = (stateFile: string) => Promise<{ url: string; stop(): Promise<void> }>;

const WORK_MS = 500;

/** Simulated products, their state kept in the data folder. They take hosts, accounts and datasets as they come. */
const PRODUCTS: Readonly<Record<string, Start>> = {
  simulated_edr: (stateFile) => startFakeEdr({ seed: { enrolUnknown: true, workMs: WORK_MS }, stateFile }),
  simulated_identity: (stateFile) => startFakeIdentity({ seed: { enrolUnknown: true }, stateFile }),
  simulated_backup: (stateFile) =>
    startFakeBackup({ seed: { enrolUnknown: true, workMs: WORK_MS }, stateFile }),
  simulated_firewall: (stateFile) => startFakeFirewall({ stateFile }),
  simulated_mail: (stateFile) => startFakeMail({ stateFile }),
  simulated_cloud: (stateFile) => startFakeCloud({ stateFile }),
  simulated_mdm: (stateFile) => startFakeMdm({ stateFile }),
  simulated_management: (stateFile) => startFakeManagement({ seed: { workMs: WORK_MS }, stateFile }),
  simulated_ticketing: (stateFile) => startFakeTicketing({ stateFile }),
};

interface RawConnection {
  id?: unknown;
  use?: unknown;
  config?: { url?: unknown };
}

/**
 * Starts a simulated product for each connection that uses one without saying where it is, and writes its address into the
 * configuration. Anything else is left for the check.
 */
export async function startSimulatedEstate(
  raw: unknown,
  dataDir: string,
): Promise<{ config: unknown; stop(): Promise<void> }> {
  const connections = (raw as { connections?: RawConnection[] } | undefined)?.connections;
  if (!Array.isArray(connections)) return { config: raw, stop: () => Promise.resolve() };
  const folder = join(dataDir, 'simulated');
  mkdirSync(folder, { recursive: true });
  const running: { stop(): Promise<void> }[] = [];
  const amended = [];
  for (const connection of connections) {
    const start =
      typeof connection.use === 'string' && connection.config?.url === undefined
        ? PRODUCTS[connection.use]
        : undefined;
    if (start === undefined) {
      amended.push(connection);
      continue;
    }
    const product = await start(join(folder, `${String(connection.id)}.json`));
    running.push(product);
    amended.push({ ...connection, config: { ...connection.config, url: product.url } });
  }
  return {
    config: { ...(raw as object), connections: amended },
    stop: async () => {
      for (const product of running) await product.stop();
    },
  };
}
