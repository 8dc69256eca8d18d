import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, timingSafeEqual } from 'node:crypto';
import { Duplex } from 'node:stream';
import { Client, type ClientChannel, type ConnectConfig } from 'ssh2';
import { CordonError } from '../../contracts/errors';
import type { Secret } from '../../contracts/secret';
import { abortError, throwIfAborted } from './abort';

export interface SshTarget {
  address: string;
  port: number;
  user: string;
  /** `SHA256:…` as `ssh-keygen -l` prints it. Any other host key is refused before we authenticate. */
  hostKeySha256: string;
  privateKey: Secret;
  /** Argument vector whose stdin and stdout are the connection, as OpenSSH's ProxyCommand; `%h`, `%p`, `%r` are filled in. */
  proxyCommand?: readonly string[] | undefined;
}

export interface SshCall {
  command: string;
  connectTimeoutMs: number;
  /** For the command itself, once the connection stands. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Names the call in messages. */
  what: string;
  /** More than this on stdout is an unexpected reply; 64 MiB when left out. */
  maxBytes?: number;
}

export interface SshReply {
  code: number;
  stdout: Buffer;
}

function isPinned(key: Buffer, pinned: string): boolean {
  const seen = createHash('sha256').update(key).digest();
  const expected = Buffer.from(pinned.replace(/^SHA256:/, ''), 'base64');
  return expected.length === seen.length && timingSafeEqual(seen, expected);
}

/** Starts the proxy command and joins its ends to one stream. */
function openProxy(target: SshTarget, argv: readonly string[]): { child: ChildProcess; sock: Duplex } {
  const [program, ...args] = argv.map((part) =>
    part.replace(/%[hpr%]/g, (token) => {
      const values: Record<string, string> = {
        '%h': target.address,
        '%p': String(target.port),
        '%r': target.user,
      };
      return values[token] ?? '%';
    }),
  );
  if (program === undefined) throw new CordonError('invalid_input', 'the proxy command is empty');
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const sock = Duplex.from({ readable: child.stdout, writable: child.stdin });
  // What happens to the child shows as the end of the stream; a write into a dead pipe must not be uncaught.
  sock.on('error', () => undefined);
  child.on('error', (error) => sock.destroy(error));
  return { child, sock };
}

interface SshError extends Error {
  level?: string;
}

/**
 * Runs one command over a connection of its own: pinned host key, public key only. Settles within
 * `connectTimeoutMs + timeoutMs`. Errors before the command was sent have `maybeApplied` false;
 * a connection that is lost afterwards is `unavailable` with `maybeApplied` true.
 */
export async function sshExec(target: SshTarget, call: SshCall): Promise<SshReply> {
  const { command, connectTimeoutMs, timeoutMs, signal, what, maxBytes = 64 * 1024 * 1024 } = call;
  throwIfAborted(signal, what);
  const client = new Client();
  const proxy = target.proxyCommand === undefined ? undefined : openProxy(target, target.proxyCommand);
  let sent = false;
  let hostKeyRefused = false;
  const cleanUp: (() => void)[] = [() => client.destroy(), () => proxy?.child.kill()];

  const toError = (error: SshError): CordonError => {
    if (hostKeyRefused) {
      const message = `${what}: the host key is not the pinned one`;
      return new CordonError('auth', message, { cause: error, maybeApplied: false });
    }
    if (error.level === 'client-authentication') {
      return new CordonError('auth', `${what}: the key was not accepted`, {
        cause: error,
        maybeApplied: false,
      });
    }
    if (error.level === 'client-timeout') {
      return new CordonError('timeout', `${what}: no connection`, { cause: error, maybeApplied: sent });
    }
    return new CordonError('unavailable', `${what}: ${sent ? 'the connection was lost' : 'not reachable'}`, {
      cause: error,
      maybeApplied: sent,
    });
  };

  const exchange = async (): Promise<SshReply> =>
    await new Promise<SshReply>((resolve, reject) => {
      const timers: NodeJS.Timeout[] = [];
      const later = (ms: number, message: string): void => {
        const give = (): void => reject(new CordonError('timeout', message, { maybeApplied: sent }));
        timers.push(setTimeout(give, ms));
      };
      const onAbort = (): void => reject(abortError(signal, what, sent));
      signal.addEventListener('abort', onAbort, { once: true });
      cleanUp.push(() => {
        signal.removeEventListener('abort', onAbort);
        timers.forEach(clearTimeout);
      });

      const read = (channel: ClientChannel): void => {
        const stdout: Buffer[] = [];
        let bytes = 0;
        let code: number | null = null;
        channel.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxBytes)
            reject(new CordonError('unexpected_reply', `${what}: more than ${maxBytes} bytes`));
          else stdout.push(chunk);
        });
        channel.stderr.resume();
        channel.on('exit', (status: number | null) => {
          code = status;
        });
        // Without an exit status the command was killed, or the connection went away under it.
        channel.on('close', () => {
          if (code === null) reject(toError(new Error('closed without an exit status')));
          else resolve({ code, stdout: Buffer.concat(stdout) });
        });
      };

      later(connectTimeoutMs, `${what}: no connection after ${connectTimeoutMs} ms`);
      client.on('error', (error) => reject(toError(error)));
      client.on('close', () => reject(toError(new Error('closed'))));
      client.on('ready', () => {
        timers.forEach(clearTimeout);
        later(timeoutMs, `${what}: no reply after ${timeoutMs} ms`);
        sent = true;
        client.exec(command, (error, channel) => {
          if (error === undefined) read(channel);
          else reject(new CordonError('rejected', `${what}: the host refuses commands`, { cause: error }));
        });
      });

      const config: ConnectConfig = {
        host: target.address,
        port: target.port,
        username: target.user,
        privateKey: target.privateKey.reveal(),
        authHandler: ['publickey'],
        // Our own timer decides, so that its error says what had been sent by then.
        readyTimeout: 0,
        hostVerifier: (key: Buffer) => {
          hostKeyRefused = !isPinned(key, target.hostKeySha256);
          return !hostKeyRefused;
        },
        ...(proxy === undefined ? {} : { sock: proxy.sock }),
      };
      try {
        client.connect(config);
      } catch (cause) {
        // ssh2 throws here for a key it can't read. Its message may quote the key: it is left out.
        const reason =
          cause instanceof Error && /privateKey/.test(cause.message) ? 'the private key' : 'the settings';
        reject(new CordonError('invalid_input', `${what}: ${reason} can't be used`, { maybeApplied: false }));
      }
    });

  try {
    return await exchange();
  } finally {
    for (const step of cleanUp) step();
  }
}
