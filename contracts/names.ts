import type { CloudKeyRef, MessageRef, ProcessRef } from './values';
import { DomainName, WebUrl } from './values';

/** A name as it is compared: lower case, no final dot. */
export const bare = (text: string): string => text.trim().toLowerCase().replace(/\.$/, '');

/** A domain in the spelling that products compare: lower case, ASCII, no final dot. Undefined when it is none. */
export function domainOf(text: string): string | undefined {
  const plain = bare(text);
  const ascii = /^[\x20-\x7e]*$/.test(plain) ? plain : hostOfUrl(`http://${plain}/`);
  return ascii !== undefined && DomainName.safeParse(ascii).success ? ascii : undefined;
}

/** The host of an address on the web, in lower case and ASCII; an IPv6 address without brackets. */
export function hostOfUrl(text: string): string | undefined {
  try {
    return bare(new URL(text).hostname.replace(/^\[|\]$/g, '')) || undefined;
  } catch {
    return undefined;
  }
}

/**
 * An address on the web in one spelling: host and scheme in lower case, no fragment, no credentials. One that is too long to be
 * acted upon loses its query, so that more is meant, never something else. Undefined when it is none.
 */
export function urlOf(text: string): string | undefined {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (url === undefined) return undefined;
  [url.hash, url.username, url.password] = ['', '', ''];
  if (url.href.length > 1000) url.search = '';
  return WebUrl.safeParse(url.href).success ? url.href : undefined;
}

/** The part of a mail address behind its last `@`. */
export const domainOfMail = (address: string): string => bare(address.slice(address.lastIndexOf('@') + 1));

/** Whether a domain is another one or lies in it. */
export const isWithinDomain = (domain: string, other: string): boolean =>
  domain === other || domain.endsWith(`.${other}`);

/** Message-IDs with and without their angle brackets are one. */
export const messageId = (text: string): string => text.trim().replace(/^<(.*)>$/, '$1');

/** The last part of a principal's name: of `arn:aws:iam::123456789012:role/deploy` it is `deploy`, of a role's session too. */
export const principalName = (text: string): string =>
  /:assumed-role\/([^/]+)/.exec(bare(text))?.[1] ?? bare(text).replace(/^.*[/]/, '');

export const domainKey = (domain: string): string => `domain:${domainOf(domain) ?? bare(domain)}`;
export const urlKey = (url: string): string => `url:${urlOf(url) ?? url}`;
export const senderKey = (address: string): string => `sender:${bare(address)}`;
export const messageKey = ({ id }: Pick<MessageRef, 'id'>): string =>
  `message:${messageId(id).toLowerCase()}`;
export const cloudKeyKey = ({ id }: Pick<CloudKeyRef, 'id'>): string => `key:${bare(id)}`;
export const principalKey = (principal: string): string => `principal:${bare(principal)}`;
export const bucketKey = (bucket: string): string => `bucket:${bare(bucket)}`;
export const hashKey = (sha256: string): string => `hash:${sha256}`;

/** What tells a process from the others of its host. */
export const processName = ({ pid, name, path, sha256 }: ProcessRef): string =>
  [pid, path ?? name ?? sha256].filter((one) => one !== undefined).join(':');
