import { z } from 'zod';
import { accountKey, accountName, hostKey, shortName } from '../assets';
import {
  bucketKey,
  cloudKeyKey,
  domainKey,
  hashKey,
  messageKey,
  principalKey,
  processName,
  senderKey,
  urlKey,
} from '../names';
import {
  AccountRef,
  BucketRef,
  CloudKeyRef,
  DomainName,
  HostRef,
  MailAddress,
  MessageRef,
  PrincipalRef,
  ProcessRef,
  Sha256,
  WebUrl,
  type Target,
} from '../values';

/** The inputs that actions begin with, and what each is done to. */
export const OnHost = z.object({ host: HostRef });
export const OnAccount = z.object({ account: AccountRef });
export const OnProcess = OnHost.extend({ process: ProcessRef });
export const OnHash = z.object({ sha256: Sha256 });
export const OnDomain = z.object({ domain: DomainName });
export const OnUrl = z.object({ url: WebUrl });
export const OnSender = z.object({ sender: MailAddress });
export const OnMessage = z.object({ message: MessageRef });
export const OnKey = z.object({ key: CloudKeyRef });
export const OnPrincipal = z.object({ principal: PrincipalRef });
export const OnBucket = z.object({ bucket: BucketRef });

const target = (kind: Target['kind'], key: string, label: string): Target => ({
  kind,
  key,
  label: label.slice(0, 1024),
});

/** Both names, where they differ: what is approved is what a product may be told. */
const labelOf = ({ name, fqdn }: HostRef): string =>
  fqdn === undefined || shortName(fqdn) === shortName(name) ? name : `${name} (${fqdn})`;

export const onHost = ({ host }: { host: HostRef }): Target => target('host', hostKey(host), labelOf(host));

/** What is on a host has the host's key before its own name, so that the host's protection is its protection. */
const onThingOfHost = (kind: 'file' | 'process', host: HostRef, name: string): Target =>
  target(
    kind,
    `${kind}:${hostKey(host).slice('host:'.length)}${name.startsWith('/') ? '' : '/'}${name}`,
    `${name} on ${labelOf(host)}`,
  );
export const onFile = ({ host, path }: { host: HostRef; path: string }): Target =>
  onThingOfHost('file', host, path);
export const onProcess = ({ host, process }: { host: HostRef; process: ProcessRef }): Target =>
  onThingOfHost('process', host, processName(process));

export const onAccount = ({ account }: { account: AccountRef }): Target =>
  target(
    'account',
    accountKey(account),
    account.upn === undefined || accountName(account.upn) === accountName(account.name)
      ? (account.upn ?? account.name)
      : `${account.name} (${account.upn})`,
  );

export const onHash = ({ sha256 }: { sha256: string }): Target => target('hash', hashKey(sha256), sha256);
export const onDomain = ({ domain }: { domain: string }): Target =>
  target('domain', domainKey(domain), domain);
export const onUrl = ({ url }: { url: string }): Target => target('url', urlKey(url), url);
export const onSender = ({ sender }: { sender: string }): Target =>
  target('sender', senderKey(sender), sender);
export const onMessage = ({ message }: { message: MessageRef }): Target =>
  target('message', messageKey(message), [message.subject, message.id].filter(Boolean).join(' '));
/** The key, and whose it is said to be: what is approved is what a product may be told. */
export const onKey = ({ key }: { key: CloudKeyRef }): Target =>
  target('key', cloudKeyKey(key), key.principal === undefined ? key.id : `${key.id} (${key.principal})`);
export const onPrincipal = ({ principal }: { principal: PrincipalRef }): Target =>
  target('principal', principalKey(principal.name), principal.name);
export const onBucket = ({ bucket }: { bucket: BucketRef }): Target =>
  target('bucket', bucketKey(bucket.name), bucket.name);
