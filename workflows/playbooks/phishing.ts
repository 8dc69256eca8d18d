import {
  email,
  endpoint,
  identity,
  network,
  notify,
  ticket,
  type ActionOutput,
} from '../../contracts/actions';
import type { Message } from '../../contracts/alert';
import type { AccountRef } from '../../contracts/values';
import { defineQuestion } from '../kit/ask';
import { category, definePlaybook, technique } from '../kit/define-playbook';
import { listed } from '../kit/listed';
import { lockOut, ownerOf } from '../kit/lock-out';
import type { LiveSet } from '../kit/scope';

const AT_ONCE = 20;
const WARNING = {
  subject: 'A phishing message was sent to you',
  text: 'We are removing it from your mailbox. If you opened it or typed something, call the service desk now. Do not answer this mail.',
};

const victims = defineQuestion({
  id: 'phishing_victims',
  title: 'Who fell for it, beyond what the mail gateway saw?',
  why: 'Accounts named here are locked out, hosts are isolated and scanned, domains are blocked. Ask by phone: their mail may be read.',
  fields: {
    accounts: { type: 'text', label: 'Accounts that typed into the page, by commas', required: false },
    hosts: { type: 'text', label: 'Hosts on which the attachment was opened, by commas', required: false },
    domains: { type: 'text', label: 'Domains of the message to block whole, by commas', required: false },
  },
  roles: ['analyst', 'lead'],
  within: '4h',
  onSilence: {},
});

/**
 * A message lures people. It is taken out of every mailbox and its sender, links and attachment are blocked; who typed something is
 * locked out and called, hosts that opened the attachment are isolated and cleaned. Purged mail stays purged unless it was a false
 * positive. Domains of a message are blocked only where an alert or a person names them: messages link to honest sites too.
 *
 * ATT&CK T1566 Phishing, T1598 Phishing for Information, T1204.001 Malicious Link.
 * D3FEND D3-ER Email Removal, D3-OTF Outbound Traffic Filtering, D3-DNSDL DNS Denylisting, D3-EDL Executable Denylisting,
 * D3-ANCI Authentication Cache Invalidation, D3-CRO Credential Rotation, D3-NI Network Isolation, D3-FA File Analysis.
 * After CERT Société Générale IRM-16, CISA's "Stopping the attack cycle at phase one", and counteractive's phishing playbook.
 */
export const phishing = definePlaybook(
  {
    id: 'phishing',
    version: 1,
    title: 'Phishing',
    answers: [technique('T1566'), technique('T1598'), technique('T1204.001'), category('phishing')],
  },
  async ({ scope, collect, ask, widen, decide, contain, eradicate, release, watch }) => {
    const got = new Map<string, ActionOutput<'email.find_messages'>['recipients']>();
    await collect('Find who got it', scope.messages, (message) => email.findMessages({ message }), {
      found: ({ target, output: { recipients, urls, attachments } }) => {
        got.set(target.id, recipients);
        return { urls, files: attachments.map((sha256) => ({ sha256 })) };
      },
    });
    const typed = ({ id }: Message): AccountRef[] =>
      (got.get(id) ?? []).filter(({ submitted }) => submitted).map(({ address }) => ownerOf(address));
    const warn = (message: Message) => {
      const all = [...(message.recipients ?? []), ...(got.get(message.id) ?? []).map((one) => one.address)];
      const lost = new Set(typed(message).map(({ name }) => name));
      const to = [...new Set(all)].filter((address) => !lost.has(address));
      const rounds = Array.from({ length: Math.ceil(to.length / AT_ONCE) }, (_, n) => n * AT_ONCE);
      return rounds.map((from) => notify.send({ to: to.slice(from, from + AT_ONCE), ...WARNING }));
    };

    const help = async <T>(who: string, over: LiveSet<T>, whose: (one: T) => AccountRef[]): Promise<void> => {
      await contain(`Lock out ${who}`, over, (one) => whose(one).flatMap(lockOut), { lease: '72h' });
      await collect(`Keep the inbox rules of ${who}`, over, (one) =>
        whose(one).map((account) => identity.exportInboxRules({ account })),
      );
      await eradicate(
        `Remove what was planted with ${who}`,
        over,
        (one) =>
          whose(one).flatMap((account) => [
            identity.removeInboxRules({ account }),
            identity.revokeOauthGrants({ account }),
          ]),
        { lease: '30d' },
      );
    };

    const purge = async (): Promise<void> => {
      await contain('Purge it everywhere', scope.messages, (message) => email.purgeMessage({ message }), {
        lease: '90d',
      });
      await contain('Warn those who got it', scope.messages, warn, { lease: '7d' });
    };
    const opened = async (): Promise<void> => {
      await collect('Hunt the attachment', scope.hashes, (sha256) => endpoint.huntHash({ sha256 }), {
        found: ({ output: { hosts } }) => ({ hosts }),
      });
      const told = await ask(victims);
      const hosts = await widen('Hosts that opened it', {
        hosts: listed(told.hosts).map((name) => ({ name })),
      });
      const accounts = await widen('Accounts that typed', { accounts: listed(told.accounts).map(ownerOf) });
      await widen('Domains of the message', { domains: listed(told.domains) });
      await collect('Triage before anything changes', scope.hosts, (host) =>
        endpoint.collectTriage({ host }),
      );
      const isolate = async (): Promise<void> => {
        if (!decide('Was the attachment opened?', hosts.size > 0)) return;
        await contain(
          'Isolate who opened it',
          scope.hosts,
          (host) => (hosts.has(host.key) ? endpoint.isolateHost({ host }) : []),
          { lease: '72h' },
        );
      };
      await Promise.all([
        isolate(),
        help('those who were named', scope.accounts, (one) => (accounts.has(one.key) ? [one] : [])),
      ]);
      await eradicate('Clean the hosts', scope.hosts, (host) => endpoint.scanAv({ host }), {
        onFind: 'quarantine',
        lease: '30d',
      });
    };

    // Together: nobody's answer about one of these may delay the others.
    await Promise.all([
      purge(),
      contain('Block the sender', scope.senders, (sender) => email.blockSender({ sender }), { lease: '30d' }),
      contain('Block its links', scope.urls, (url) => network.blockUrl({ url }), { lease: '30d' }),
      contain('Block its domains', scope.domains, (domain) => network.blockDomain({ domain }), {
        lease: '30d',
      }),
      contain('Block its attachment', scope.hashes, (sha256) => endpoint.blockHash({ sha256 }), {
        lease: '30d',
      }),
      help('those who typed', scope.messages, typed),
      opened(),
      eradicate('Ask for the page to be taken down', scope.urls, (url) =>
        ticket.open({
          title: `Take down ${url}`.slice(0, 300),
          text: `Report to hoster and registrar: ${url}`,
        }),
      ),
    ]);

    await release(scope.hosts, { when: 'clean' });
    await watch('7d', { onRecurrence: 'contain' });
  },
);
