import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AccountRef, HostRef } from '../../contracts/values';
import { addressOf, namingAddress } from './addresses';

/** Shortens instead of refusing. NUL and lone surrogates, which PostgreSQL can't keep, become U+FFFD; all else is data. */
export function clip(text: string, max: number): string {
  const cut = text.length > max ? `${text.slice(0, max - 1)}…` : text;
  return cut.replaceAll('\u0000', '\uFFFD').replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** A trimmed, shortened name; undefined when nothing is left, or when it is a vendor's way to write "none". */
export function nameOf(text: string | undefined, max = 255): string | undefined {
  const name = clip((text ?? '').trim(), max).trim();
  return name === '' || name === '-' || name.toLowerCase() === 'n/a' ? undefined : name;
}

/** Leaves out what is undefined, so that optional fields stay absent. */
export function compact<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** sha256 of fields, by their JSON: stable for the same alert, and different for `['ab', 'c']` and `['a', 'bc']`. */
export function stableId(...fields: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(fields), 'utf8').digest('hex');
}

/** `<source>:<vendor id>`. An id that can't be kept as it is gives its hash, never a shortened id that two alerts share. */
export function alertKey(sourceId: string, vendorId: string): string {
  const fits = vendorId !== '' && vendorId === clip(vendorId, 400);
  return `${sourceId}:${fits ? vendorId : stableId(vendorId)}`;
}

/** A vendor's time, also with an offset without a colon (Wazuh, Suricata); gives UTC. */
export const VendorTime = z.string().transform((text, context) => {
  const time = new Date(text.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'));
  const year = time.getUTCFullYear();
  if (/^\d{4}-\d{2}-\d{2}T/.test(text) && year >= 1970 && year <= 9999) return time.toISOString();
  context.addIssue({ code: 'custom', message: 'expected an ISO 8601 date and time' });
  return z.NEVER;
});

/** Keeps ATT&CK technique ids, drops what else vendors put there. */
export function techniquesOf(ids: readonly string[]): string[] {
  const upper = ids.map((id) => id.trim().toUpperCase());
  return [...new Set(upper)].filter((id) => /^T\d{4}(\.\d{3})?$/.test(id)).slice(0, 50);
}

/** A host by its name in lower case; a full name also gives `fqdn`. A name that is an address gives `ips`. */
export function hostOf(
  text: string | undefined,
  ips: readonly (string | undefined)[] = [],
): HostRef | undefined {
  const name = nameOf(text)?.toLowerCase().replace(/\.$/, '');
  const asAddress = addressOf(name);
  const addresses = [...new Set([name, ...ips].map(namingAddress).filter((one) => one !== undefined))];
  const called = asAddress ?? name ?? addresses[0];
  if (called === undefined || called === '' || (asAddress !== undefined && addresses.length === 0))
    return undefined;
  return compact({
    name: called,
    fqdn: asAddress === undefined && called.includes('.') ? called : undefined,
    ips: addresses.length === 0 ? undefined : addresses.slice(0, 64),
  });
}

/** One entry a host: an address that belongs to a named host is not a second one. */
export function mergeHosts(hosts: readonly (HostRef | undefined)[]): HostRef[] {
  const merged: HostRef[] = [];
  for (const host of hosts) {
    if (host === undefined) continue;
    const known = merged.some((one) => one.name === host.name || (one.ips ?? []).includes(host.name));
    if (!known) merged.push(host);
  }
  return merged.slice(0, 100);
}

/** An account as vendors write it: `EXAMPLE\ann`, `ann@example.com` or `ann`. */
export function accountOf(text: string | undefined, domain?: string): AccountRef | undefined {
  const name = nameOf(text)?.toLowerCase();
  if (name === undefined) return undefined;
  const [, inDomain, plain] = /^([^\\]+)\\([^\\]+)$/.exec(name) ?? [];
  if (inDomain !== undefined && plain !== undefined) {
    const [d, n] = [nameOf(inDomain), nameOf(plain)];
    if (d !== undefined && n !== undefined) return { name: n, domain: d };
  }
  const local = /^([^@\s]+)@[^@\s]+$/.exec(name)?.[1];
  const given = nameOf(domain)?.toLowerCase();
  return compact({
    name: nameOf(local) ?? name,
    domain: given,
    upn: nameOf(local) === undefined ? undefined : name,
  });
}

/** One entry each, at most as many as an alert may carry. */
export function unique<T>(values: readonly (T | undefined)[]): T[] {
  const byJson = new Map<string, T>();
  for (const value of values) if (value !== undefined) byJson.set(JSON.stringify(value), value);
  return [...byJson.values()].slice(0, 100);
}

/** A link that a person may click: http or https, else nothing. */
export function linkOf(text: string | undefined): string | undefined {
  const ok = z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .safeParse(text?.trim());
  return ok.success && clip(ok.data, 2048) === ok.data ? ok.data : undefined;
}

/** A sha256 in lower case, or nothing. */
export function sha256Of(text: string | undefined): string | undefined {
  const hash = text?.trim().toLowerCase();
  return hash !== undefined && /^[0-9a-f]{64}$/.test(hash) ? hash : undefined;
}
