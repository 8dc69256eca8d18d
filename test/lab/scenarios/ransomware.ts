import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Backups, Dataset } from '../components/backups';
import type { Lab, Scenario } from '../component';
import type { Cordon } from '../cordon';
import { CLAMD_PORT } from '../hosts';
import { clamdSaw, connects, pings, sshAnswers } from '../observe';
import { LAB_WAZUH } from '../sources';

const HOST = 'fin-fs-01';

/** As Wazuh 4 sends it: a rule of file integrity monitoring. */
const alert = (): object => ({
  timestamp: new Date().toISOString().replace('Z', '+0000'),
  id: `${String(Date.now())}.2`,
  manager: { name: 'wazuh-manager' },
  agent: { id: '012', name: HOST, ip: '198.51.100.12' },
  rule: {
    id: '100201',
    level: 15,
    description: 'Many files were renamed',
    groups: ['syscheck'],
    mitre: { id: ['T1486'] },
  },
  syscheck: { path: '/srv/finance/finance-share-1.csv.locked' },
});

const same = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean =>
  a.size === b.size && [...a].every(([name, hash]) => b.get(name) === hash);

/** Encrypted files come back from a sound backup and not from a damaged one; the rollback undoes the restore. */
export const ransomware = (backups: Backups): Scenario => ({
  name: 'ransomware on a file server',
  async run(lab, cordon, table) {
    const { finance, archive } = backups;
    const before = await look(lab);
    const sound = await backups.read(finance);
    for (const dataset of [finance, archive]) backups.encrypt(dataset);
    const encrypted = { finance: await backups.read(finance), archive: await backups.read(archive) };
    table.row('the files are what was backed up, and encrypted after the attack', {
      before: [same(sound, finance.originals), true],
      during: [
        [...encrypted.finance.values()].some((hash) => [...finance.originals.values()].includes(hash)),
        false,
      ],
    });

    const [id = ''] = await cordon.deliver('wazuh', LAB_WAZUH, alert());
    const { number } = await cordon.incidentOf(id);
    lab.say(`${number}: ransomware on ${HOST}`);
    await cordon.approve(number, 'endpoint.isolate_host', HOST);
    await cordon.lease('endpoint.isolate_host', HOST);
    const during = await look(lab);
    await cordon.approve(number, 'data.restore_backup', finance.id);
    await cordon.lease('data.restore_backup', finance.id);
    await hearOf(lab, cordon, number, archive);
    const restored = await backups.read(finance);
    const untouched = await backups.read(archive);
    await cordon.asks(number, 'endpoint.release_host', HOST);
    const { attention } = await cordon.incident(number);
    const saw = clamdSaw(lab.host(HOST), '/srv');
    table.row('EICAR is not found on the other host, though its files are read', {
      during: [
        `found: ${saw.found.join() || 'none'}; read: ${saw.clean.length >= 2 * finance.originals.size ? 'all' : saw.clean.join()}`,
        'found: none; read: all',
      ],
    });
    table.row('a damaged backup is refused, and nothing is replaced', {
      before: [same(encrypted.archive, archive.originals), false],
      during: [
        [same(untouched, encrypted.archive) ? 'untouched' : 'changed', ...besides(lab, archive)].join(', '),
        'untouched',
      ],
      after: [
        attention?.includes(archive.id) === true ? 'a person is told' : `attention: ${String(attention)}`,
        'a person is told',
      ],
    });

    return async () => {
      await cordon.rollBack(number);
      await cordon.close(number);
      const after = await look(lab);
      table.row(`${HOST} isolated: ping, TCP from a peer, SSH from management`, {
        before: [before, 'yes, yes, yes'],
        during: [during, 'no, no, yes'],
        after: [after, 'yes, yes, yes'],
      });
      table.row(`${finance.id}: sha256 of ${String(finance.originals.size)} files as before the attack`, {
        before: [same(encrypted.finance, finance.originals), false],
        during: [same(restored, finance.originals), true],
        after: [
          same(await backups.read(finance), encrypted.finance) ? 'as after the attack' : 'something else',
          'as after the attack',
        ],
      });
    };
  },
});

/** Waits for what Cordon says of the dataset. Should it want to restore it, a person who agrees is there: it must refuse by itself. */
async function hearOf(lab: Lab, cordon: Cordon, number: string, { id }: Dataset): Promise<void> {
  const wanted = async (): Promise<boolean> =>
    (await cordon.asked(number))
      .flatMap(({ items }) => items)
      .some(({ action, target }) => action === 'data.restore_backup' && target.label === id);
  await lab.until(
    `a word about ${id}`,
    async () => (await wanted()) || (await cordon.incident(number)).attention?.includes(id) === true,
  );
  if (!(await wanted())) return;
  await cordon.approve(number, 'data.restore_backup', id);
  await cordon.lease('data.restore_backup', id);
}

async function look(lab: Lab): Promise<string> {
  const [host, peer] = [lab.host(HOST), lab.host('peer')];
  const seen = [pings(peer, host.address), connects(peer, host.address, CLAMD_PORT), sshAnswers(lab, host)];
  return (await Promise.all(seen)).map((one) => (one ? 'yes' : 'no')).join(', ');
}

/** What a restore would have left beside the dataset. */
function besides(lab: Lab, dataset: Dataset): string[] {
  const name = dataset.path.slice('/srv/'.length);
  return readdirSync(join(lab.host(HOST).root, 'srv')).filter((entry) => entry.startsWith(`.cordon-${name}`));
}
