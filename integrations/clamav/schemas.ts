import { z } from 'zod';

const absolute = z.string().min(1).max(4096).startsWith('/');

const Host = z
  .object({
    /** Where the host's clamd listens (TCPSocket, TCPAddr). */
    address: z.string().min(1).max(255),
    port: z.number().int().min(1).max(65_535).default(3310),
    /** What is scanned when the caller names nothing. */
    paths: z.array(absolute).min(1).max(100),
  })
  .strict();

export const ClamavConfig = z
  .object({
    /** By the host's name, as alerts and assets spell it. */
    hosts: z.record(z.string().min(1), Host).refine((hosts) => Object.keys(hosts).length > 0, 'name a host'),
    connectTimeoutMs: z.number().int().min(100).max(60_000).default(5_000),
    /** For a whole scan; a full disk takes hours. */
    scanTimeoutMs: z
      .number()
      .int()
      .min(100)
      .max(86_400_000)
      .default(6 * 3_600_000),
    /** A scan that is not over by then goes on by itself and is asked for later. */
    pendingAfterMs: z.number().int().min(10).max(60_000).default(20_000),
  })
  .strict();
export type ClamavConfig = z.output<typeof ClamavConfig>;

/** One line of clamd's answer to a scan. */
const ScanLine = z.discriminatedUnion('verdict', [
  z.object({ verdict: z.literal('ok'), path: z.string().min(1) }),
  z.object({ verdict: z.literal('found'), path: z.string().min(1), signature: z.string().regex(/^\S+$/) }),
  z.object({ verdict: z.literal('error'), message: z.string().min(1) }),
]);
export type ScanLine = z.output<typeof ScanLine>;

/**
 * Reads one line. The verdict is the last word and the signature has no blanks, so a path may hold
 * anything, `: OK` too. Undefined for what is no scan reply, such as `UNKNOWN COMMAND`.
 */
export function parseScanLine(line: string): ScanLine | undefined {
  const ok = /^(.+): OK$/s.exec(line);
  const found = /^(.+): (\S+) FOUND$/s.exec(line);
  const error = /^(.+) ERROR$/s.exec(line);
  const parsed = ScanLine.safeParse(
    ok !== null
      ? { verdict: 'ok', path: ok[1] }
      : found !== null
        ? { verdict: 'found', path: found[1], signature: found[2] }
        : { verdict: 'error', message: error?.[1] },
  );
  return parsed.success ? parsed.data : undefined;
}

/** `ClamAV 1.4.3/27800/Tue Oct 21 08:00:00 2026`; without an official database only the first part. */
export const Version = z
  .string()
  .regex(/^ClamAV \S+/)
  .max(200);
