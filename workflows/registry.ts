import type { Playbook } from './kit/define-playbook';
import { accountCompromise } from './playbooks/account-compromise';
import { dataExfiltration } from './playbooks/data-exfiltration';
import { malwareOnEndpoint } from './playbooks/malware-on-endpoint';
import { phishing } from './playbooks/phishing';
import { ransomware } from './playbooks/ransomware';

/** Every playbook that this build can run. A released `id@version` stays until no run needs it. */
export const PLAYBOOKS: readonly Playbook[] = [
  ransomware,
  malwareOnEndpoint,
  accountCompromise,
  phishing,
  dataExfiltration,
];
