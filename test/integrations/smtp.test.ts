import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { Secret } from '../../contracts/secret';
import smtp from '../../integrations/smtp';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';

interface Behaviour {
  /** Response code by recipient. */
  refuse: Record<string, number>;
  /** Response code for everybody. */
  refuseAll?: number;
  hangs: boolean;
  cutsAfterData: boolean;
  password: string;
}

const refusal = (responseCode: number) => Object.assign(new Error('refused'), { responseCode });

async function setup() {
  const mails: { to: string[]; text: string }[] = [];
  const behaviour: Behaviour = { refuse: {}, hangs: false, cutsAfterData: false, password: 'relay-pw' };
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) =>
      auth.password === behaviour.password ? done(null, { user: auth.username }) : done(refusal(535)),
    onRcptTo(address, _session, done) {
      if (behaviour.hangs) return;
      const code = behaviour.refuseAll ?? behaviour.refuse[address.address];
      done(code === undefined ? null : refusal(code));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ to, text: Buffer.concat(chunks).toString('utf8') });
        if (behaviour.cutsAfterData) server.close();
        else done();
      });
    },
  });
  server.on('error', () => undefined);
  const listening = server.listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  const { port } = listening.address() as AddressInfo;
  const config = smtp.config.parse({
    host: '127.0.0.1',
    port,
    tls: 'none',
    user: 'cordon',
    password: new Secret('relay-pw'),
    from: 'cordon@example.com',
    timeoutMs: 500,
  });
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { mails, behaviour, stop, config, connection: smtp.connect(config, fakeConnectTools()) };
}
type World = Awaited<ReturnType<typeof setup>>;

const mail = { to: ['soc@example.com'], subject: 'Approval needed', text: 'Isolate fin-ws-042?' };

contractSuite<World>({
  integration: smtp,
  setup,
  teardown: ({ stop }) => stop(),
  cases: {
    'notify.send': {
      input: () => mail,
      check(output, { mails }) {
        expect(output).toMatchObject({ accepted: ['soc@example.com'], rejected: [] });
        expect(mails).toHaveLength(1);
        expect(mails[0]!.text).toContain('Isolate fin-ws-042?');
        expect(mails[0]!.text).toContain(`Message-ID: ${output.messageId ?? 'none'}`);
      },
      faults: [
        {
          name: 'the relay refuses the recipient for good',
          arrange: ({ behaviour }) => void (behaviour.refuseAll = 550),
          type: 'rejected',
          maybeApplied: false,
        },
        {
          name: 'the relay refuses the recipient for now',
          arrange: ({ behaviour }) => void (behaviour.refuseAll = 451),
          type: 'unavailable',
          maybeApplied: false,
        },
        {
          name: 'the relay does not know our password',
          arrange: ({ behaviour }) => void (behaviour.password = 'another'),
          type: 'auth',
          maybeApplied: false,
        },
        {
          name: 'the relay falls silent',
          arrange: ({ behaviour }) => void (behaviour.hangs = true),
          type: 'timeout',
          maybeApplied: true,
          within: 2_000,
        },
        {
          name: 'the relay is down',
          arrange: ({ stop }) => stop(),
          type: 'unavailable',
          maybeApplied: false,
        },
      ],
    },
  },
});

describe('mail', () => {
  let world: World;
  beforeEach(async () => {
    world = await setup();
  });
  afterEach(() => world.stop());
  const send = (over: Partial<typeof mail>) =>
    world.connection.handlers['notify.send']!.act({ ...mail, ...over }, fakeCallContext(), undefined);

  test('some recipients refused is partial, and says which', async () => {
    world.behaviour.refuse = { 'gone@example.com': 550 };
    await expect(send({ to: ['soc@example.com', 'gone@example.com'] })).resolves.toMatchObject({
      status: 'partial',
      output: { accepted: ['soc@example.com'], rejected: ['gone@example.com'] },
    });
  });

  test('a subject can’t add headers or recipients', async () => {
    await send({ subject: 'Alert\r\nBcc: attacker@example.net\r\n\r\nnew body' });
    expect(world.mails[0]!.to).toEqual(['soc@example.com']);
    expect(world.mails[0]!.text).not.toMatch(/^Bcc:/m);
    expect(world.mails[0]!.text).toMatch(/^Subject: Alert Bcc: attacker@example.net new body/m);
  });

  test.each(['a@example.com\r\nBcc: b@example.net', 'not-an-address', 'a@example.com, b@example.net'])(
    'the recipient %j is refused before anything is sent',
    async (address) => {
      await expect(send({ to: [address] })).rejects.toMatchObject({ type: 'invalid_input' });
      expect(world.mails).toEqual([]);
    },
  );

  test('a retry carries the same Message-ID, another action another one', async () => {
    const ids = [];
    for (const key of ['a', 'a', 'b']) {
      const context = fakeCallContext({ actionKey: key.repeat(64) });
      const acted = await world.connection.handlers['notify.send']!.act(mail, context, undefined);
      ids.push(acted.status === 'done' ? acted.output.messageId : undefined);
    }
    expect(ids[0]).toMatch(/^<[0-9a-f]{32}@example\.com>$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test('a relay that does not offer TLS gets neither password nor mail', async () => {
    const strict = smtp.connect({ ...world.config, tls: 'starttls' }, fakeConnectTools());
    await expect(
      strict.handlers['notify.send']!.act(mail, fakeCallContext(), undefined),
    ).rejects.toMatchObject({ name: 'CordonError' });
    expect(world.mails).toEqual([]);
  });

  test('mail without TLS is refused by the config, except to this machine', () => {
    const config = { host: 'mail.example.com', tls: 'none', from: 'cordon@example.com' };
    expect(smtp.config.safeParse(config).success).toBe(false);
    expect(smtp.config.safeParse({ ...config, host: '127.0.0.1' }).success).toBe(true);
    expect(smtp.config.safeParse({ ...config, tls: 'starttls' }).success).toBe(true);
  });
});
