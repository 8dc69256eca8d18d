import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { startFakeBackup } from '../../integrations/simulated-backup/fake';
import { newDevice, newFile, startFakeEdr } from '../../integrations/simulated-edr/fake';
import { startFakeFirewall } from '../../integrations/simulated-firewall/fake';
import { startFakeIdentity } from '../../integrations/simulated-identity/fake';
import type { SeededRandom } from './seeded-random';

const LOSE_EVERY_MS = 400;
const WORK_MS = 300;

/** What the products themselves say is in force, by `<action> <target key>`; the same words as a lease's. */
export type InForce = ReadonlySet<string>;

export const INFECTED = '/tmp/dropper.bin';

/** Four products of the test's own, which outlive every process that is killed, lose replies at random, and count what they applied. */
export async function startChaosEstate(random: SeededRandom, infected: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-chaos-'));
  const edr = await startFakeEdr({
    seed: {
      enrolUnknown: true,
      workMs: WORK_MS,
      devices: infected.map((host) => newDevice(host, [newFile(INFECTED, 'Test.Dropper')])),
    },
  });
  const identity = await startFakeIdentity({ seed: { enrolUnknown: true } });
  const backup = await startFakeBackup({ seed: { enrolUnknown: true, workMs: WORK_MS } });
  const firewall = await startFakeFirewall();
  const products = { edr, identity, backup, firewall };
  let lost = 0;
  const losing = setInterval(() => {
    for (const { faults } of Object.values(products)) {
      const methods = ['POST', 'PUT', 'DELETE'];
      // Done at once, answered late: a kill meanwhile leaves an effect that nobody has heard of.
      if (random.chance(0.5))
        faults.add({ mode: 'slow', times: 1, methods, delayMs: random.between(200, 1_500) });
      if (!random.chance(0.25)) continue;
      lost += 1;
      faults.add({ mode: 'lost_reply', times: 1, methods });
    }
  }, LOSE_EVERY_MS);

  const configFile = join(folder, 'cordon.config.cjs');
  const connection = (id: keyof typeof products) => ({
    id,
    use: `simulated_${id}`,
    concurrency: 20,
    config: { url: products[id].url },
  });
  const config = {
    connections: [connection('edr'), connection('identity'), connection('backup'), connection('firewall')],
    sources: [{ id: 'demo', use: 'generic', secrets: [{ $env: 'CORDON_DEMO_HOOK_SECRET' }] }],
    policy: DEFAULT_POLICY,
  };
  writeFileSync(configFile, `module.exports = { default: ${JSON.stringify(config)} };\n`);

  return {
    configFile,
    folder,
    /** How many replies were to be lost so far. */
    lostReplies: () => lost,
    /** Every state change by `<action> <target key>`, as the products counted them. */
    applied(): ReadonlyMap<string, number> {
      const counts = new Map<string, number>();
      for (const [product, { ledger }] of Object.entries(products))
        for (const [what, times] of Object.entries(ledger().applied)) {
          const [verb = '', target = ''] = what.split(/ (.*)/s);
          counts.set(nameOf(product, verb, target), times);
        }
      return counts;
    },
    inForce(): InForce {
      const found = new Set<string>();
      for (const { hostname, isolation_id, files } of edr.state().devices) {
        if (isolation_id !== null) found.add(nameOf('edr', 'isolate', hostname));
        for (const file of files)
          if (file.quarantine_id !== null) found.add(nameOf('edr', 'quarantine', `${hostname}:${file.path}`));
      }
      for (const user of identity.state().users)
        if (!user.enabled) found.add(nameOf('identity', 'disable', user.login));
      for (const ip of Object.keys(firewall.state().blocked)) found.add(nameOf('firewall', 'block', ip));
      return found;
    },
    stop: async () => {
      clearInterval(losing);
      for (const product of Object.values(products)) await product.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
export type ChaosEstate = Awaited<ReturnType<typeof startChaosEstate>>;

const ACTIONS: Readonly<Record<string, readonly [action: string, kind: string]>> = {
  'edr isolate': ['endpoint.isolate_host', 'host'],
  'edr release': ['endpoint.release_host', 'host'],
  'edr quarantine': ['endpoint.quarantine_file', 'file'],
  'identity disable': ['identity.disable_account', 'account'],
  'identity enable': ['identity.enable_account', 'account'],
  'identity revoke-sessions': ['identity.revoke_sessions', 'account'],
  'firewall block': ['network.block_ip', 'ip'],
  'backup restore': ['data.restore_backup', 'dataset'],
};

function nameOf(product: string, verb: string, target: string): string {
  const [action, kind] = ACTIONS[`${product} ${verb}`] ?? [`${product} ${verb}`, '?'];
  return `${action} ${kind}:${(kind === 'file' ? target.replace(':', '') : target).toLowerCase()}`;
}
