import mail from '../../integrations/simulated-mail';
import { copiesOf, startFakeMail, type MailState } from '../../integrations/simulated-mail/fake';
import { fakeCallContext } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { connected, effectCase, jobCase, type ProductWorld } from '../support/simulated-product';

const message = {
  id: '<Invoice-7@mail.example.net>',
  sender: 'billing@mail.example.net',
  subject: 'Invoice',
};
const id = 'invoice-7@mail.example.net';
const recipients = [
  { address: 'kim@corp.example.com', opened: true, clicked: true, submitted: true },
  { address: 'lee@corp.example.com', opened: true, clicked: false, submitted: false },
];
const seed = {
  messages: {
    [id]: {
      recipients,
      domains: ['login.example.net'],
      urls: ['https://login.example.net/a'],
      attachments: ['c'.repeat(64)],
    },
  },
};
type World = ProductWorld<MailState>;
const setup = async (): Promise<World> => connected(mail, await startFakeMail({ seed }));

contractSuite<World>({
  integration: mail,
  setup,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'email.find_messages': jobCase({ message }, (output) =>
      expect(output).toEqual({ message, ...seed.messages[id] }),
    ),
    'email.purge_message': effectCase(
      'email.purge_message',
      { message },
      {
        check: (output, { fake }) => {
          expect(output.mailboxes).toBe(2);
          expect(copiesOf(fake.state(), id)).toBe(0);
        },
      },
    ),
    'email.block_sender': effectCase('email.block_sender', { sender: 'Billing@mail.example.net' }),
  },
});

test('a restored message is back where it was, and one that nobody got is in no mailbox', async () => {
  const { fake, connection } = await setup();
  const { 'email.purge_message': purge, 'email.restore_message': restore } = connection.handlers;
  const purged = await purge!.act({ message }, fakeCallContext(), undefined);
  if (purged.status !== 'done') throw new Error('expected done');
  await restore!.act(purged.output, fakeCallContext(), undefined);
  expect(copiesOf(fake.state(), id)).toBe(2);
  expect(await purge!.act({ message: { id: 'other' } }, fakeCallContext(), undefined)).toMatchObject({
    output: { mailboxes: 0 },
  });
  await connection.close();
  await fake.stop();
});
