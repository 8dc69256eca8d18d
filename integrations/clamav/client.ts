import { connect } from 'node:net';
import { CordonError } from '../../contracts/errors';
import { abortError, throwIfAborted } from '../kit/abort';
import { Version, parseScanLine, type ScanLine } from './schemas';

/** A reply that is longer than this is none of clamd's. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface Clamd {
  address: string;
  port: number;
  connectTimeoutMs: number;
}

/**
 * Sends one command and returns the reply's lines. The `z` form ends commands and lines with NUL, so that
 * paths with line breaks are told apart. clamd closes the connection when it is done.
 */
async function ask(clamd: Clamd, command: string, timeoutMs: number, signal: AbortSignal): Promise<string[]> {
  const what = `clamd at ${clamd.address}`;
  throwIfAborted(signal, what);
  const socket = connect({ host: clamd.address, port: clamd.port });
  const cleanUp: (() => void)[] = [() => socket.destroy()];
  try {
    return await new Promise<string[]>((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      let sent = false;
      const fail = (
        type: 'timeout' | 'unavailable' | 'unexpected_reply',
        why: string,
        cause?: unknown,
      ): void => reject(new CordonError(type, `${what}: ${why}`, { cause, maybeApplied: false }));
      let timer = setTimeout(() => fail('timeout', 'no connection'), clamd.connectTimeoutMs);
      const onAbort = (): void => reject(abortError(signal, what, false));
      signal.addEventListener('abort', onAbort, { once: true });
      cleanUp.push(() => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      });

      socket.on('error', (cause) =>
        fail('unavailable', sent ? 'the connection was lost' : 'not reachable', cause),
      );
      socket.on('connect', () => {
        clearTimeout(timer);
        timer = setTimeout(() => fail('timeout', `no end of the reply after ${timeoutMs} ms`), timeoutMs);
        sent = true;
        socket.write(`z${command}\0`);
      });
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_BYTES) fail('unexpected_reply', 'the reply does not end');
        else chunks.push(chunk);
      });
      socket.on('close', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (!text.endsWith('\0')) fail('unexpected_reply', 'the reply breaks off');
        else resolve(text.slice(0, -1).split('\0'));
      });
    });
  } finally {
    for (const step of cleanUp) step();
  }
}

/** The engine's version, and that of its database where it has an official one. */
export async function readVersion(clamd: Clamd, signal: AbortSignal): Promise<string> {
  const [line] = await ask(clamd, 'VERSION', clamd.connectTimeoutMs, signal);
  const version = Version.safeParse(line);
  if (version.success) return version.data;
  throw new CordonError('unexpected_reply', `clamd at ${clamd.address}: this is not clamd`, {
    maybeApplied: false,
  });
}

/** Scans one path and all below it, beyond the first hit. */
export async function scanPath(
  clamd: Clamd,
  path: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ScanLine[]> {
  if (!path.startsWith('/') || path.includes('\0')) {
    throw new CordonError('invalid_input', 'expected an absolute path', { maybeApplied: false });
  }
  // SCAN stops at the first hit. https://docs.clamav.net/manual/Usage/Scanning.html#clamd
  const lines = await ask(clamd, `CONTSCAN ${path}`, timeoutMs, signal);
  return lines.map((line) => {
    const parsed = parseScanLine(line);
    if (parsed !== undefined) return parsed;
    throw new CordonError('unexpected_reply', `clamd at ${clamd.address}: not a scan's reply`, {
      maybeApplied: false,
    });
  });
}
