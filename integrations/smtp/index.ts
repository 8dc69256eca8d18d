import { z } from 'zod';
import { CordonError } from '../../contracts/errors';
import { defineIntegration } from '../../contracts/integration';
import { SmtpClient } from './client';
import { SmtpConfig } from './schemas';

/** Sends notifications as mail. */
export default defineIntegration({
  id: 'smtp',
  title: 'Mail (SMTP)',
  docs: 'https://www.rfc-editor.org/rfc/rfc5321',
  simulated: false,
  config: SmtpConfig,
  actions: ['notify.send'],
  connect(config) {
    const client = new SmtpClient(config);
    return {
      handlers: {
        'notify.send': {
          permissions: ['submission to the relay'],
          async act({ to, subject, text }, context) {
            const wrong = to.filter((address) => !z.email().safeParse(address).success);
            if (wrong.length > 0)
              throw new CordonError('invalid_input', `smtp: ${wrong.length} of the recipients is no address`);
            await context.fence();
            const mail = { to, subject, text, key: context.actionKey };
            const output = await client.send(mail, context.signal);
            if (output.rejected.length === 0) return { status: 'done', output };
            return { status: 'partial', output, detail: `${output.rejected.length} recipients were refused` };
          },
        },
      },
      async check(signal) {
        await client.verify(signal);
        return { ok: true, detail: `${config.host}:${config.port} accepts us` };
      },
      close: () => Promise.resolve(),
    };
  },
});
