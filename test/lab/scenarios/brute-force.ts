import axios from 'axios';
import type { LabHost, Scenario } from '../component';
import { WATCHED, type CrowdsecLab } from '../components/crowdsec';
import type { Cordon, Incident } from '../cordon';

/** How long it may take from the first failed log-in to an incident: detection, poll and correlation. */
const SEEN_MS = 90_000;

/** A few log-ins with a wrong password, as OpenSSH makes them; the prompt itself is the password. */
async function guess(from: LabHost, address: string): Promise<boolean> {
  const options = {
    NumberOfPasswordPrompts: '3',
    PreferredAuthentications: 'password',
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    ConnectTimeout: '3',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const env = { SSH_ASKPASS: '/bin/echo', SSH_ASKPASS_REQUIRE: 'force', DISPLAY: 'none' };
  return from
    .net(['ssh', '-F', 'none', ...flags, `admin@${address}`, 'true'], { env, timeoutMs: 20_000 })
    .then(
      () => true,
      () => false,
    );
}

/** The incident that an alert of CrowdSec about this address has opened. */
async function incidentAbout(cordon: Cordon, address: string): Promise<Incident | undefined> {
  const { items } = await cordon.api<{ items: { number: string; title: string }[] }>(
    'GET',
    '/incidents?limit=50',
  );
  const found = items.find(({ title }) => title === `crowdsecurity/ssh-bf by ${address}`);
  return found === undefined ? undefined : cordon.incident(found.number);
}

/** When CrowdSec was last polled with success, by Cordon's own metrics; in ms. */
async function lastPoll(cordon: Cordon): Promise<number> {
  const { data } = await axios.get<string>(`${cordon.url}/metrics`, { timeout: 5000 });
  const seconds = /^cordon_poll_last_success_timestamp_seconds\{connection="crowdsec"\} (\S+)$/m.exec(
    data,
  )?.[1];
  return Number(seconds) * 1000;
}

/** Failed log-ins at a real sshd, seen by a real CrowdSec; its alert is polled, the attacker's address banned, and let in again. */
export const bruteForce = (crowdsec: CrowdsecLab): Scenario => ({
  name: 'brute force',
  async run(lab, cordon, table) {
    const [attacker, bastion] = [lab.host('attacker'), lab.host(WATCHED)];
    const { address } = attacker;
    const banned = async (): Promise<string> =>
      `bouncers: ${(await crowdsec.bannedForBouncers(address)) ? 'banned' : 'free'}, ` +
      `cscli: ${(await crowdsec.bannedForAdmins(address)) ? 'banned' : 'free'}`;
    const before = await banned();
    let incident: Incident | undefined;
    let loggedIn = false;
    // The attacker goes on until it is seen: a detector begins to read its log some time after it is up.
    await lab.until(
      `an incident about ${address}`,
      async () => {
        loggedIn = (await guess(attacker, bastion.address)) || loggedIn;
        incident = await incidentAbout(cordon, address);
        return incident !== undefined;
      },
      SEEN_MS,
    );
    const { number, alerts, playbook } = incident as unknown as Incident;
    lab.say(`${number}: ${address} guesses passwords at ${bastion.name}`);
    table.row(`failed log-ins at the sshd of ${bastion.name}: polled from CrowdSec as one alert`, {
      before: [loggedIn, false],
      during: [alerts.map(({ source }) => source).join(), 'crowdsec'],
    });
    await cordon.asks(number, 'network.block_ip', address);
    table.row(`${address}: nothing happens before a person agrees`, {
      before: [before, 'bouncers: free, cscli: free'],
      during: [await banned(), 'bouncers: free, cscli: free'],
    });
    await cordon.approve(number, 'network.block_ip', address);
    const lease = await cordon.lease('network.block_ip', address);
    const during = await banned();
    const bannedAt = Date.now();
    lab.say(`${number} (${playbook ?? 'no playbook'}): ${address} is banned`);

    return async () => {
      await lab.until('a poll after the ban', async () => (await lastPoll(cordon)) > bannedAt);
      const { alerts: polled } = await cordon.incident(number);
      table.row('our own ban is no new alert', { after: [polled.length, 1] });
      await cordon.release(lease);
      table.row(`${address} banned at CrowdSec`, {
        before: [before, 'bouncers: free, cscli: free'],
        during: [during, 'bouncers: banned, cscli: banned'],
        after: [await banned(), 'bouncers: free, cscli: free'],
      });
      await cordon.close(number);
    };
  },
});
