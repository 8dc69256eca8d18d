import { cloud, endpoint, identity } from '../../contracts/actions';
import { defineQuestion } from '../kit/ask';
import { category, definePlaybook } from '../kit/define-playbook';
import { listed } from '../kit/listed';

const contents = defineQuestion({
  id: 'lost_device_contents',
  title: 'What was on the device?',
  why: 'Keys that lay on it are deactivated, and the data protection officer needs to know whether it was encrypted.',
  fields: {
    encrypted: { type: 'choice', label: 'Its disk was encrypted', options: ['yes', 'no', 'unknown'] },
    keys: { type: 'text', label: 'Ids of cloud keys on it, separated by commas', required: false },
  },
  roles: ['analyst', 'lead'],
  within: '8h',
  onSilence: { encrypted: 'unknown' },
});
const dataProtection = defineQuestion({
  id: 'lost_device_data_protection',
  title: 'Who has to be told of the loss?',
  why: 'A disk that was not encrypted counts as read. Where personal data was on it the 72 hours of GDPR article 33 run.',
  fields: {
    notified: { type: 'text', label: 'Authority, police report, insurer: reference of each' },
  },
  roles: ['legal', 'lead'],
  within: '2d',
  onSilence: { notified: 'nobody has said' },
});
const whereabouts = defineQuestion({
  id: 'lost_device_found',
  title: 'Has the device been found?',
  why: 'One that is found is examined before it is used again. For one that is gone, wiping is the next question.',
  fields: { outcome: { type: 'choice', label: 'The device is', options: ['found', 'gone'] } },
  roles: ['analyst', 'lead'],
  within: '3d',
  onSilence: { outcome: 'gone' },
});
const wiping = defineQuestion({
  id: 'lost_device_wipe',
  title: 'Wipe the device?',
  why: 'A wipe cannot be taken back, and evidence on the device is lost. Saying yes asks the people whom the policy wants for it.',
  fields: { wipe: { type: 'boolean', label: 'Wipe it as soon as it is online' } },
  roles: ['lead', 'admin'],
  within: '2d',
  onSilence: { wipe: false },
});

/**
 * A device is lost or stolen. It is locked, and what it can reach is closed, whether or not it is online: orders wait for it for
 * days. It is wiped only where two people approve, and one that is found is examined before it is used.
 *
 * ATT&CK T1078 Valid Accounts and T1552 Unsecured Credentials: what a finder can make of it.
 * D3FEND D3-ANCI Authentication Cache Invalidation, D3-CR Credential Revocation, D3-PR Password Rotation, D3-NI Network Isolation,
 * D3-FA File Analysis, D3-DKE Disk Erasure.
 * After NIST SP 800-124r2 (lost and stolen mobile devices) and NIST SP 800-61r3.
 */
export const lostDevice = definePlaybook(
  { id: 'lost_device', version: 1, title: 'Lost or stolen device', answers: [category('lost_device')] },
  async ({ scope, collect, contain, ask, note, widen, eradicate, release, watch }) => {
    const locked = contain('Lock the device', scope.hosts, (host) => endpoint.lockDevice({ host }), {
      lease: '90d',
    });
    const reach = async (): Promise<void> => {
      await contain('End its sessions', scope.accounts, (account) => identity.revokeSessions({ account }), {
        lease: '30d',
      });
      await eradicate('New password and second factor', scope.accounts, (account) => [
        identity.resetPassword({ account }),
        identity.revokeSessions({ account }),
        identity.requireMfaRegistration({ account }),
      ]);
    };

    const fate = async (): Promise<void> => {
      const { encrypted, keys } = await ask(contents);
      await widen('Keys that were on the device', { keys: listed(keys).map((id) => ({ id })) });
      await contain('Deactivate the keys on it', scope.keys, (key) => cloud.deactivateKey({ key }), {
        lease: '30d',
      });
      if (encrypted !== 'yes') {
        const { notified } = await ask(dataProtection);
        note(`Told of the loss: ${notified}`);
      }

      const { outcome } = await ask(whereabouts);
      if (outcome === 'found') {
        await contain('Keep it off the network', scope.hosts, (host) => endpoint.isolateHost({ host }), {
          lease: '30d',
        });
        await collect('Examine it', scope.hosts, (host) => [
          endpoint.collectMemory({ host }),
          endpoint.collectTriage({ host }),
        ]);
        await eradicate('Clean it', scope.hosts, (host) => endpoint.scanAv({ host }), {
          onFind: 'quarantine',
          lease: '30d',
        });
        await locked;
        await release(scope.hosts, { when: 'clean' });
        return;
      }
      const { wipe } = await ask(wiping);
      if (wipe) await eradicate('Wipe it', scope.hosts, (host) => endpoint.wipeDevice({ host }));
    };

    // Side by side: a device that is offline for days must not hold back what can be done without it.
    await Promise.all([locked, reach(), fate()]);
    await watch('30d', { onRecurrence: 'contain' });
  },
);
