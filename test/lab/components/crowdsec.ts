import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CROWDSEC_MACHINE, layOutCrowdsec } from '../../support/crowdsec';
import type { Component, Contribution, Lab } from '../component';
import type { LabProcess } from '../processes';

/** The machine whose log-ins are watched. */
export const WATCHED = 'bastion';
const PORT = 8080;

export interface CrowdsecLab extends Contribution {
  /** Whether a bouncer is told to keep this address out. */
  bannedForBouncers(ip: string): Promise<boolean>;
  /** Whether the administrator's tool shows a ban in force on this address. */
  bannedForAdmins(ip: string): Promise<boolean>;
}

/** A CrowdSec that reads the log of a host's sshd, alerts, and leaves it to Cordon what follows. */
export class CrowdsecComponent implements Component<CrowdsecLab> {
  readonly name = 'CrowdSec';
  #process: LabProcess | undefined;

  async start(lab: Lab): Promise<CrowdsecLab> {
    const folder = join(lab.folder, 'crowdsec');
    mkdirSync(folder);
    const log = join(lab.host(WATCHED).root, 'var/log/auth.log');
    await lab.until(`the log of ${WATCHED}`, () => existsSync(log));
    const files = layOutCrowdsec({ folder, port: PORT, logs: [log] });
    for (const account of files.accounts) await lab.run(account);
    const process_ = lab.spawn('crowdsec', files.command);
    this.#process = process_;
    await lab.until('CrowdSec to answer', () => {
      if (process_.ended() !== undefined) throw new Error(`crowdsec ended: ${process_.output()}`);
      return files.decisions().then(
        () => true,
        () => false,
      );
    });
    const password = join(folder, 'machine-password');
    writeFileSync(password, files.password, { mode: 0o600 });
    return {
      bannedForBouncers: async (ip) => (await files.decisions(ip)).some(({ type }) => type === 'ban'),
      bannedForAdmins: async (ip) => {
        const list = await lab.run([...files.cscli, 'decisions', 'list', '--ip', ip, '-o', 'json']);
        return (JSON.parse(list) as unknown[] | null) !== null;
      },
      connections: [
        {
          id: 'crowdsec',
          use: 'crowdsec',
          pollSeconds: 5,
          config: { url: files.url, machineId: CROWDSEC_MACHINE, password: { $file: password } },
        },
      ],
      inForce: async () => (await files.decisions()).map(({ value }) => `network.block_ip ip:${value}`),
    };
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
