import { z } from 'zod';
import { Secret } from '../../contracts/secret';
import { Sha256 } from '../../contracts/values';

const Host = z
  .object({
    address: z.string().min(1).max(255),
    port: z.number().int().min(1).max(65_535).default(22),
    user: z.string().min(1).max(64).default('root'),
    /** As `ssh-keygen -l` prints it. */
    hostKeySha256: z
      .string()
      .regex(/^SHA256:[A-Za-z0-9+/]{43}$/, 'expected SHA256:… as printed by ssh-keygen -lf host_key.pub'),
    /** Argument vector whose stdin and stdout are the connection, as OpenSSH's ProxyCommand: `%h`, `%p` and `%r` are filled in. */
    proxyCommand: z.array(z.string().min(1)).min(1).optional(),
  })
  .strict();

export const LinuxHostConfig = z
  .object({
    /** By the host's name, as alerts and assets spell it. */
    hosts: z.record(z.string().min(1), Host).refine((hosts) => Object.keys(hosts).length > 0, 'name a host'),
    /** OpenSSH private key without a passphrase. */
    privateKey: z.instanceof(Secret),
    connectTimeoutMs: z.number().int().min(100).max(120_000).default(10_000),
    callTimeoutMs: z.number().int().min(100).max(120_000).default(30_000),
    triageTimeoutMs: z.number().int().min(100).max(600_000).default(180_000),
  })
  .strict();
export type LinuxHostConfig = z.output<typeof LinuxHostConfig>;

/** What the agent says when it did not do what it was told. */
export const AgentFailure = z.object({
  ok: z.literal(false),
  error: z.enum([
    'invalid_input',
    'not_found',
    'rejected',
    'exists',
    'misconfigured',
    'refused',
    'not_verified',
    'unavailable',
    'internal',
  ]),
  message: z.string().max(500),
});

export const IsolationReply = z.object({
  ok: z.literal(true),
  agent: z.number().int(),
  isolated: z.boolean(),
  tag: z.string().max(128),
  management: z.string().max(4096),
  changed: z.boolean(),
});

export const FileReply = z.object({
  ok: z.literal(true),
  /** The hash of what is at the path; `other` for a link or a folder. */
  present: z.union([Sha256, z.literal('other'), z.null()]),
  /** Hashes of what was quarantined from this path. */
  stored: z.array(Sha256),
  newest: Sha256.nullable(),
  changed: z.boolean(),
});

export const TriageReply = z.object({
  ok: z.literal(true),
  artefacts: z
    .array(
      z.object({
        name: z.string().regex(/^[a-z][a-z-]*\.(txt|tsv)$/),
        sha256: Sha256,
        data: z.base64(),
      }),
    )
    .min(1)
    .max(100),
});
