import { connectChannels } from '../../channels';
import type { NoticePayload } from '../../contracts/channel';
import { Config, type ConfigInput } from '../../contracts/config';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { Secret } from '../../contracts/secret';
import { Notifier } from '../../server/notifier';
import { recordDecision } from '../../store/decisions';
import { enqueue } from '../../store/outbox';
import { savePerson } from '../../store/people';
import { inTransaction, type Store } from '../../store/store';
import { until } from './cordon-process';
import {
  SLACK_CHANNEL,
  startFakePagerDuty,
  startFakeRelay,
  startFakeSlack,
  startFakeTeams,
  type FakeSlack,
} from './fake-channels';
import { fileIncident, fileRequest } from './server';
import { memoryStore } from './store';

export const LINK_SECRET = new Secret('a secret that signs links, long enough');
/** Those of the channels; `zoe` is of none. */
export const PEOPLE = ['ana', 'bo', 'lea'];
const LOW = 'endpoint.release_host';
const DECIDES = { people: PEOPLE, roles: ['analyst' as const, 'lead' as const], maxImpact: 'high' as const };

/** A store with a clock of its own, people, one of each product, and notifiers over them. */
export class Telling {
  store!: Store;
  clock = new Date();
  slack!: FakeSlack;
  pager!: Awaited<ReturnType<typeof startFakePagerDuty>>;
  teams!: Awaited<ReturnType<typeof startFakeTeams>>;
  relay!: Awaited<ReturnType<typeof startFakeRelay>>;
  notifiers: Notifier[] = [];
  logged: string[] = [];
  incident = '';
  #count = 0;

  async openStore(): Promise<void> {
    this.store = await memoryStore({ now: () => Promise.resolve(this.clock) });
    for (const id of [...PEOPLE, 'zoe'])
      await savePerson(this.store, {
        id,
        name: id,
        email: `${id}@example.com`,
        roles: [id === 'lea' ? 'lead' : 'analyst'],
      });
  }

  async setUp(): Promise<void> {
    this.clock = new Date();
    this.notifiers = [];
    this.logged = [];
    for (const table of ['notices', 'outbox'] as const) await this.store.db.deleteFrom(table).execute();
    [this.slack, this.pager, this.teams, this.relay] = await Promise.all([
      startFakeSlack(),
      startFakePagerDuty(),
      startFakeTeams(),
      startFakeRelay(),
    ]);
    await this.newIncident();
  }

  async tearDown(): Promise<void> {
    await Promise.all(this.notifiers.map((one) => one.stop()));
    const servers = [this.slack.server, this.pager.server, this.teams.server, this.relay];
    await Promise.all(servers.map((one) => one.stop()));
  }

  async newIncident(startedBy?: string): Promise<void> {
    this.incident = await fileIncident(
      this.store,
      `INC-2026-8${String(++this.#count).padStart(5, '0')}`,
      startedBy,
    );
  }

  slackConfig = (over: object = {}) => ({
    id: 'soc',
    use: 'slack',
    secrets: [new Secret(this.slack.signing)],
    ...DECIDES,
    config: {
      token: this.slack.token,
      channel: SLACK_CHANNEL,
      users: { U0ANA: 'ana', U0LEA: 'lea' },
      baseUrl: `${this.slack.server.url}/api`,
      timeoutMs: 300,
      ...over,
    },
  });
  mailConfig = (over: object = {}) => ({
    id: 'mail',
    use: 'email',
    secrets: [LINK_SECRET],
    ...DECIDES,
    config: { ...this.relay.config, ...over },
  });
  pagerConfig = () => ({
    id: 'oncall',
    use: 'pagerduty',
    config: { routingKey: this.pager.key, baseUrl: this.pager.server.url },
  });
  teamsConfig = () => ({
    id: 'room',
    use: 'teams',
    secrets: [LINK_SECRET],
    ...DECIDES,
    config: { url: this.teams.url },
  });

  notifierOf = (...channels: NonNullable<ConfigInput['channels']>): Notifier => {
    const config = Config.parse({
      policy: DEFAULT_POLICY,
      channels,
      publicUrl: 'https://cordon.example.com/',
    });
    const note = (data: object, message: string): void => {
      this.logged.push(`${message} ${JSON.stringify(data)}`);
    };
    const notifier = new Notifier({
      store: this.store,
      channels: connectChannels(config),
      publicUrl: config.publicUrl,
      log: { info: note, warn: note },
    });
    this.notifiers.push(notifier);
    return notifier;
  };
  started = (...channels: NonNullable<ConfigInput['channels']>): Notifier => {
    const notifier = this.notifierOf(...channels);
    notifier.start();
    return notifier;
  };
  tell = (payload: NoticePayload): Promise<void> =>
    inTransaction(this.store, (tx) =>
      enqueue(tx, 'notice', payload.request, { ...payload } as never, this.clock),
    );
  requested = async (items = [{ action: LOW, target: 'ws-1' }], extra = {}): Promise<string> => {
    const request = await fileRequest(this.store, this.incident, items, extra);
    await this.tell({ event: 'approval_requested', request });
    return request;
  };
  rows = (channel = 'soc') =>
    this.store.db.selectFrom('notices').selectAll().where('channel', '=', channel).orderBy('id').execute();
  allDone = (n: number, channel = 'soc') =>
    until(`${String(n)} notices of ${channel}`, async () => {
      const found = await this.rows(channel);
      return found.length === n && found.every(({ state }) => state !== 'due');
    });
  journal = async () =>
    (
      await this.store.db
        .selectFrom('journal')
        .select(['kind', 'data'])
        .where('incident', '=', this.incident)
        .orderBy('seq')
        .execute()
    ).map(({ kind, data }) => ({ kind, ...data }));
  decideAll = async (
    request: string,
    verdict: 'approve' | 'deny' = 'approve',
    person = 'lea',
  ): Promise<void> => {
    await recordDecision(
      this.store,
      request,
      { decisionId: crypto.randomUUID(), verdict },
      { person, roles: ['lead'], channel: 'api' },
    );
  };
  settle = async (request: string): Promise<void> => {
    await this.store.db
      .updateTable('approval_items')
      .set({ status: 'approved' })
      .where('request_id', '=', request)
      .execute();
    await this.store.db
      .updateTable('approval_requests')
      .set({ status: 'settled' })
      .where('id', '=', request)
      .execute();
    await this.tell({ event: 'approval_settled', request });
  };
}
