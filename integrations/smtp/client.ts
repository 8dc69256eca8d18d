import { createHash } from 'node:crypto';
import { createTransport, type Transporter } from 'nodemailer';
import { z } from 'zod';
import { CordonError } from '../../contracts/errors';
import { abortError, throwIfAborted } from '../kit/abort';
import type { SmtpConfig } from './schemas';

const Sent = z.object({
  accepted: z.array(z.string()),
  rejected: z.array(z.string()),
  messageId: z.string(),
});
type Sent = z.infer<typeof Sent>;

export interface Mail {
  to: readonly string[];
  subject: string;
  text: string;
  /** The same for programs that show HTML. */
  html?: string;
  /** The same in every retry, so that a reader's mail program shows a repeat as one. */
  key: string;
}

const Failed = z.object({
  code: z.string().optional(),
  responseCode: z.number().optional(),
  command: z.string().optional(),
});

/** The error of a failed attempt. The relay's text stays behind: it may quote the message. */
function smtpError(error: unknown, what: string): CordonError {
  const { code = 'unknown', responseCode, command = '' } = Failed.catch({}).parse(error);
  const message = `${what}: ${code}${responseCode === undefined ? '' : ` ${responseCode}`}`;
  // After DATA the relay may have queued it, unless it has answered with a refusal.
  const maybeApplied = command === 'DATA' && responseCode === undefined;
  if (code === 'EAUTH')
    return responseCode !== undefined && responseCode < 500
      ? new CordonError('unavailable', message)
      : new CordonError('auth', message);
  if (code === 'ENOAUTH') return new CordonError('auth', message);
  if (responseCode !== undefined)
    return new CordonError(responseCode >= 500 ? 'rejected' : 'unavailable', message);
  if (code === 'EENVELOPE' || code === 'EMESSAGE') return new CordonError('rejected', message);
  if (code === 'ETIMEDOUT') return new CordonError('timeout', message, { maybeApplied: command !== 'CONN' });
  // A lost connection does not say how far it had come; nodemailer names CONN only while none stands.
  return new CordonError('unavailable', message, { maybeApplied: maybeApplied || command !== 'CONN' });
}

/** A line for a header: what could end it or start another is taken out. */
export function headerLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are the point
  return text.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ').trim();
}

/** Sends mail through one relay, one connection a message. */
export class SmtpClient {
  constructor(private readonly config: SmtpConfig) {}

  async send(mail: Mail, signal: AbortSignal): Promise<Sent> {
    const { from } = this.config;
    const id = createHash('sha256').update(mail.key).digest('hex').slice(0, 32);
    return this.#with(signal, 'smtp: send', async (transport) =>
      Sent.parse(
        await transport.sendMail({
          from: { name: 'Cordon', address: from },
          to: mail.to.map((address) => ({ name: '', address })),
          subject: headerLine(mail.subject),
          text: mail.text,
          ...(mail.html === undefined ? {} : { html: mail.html }),
          messageId: `<${id}@${from.split('@')[1] ?? 'cordon'}>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
          // Nothing in a message may make the relay's client read a file or fetch an address.
          disableFileAccess: true,
          disableUrlAccess: true,
        }),
      ),
    );
  }

  /** Connects and logs in; sends nothing. */
  async verify(signal: AbortSignal): Promise<void> {
    await this.#with(signal, 'smtp: check', (transport) => transport.verify());
  }

  async #with<T>(signal: AbortSignal, what: string, use: (transport: Transporter) => Promise<T>): Promise<T> {
    throwIfAborted(signal, what);
    const { host, port, tls, ca, serverName, user, password, timeoutMs } = this.config;
    const transport = createTransport({
      host,
      port,
      secure: tls === 'implicit',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'none',
      tls: {
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca }),
        ...(serverName === undefined ? {} : { servername: serverName }),
      },
      ...(user === undefined || password === undefined ? {} : { auth: { user, pass: password.reveal() } }),
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
    });
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    const givenUp = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(abortError(signal, what, true));
      signal.addEventListener('abort', onAbort, { once: true });
      const late = () => reject(new CordonError('timeout', `${what}: no end after ${timeoutMs} ms`));
      // Nodemailer's own limits are per step, and each starts anew.
      timer = setTimeout(late, timeoutMs);
    });
    try {
      return await Promise.race([use(transport), givenUp]);
    } catch (error) {
      throw error instanceof CordonError ? error : smtpError(error, what);
    } finally {
      clearTimeout(timer);
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
      transport.close();
    }
  }
}
