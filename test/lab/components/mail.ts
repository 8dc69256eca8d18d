import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { Authority } from '../authority';
import type { Component, Contribution, Lab } from '../component';

const NAME = 'mail.lab.example.com';
const PASSWORD = 'mail-Passw0rd';
export const MAIL_ENV = { LAB_MAIL_PASSWORD: PASSWORD };

export interface Mail extends Contribution {
  /** What was received, in order: recipients and the message as it came over the wire. */
  readonly received: readonly { to: string[]; text: string }[];
}

/** A mail relay with STARTTLS and a log-in. */
export class MailComponent implements Component<Mail> {
  readonly name = 'SMTP relay';
  #server: SMTPServer | undefined;

  constructor(private readonly authority: Authority) {}

  async start(_lab: Lab): Promise<Mail> {
    const tls = await this.authority.issue(NAME, '127.0.0.1');
    const received: { to: string[]; text: string }[] = [];
    const server = new SMTPServer({
      key: readFileSync(tls.key),
      cert: readFileSync(tls.cert),
      onAuth: (auth, _session, done) =>
        auth.username === 'cordon' && auth.password === PASSWORD
          ? done(null, { user: auth.username })
          : done(new Error('wrong user or password')),
      onData(stream, session, done) {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const to = session.envelope.rcptTo.map(({ address }) => address);
          received.push({ to, text: Buffer.concat(chunks).toString('utf8') });
          done();
        });
      },
    });
    server.on('error', () => undefined);
    this.#server = server;
    const listening = server.listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    const { port } = listening.address() as AddressInfo;
    return {
      received,
      connections: [
        {
          id: 'mail',
          use: 'smtp',
          config: {
            host: '127.0.0.1',
            port,
            ca: readFileSync(tls.ca, 'utf8'),
            serverName: NAME,
            user: 'cordon',
            password: { $env: 'LAB_MAIL_PASSWORD' },
            from: 'cordon@lab.example.com',
          },
        },
      ],
    };
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
