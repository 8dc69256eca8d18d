import type { Integration } from '../contracts/integration';
import blocklist from './blocklist';
import clamav from './clamav';
import crowdsec from './crowdsec';
import ldap from './ldap';
import linuxHost from './linux-host';
import restic from './restic';
import simulatedBackup from './simulated-backup';
import simulatedCloud from './simulated-cloud';
import simulatedEdr from './simulated-edr';
import simulatedFirewall from './simulated-firewall';
import simulatedIdentity from './simulated-identity';
import simulatedMail from './simulated-mail';
import simulatedManagement from './simulated-management';
import simulatedMdm from './simulated-mdm';
import simulatedTicketing from './simulated-ticketing';
import smtp from './smtp';

/** Every product that a connection can use, by the id that the configuration names. */
export const INTEGRATIONS: ReadonlyMap<string, Integration> = new Map(
  [
    blocklist,
    clamav,
    crowdsec,
    ldap,
    linuxHost,
    restic,
    simulatedBackup,
    simulatedCloud,
    simulatedEdr,
    simulatedFirewall,
    simulatedIdentity,
    simulatedMail,
    simulatedManagement,
    simulatedMdm,
    simulatedTicketing,
    smtp,
  ].map((integration): [string, Integration] => [integration.id, integration as unknown as Integration]),
);
