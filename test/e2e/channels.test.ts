import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axios from 'axios';
import { freePort } from '../../temporal-config/dev-server';
import { callApi, CordonProcess, postHook, signed, until } from '../support/cordon-process';
import {
  SLACK_CHANNEL,
  SLACK_TEAM,
  startFakeRelay,
  startFakeSlack,
  type FakeSlack,
} from '../support/fake-channels';

const ROOT = join(__dirname, '..', '..');
const dataDir = mkdtempSync(join(tmpdir(), 'cordon-channels-'));
let cordon: CordonProcess;
let slack: FakeSlack;
let relay: Awaited<ReturnType<typeof startFakeRelay>>;
let url: string;

beforeAll(async () => {
  slack = await startFakeSlack();
  relay = await startFakeRelay();
  const port = String(await freePort());
  url = `http://127.0.0.1:${port}`;
  const config = {
    publicUrl: url,
    connections: [
      { id: 'edr', use: 'simulated_edr' },
      { id: 'directory', use: 'simulated_identity' },
    ],
    sources: [{ id: 'demo', use: 'generic', secrets: [{ $env: 'CORDON_DEMO_HOOK_SECRET' }] }],
    people: [
      { id: 'ana', name: 'Ana', email: 'ana@example.com', roles: ['analyst'] },
      { id: 'lea', name: 'Lea', email: 'lea@example.com', roles: ['lead'] },
      { id: 'leo', name: 'Leo', email: 'leo@example.com', roles: ['lead'] },
    ],
    channels: [
      {
        id: 'soc',
        use: 'slack',
        secrets: [{ $env: 'SLACK_SIGNING_SECRET' }],
        people: ['ana', 'lea', 'leo'],
        roles: ['analyst', 'lead'],
        maxImpact: 'high',
        config: {
          token: { $env: 'SLACK_BOT_TOKEN' },
          channel: SLACK_CHANNEL,
          team: SLACK_TEAM,
          users: { U0ANA: 'ana', U0LEA: 'lea', U0LEO: 'leo' },
          baseUrl: `${slack.server.url}/api`,
        },
      },
      {
        id: 'mail',
        use: 'email',
        secrets: [{ $env: 'LINK_SECRET' }],
        people: ['lea'],
        roles: ['lead'],
        maxImpact: 'high',
        config: relay.config,
      },
    ],
  };
  const file = join(dataDir, 'cordon.config.ts');
  writeFileSync(
    file,
    `import { DEFAULT_POLICY } from ${JSON.stringify(join(ROOT, 'contracts', 'policy'))};
export default { ...${JSON.stringify(config)}, policy: DEFAULT_POLICY };
`,
  );
  cordon = new CordonProcess('up', {
    CORDON_CONFIG: file,
    CORDON_DATA_DIR: join(dataDir, 'data'),
    PORT: port,
    SLACK_SIGNING_SECRET: slack.signing,
    SLACK_BOT_TOKEN: slack.token.reveal(),
    LINK_SECRET: 'a secret of more than thirty-two characters',
  });
  await cordon.start();
}, 180_000);
afterAll(async () => {
  await cordon.stop();
  await slack.server.stop();
  await relay.stop();
  rmSync(dataDir, { recursive: true, force: true });
}, 60_000);

interface Show {
  items: { number: string; phase: string }[];
}
const read = (name: string): string => readFileSync(join(dataDir, 'data', name), 'utf8');
const incidents = async (): Promise<Show['items']> =>
  (await callApi<Show>(url, read('token'), 'GET', '/incidents')).data.items;
const messages = () => slack.server.state().messages;

test('an alert is answered from Slack and by mail: nothing waits for the API, and the messages change', async () => {
  const body = JSON.stringify({
    title: 'Trojan <!channel> on fin-ws-042',
    severity: 4,
    category: 'malware',
    entities: { hosts: ['fin-ws-042'] },
  });
  expect((await postHook(url, body, signed(read('demo-hook-secret'), body))).status).toBe(202);
  await until('Slack to be told', () => messages().length > 0);
  const asked = messages()[0];
  if (asked === undefined) throw new Error('no message');
  expect(JSON.stringify(asked.blocks)).toContain('fin-ws-042');
  expect(JSON.stringify(asked.blocks)).not.toContain('<!channel>');
  const approve = slack.buttons(asked).find(({ verdict }) => verdict === 'approve');
  const hook = `${url}/hooks/approvals/soc`;
  const press = { verdict: 'approve', value: approve?.value ?? '', ts: asked.ts };

  expect((await slack.click(hook, { ...press, user: 'U0MALLORY' })).status).toBe(200);
  await until('a stranger to be told no', () => slack.server.state().whispers.length > 0);
  expect((await incidents())[0]?.phase).toBe('containment');
  expect((await slack.click(hook, { ...press, user: 'U0LEO' })).status).toBe(200);
  await until('the message to say who decided', () =>
    /leo: approve/.test(JSON.stringify(messages().find(({ ts }) => ts === asked.ts)?.blocks)),
  );

  // The release, when the scan is clean, is Lea's by mail.
  const mailed = () => relay.mails.filter(({ to, text }) => to === 'lea@example.com' && /Release/.test(text));
  await until('a mail about the release', () => mailed().length > 0);
  const link = /http:\/\/127\.0\.0\.1:\d+\/confirm\?link=([\w.%~-]+)/.exec(mailed()[0]?.text ?? '');
  const page = await axios.get<string>(link?.[0] ?? '', { validateStatus: () => true });
  expect(page.status).toBe(200);
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  const field = (name: string): string =>
    new RegExp(`name="${name}"\\s+value="([^"]+)"`).exec(page.data)?.[1] ?? '';
  const form = { link: link?.[1] ?? '', form: field('form'), item: field('item'), verdict: 'approve' };
  expect((await axios.post(`${url}/confirm`, new URLSearchParams(form))).status).toBe(200);

  await until('the incident to be watched', async () =>
    (await incidents()).some(({ phase }) => phase === 'monitoring'),
  );
  const said = JSON.stringify(await Promise.all([incidents()])) + cordon.output;
  for (const secret of [slack.signing, slack.token.reveal(), 'thirty-two characters'])
    expect(said).not.toContain(secret);
}, 120_000);
