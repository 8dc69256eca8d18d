import { cloud, endpoint, identity } from '../../contracts/actions';
import { cloudKeyKey } from '../../contracts/names';
import { defineQuestion } from '../kit/ask';
import { category, definePlaybook } from '../kit/define-playbook';

const request = defineQuestion({
  id: 'insider_request',
  title: 'Is there a written request to look into this person?',
  why: 'Nothing is collected and nothing is changed before HR or legal has asked for it in writing.',
  fields: {
    granted: { type: 'boolean', label: 'There is a written request' },
    reference: { type: 'text', label: 'Where it is: number or link', required: false },
  },
  roles: ['hr', 'legal'],
  within: '3d',
  onSilence: 'wait',
});
const finding = defineQuestion({
  id: 'insider_finding',
  title: 'What does the evidence say?',
  why: 'A suspected crime ends technical action: whatever is changed then can be held against the evidence.',
  fields: {
    finding: {
      type: 'choice',
      label: 'It is',
      options: ['breach of rules', 'unfounded', 'suspected crime'],
    },
  },
  roles: ['hr', 'legal'],
  within: '7d',
  onSilence: 'wait',
});
const handover = defineQuestion({
  id: 'insider_handover',
  title: 'Who has taken the evidence over?',
  why: 'The chain of custody names who has it. After that the technical side waits for the authority.',
  fields: { receivedBy: { type: 'text', label: 'Name, authority and file number' } },
  roles: ['legal'],
  within: '7d',
  onSilence: 'wait',
});
const suspension = defineQuestion({
  id: 'insider_suspension',
  title: 'Is the person suspended, and when?',
  why: 'Access ends at the moment that was agreed, when the person is told, badge and devices are collected: not before, not after.',
  fields: {
    suspend: { type: 'boolean', label: 'The person is suspended' },
    at: { type: 'date', label: 'The moment that was agreed; at once where it is left out', required: false },
  },
  roles: ['hr', 'legal'],
  within: '7d',
  onSilence: 'wait',
});
const outcome = defineQuestion({
  id: 'insider_outcome',
  title: 'How does it end?',
  why: 'Access is given back to a person who stays. For one who leaves it stays taken away, and the leases say so.',
  fields: { outcome: { type: 'choice', label: 'The person', options: ['stays', 'leaves'] } },
  roles: ['hr', 'legal'],
  within: '30d',
  onSilence: 'wait',
});

/**
 * One of our own is suspected. Nothing happens before HR or legal has asked for it in writing; then evidence is taken quietly,
 * privileges are reduced, and access ends at the agreed moment. A suspected crime ends technical action.
 *
 * ATT&CK T1078 Valid Accounts, T1213 Data from Information Repositories, T1114.003 Email Forwarding Rule.
 * D3FEND D3-UAP User Account Permissions, D3-AL Account Locking, D3-ANCI Authentication Cache Invalidation, D3-CR Credential Revocation.
 * After CERT Société Générale IRM-12 and CISA's Insider Threat Mitigation Guide.
 */
export const insider = definePlaybook(
  { id: 'insider', version: 1, title: 'Insider', answers: [category('insider')] },
  async ({ scope, collect, contain, ask, note, waitFor, eradicate, release, watch }) => {
    const { granted, reference } = await ask(request);
    note(`Written request: ${reference ?? 'none was named'}`);
    if (!granted) return;

    // The request is about whom it names: who or what joins later is not looked into under it.
    const named = new Set(
      [scope.hosts, scope.accounts, scope.keys].flatMap((set) => set.targets().map(({ key }) => key)),
    );
    const under = <C>(key: string, calls: readonly C[]): readonly C[] => (named.has(key) ? calls : []);

    await collect('Quiet evidence from devices', scope.hosts, (host) =>
      under(host.key, [
        endpoint.collectLogs({ host }),
        endpoint.collectTriage({ host }),
        endpoint.collectDisk({ host }),
      ]),
    );
    await collect('Quiet evidence from mailboxes', scope.accounts, (account) =>
      under(account.key, [identity.exportInboxRules({ account })]),
    );

    const { finding: is } = await ask(finding);
    if (is === 'unfounded') return;
    if (is === 'suspected crime') {
      const { receivedBy } = await ask(handover);
      note(`Technical action has stopped. The evidence is with ${receivedBy}`);
      return;
    }

    await contain(
      'Reduce privileges',
      scope.accounts,
      (account) => under(account.key, [identity.reducePrivileges({ account })]),
      { lease: '30d' },
    );
    const { suspend, at } = await ask(suspension);
    if (suspend) {
      if (at !== undefined) await waitFor({ until: at });
      await contain(
        'Suspend access',
        scope.accounts,
        (account) =>
          under(account.key, [identity.disableAccount({ account }), identity.revokeSessions({ account })]),
        { lease: '90d' },
      );
      await contain(
        'Deactivate keys',
        scope.keys,
        (key) => under(cloudKeyKey(key), [cloud.deactivateKey({ key })]),
        { lease: '90d' },
      );
    }
    await eradicate(
      'Remove forwarding and grants',
      scope.accounts,
      (account) =>
        under(account.key, [identity.removeInboxRules({ account }), identity.revokeOauthGrants({ account })]),
      { lease: '90d' },
    );

    const { outcome: how } = await ask(outcome);
    if (how === 'stays') {
      await release(scope.keys);
      await release(scope.accounts);
    }
    await watch('30d', { onRecurrence: 'contain' });
  },
);
