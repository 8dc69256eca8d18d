import { z } from 'zod';
import { Secret } from '../../contracts/secret';

const LOOPBACK = /^ldap:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?\/?$/;

/** Config of a directory. */
export const LdapConfig = z
  .strictObject({
    /** `ldaps://dc1.example.com`, or `ldap://…` with `startTls`. */
    url: z.string().regex(/^ldaps?:\/\/[^/\s?]+\/?$/, 'expected ldaps://host[:port] or ldap://host[:port]'),
    startTls: z.boolean().default(false),
    /** Plain LDAP, for a directory on this machine and for trials only. */
    allowPlainToLoopback: z.boolean().default(false),
    /** PEM of the only authority to trust. */
    ca: z.string().optional(),
    /** The name in the certificate, where it differs from the host. */
    serverName: z.string().max(255).optional(),
    flavour: z.enum(['active_directory', 'openldap']),
    bindDn: z.string().min(1).max(1000),
    password: z.instanceof(Secret),
    /** Accounts are looked for below this and nowhere else. */
    searchBase: z.string().min(1).max(1000),
    timeoutMs: z.number().int().min(10).max(120_000).default(10_000),
  })
  .refine(
    ({ url, startTls, allowPlainToLoopback }) =>
      url.startsWith('ldaps:') || startTls || (allowPlainToLoopback && LOOPBACK.test(url)),
    'use ldaps:// or startTls; plain LDAP is allowed to a loopback address only, and only when asked for',
  )
  .refine(
    ({ url, startTls }) => !(url.startsWith('ldaps:') && startTls),
    'ldaps:// is encrypted already; leave startTls out',
  );
export type LdapConfig = z.output<typeof LdapConfig>;
