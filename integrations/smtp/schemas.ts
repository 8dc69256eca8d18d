import { z } from 'zod';
import { Secret } from '../../contracts/secret';

/** Config of a mail relay. */
export const SmtpConfig = z
  .strictObject({
    host: z.string().min(1).max(255),
    port: z.number().int().min(1).max(65_535).default(587),
    /** implicit: TLS from the first byte. starttls: required before anything else. none: to a loopback address only. */
    tls: z.enum(['implicit', 'starttls', 'none']).default('starttls'),
    /** PEM of the only authority to trust, when it is not a public one. */
    ca: z.string().optional(),
    /** The name in the relay's certificate, where it differs from the host. */
    serverName: z.string().max(255).optional(),
    user: z.string().min(1).max(255).optional(),
    password: z.instanceof(Secret).optional(),
    from: z.email(),
    timeoutMs: z.number().int().min(10).max(120_000).default(15_000),
  })
  .refine(({ tls, host }) => tls !== 'none' || /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host), {
    message: 'mail without TLS is allowed to a loopback address only',
    path: ['tls'],
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    message: 'user and password belong together',
    path: ['password'],
  });
export type SmtpConfig = z.output<typeof SmtpConfig>;
