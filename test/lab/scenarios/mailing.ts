import { Secret } from '../../../contracts/secret';
import smtp from '../../../integrations/smtp';
import { fakeCallContext, fakeConnectTools } from '../../contract/call-context';
import type { Mail } from '../components/mail';
import { MAIL_ENV } from '../components/mail';
import type { Scenario } from '../component';

const TO = 'on-call@lab.example.com';

/** A notification reaches the relay, over TLS and with a log-in. No playbook sends mail, so it is the connection that is told to. */
export const mailing = (mail: Mail): Scenario => ({
  name: 'mail',
  async run(_lab, _cordon, table) {
    const given = mail.connections?.[0]?.config ?? {};
    const config = smtp.config.parse({ ...given, password: new Secret(MAIL_ENV.LAB_MAIL_PASSWORD) });
    const connection = smtp.connect(config, fakeConnectTools());
    const before = mail.received.length;
    await connection.handlers['notify.send']?.act(
      { to: [TO], subject: 'INC-2026-000001: isolate fin-ws-042?', text: 'A decision is asked for.' },
      fakeCallContext(),
      undefined,
    );
    await connection.close();
    const received = mail.received.map(
      ({ to, text }) => `${to.join()}: ${/^Subject: (.*)$/m.exec(text)?.[1]?.trim() ?? ''}`,
    );
    table.row('a notification reaches the mail relay', {
      before: [before, 0],
      after: [received.join('\n'), `${TO}: INC-2026-000001: isolate fin-ws-042?`],
    });
    return () => Promise.resolve();
  },
});
