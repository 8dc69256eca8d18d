import type { Playbook } from './kit/define-playbook';
import { accountCompromise } from './playbooks/account-compromise';
import { dataExfiltration } from './playbooks/data-exfiltration';
import { bruteForce } from './playbooks/brute-force';
import { insider } from './playbooks/insider';
import { lostDevice } from './playbooks/lost-device';
import { malwareOnEndpoint } from './playbooks/malware-on-endpoint';
import { phishing } from './playbooks/phishing';
import { ransomware } from './playbooks/ransomware';
import { webShell } from './playbooks/web-shell';

/**
 * Every playbook that this build can run; of two that answer an alert equally well the first runs. A released `id@version` stays
 * until no run needs it.
 */
export const PLAYBOOKS: readonly Playbook[] = [
  ransomware,
  malwareOnEndpoint,
  // Before account_compromise, which it goes on to where a log-in succeeded.
  bruteForce,
  accountCompromise,
  phishing,
  dataExfiltration,
  webShell,
  lostDevice,
  insider,
];

/** Authors of a playbook's version, none where it names none; undefined when there is no such version. */
export function authorsOf(ref: string): readonly string[] | undefined {
  const playbook = PLAYBOOKS.find((one) => one.ref === ref);
  return playbook === undefined ? undefined : (playbook.authors ?? []);
}
