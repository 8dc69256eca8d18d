import { Counter, Gauge } from 'prom-client';
import type { ConnectedChannel } from '../channels';
import { signLink } from '../channels/kit/links';
import type { ApprovalRequest } from '../contracts/approval';
import { decidable, mayFillSeat, NoticeEvent, type Addressee, type Notice } from '../contracts/channel';
import { CordonError, type ErrorType } from '../contracts/errors';
import type { CallContext } from '../contracts/integration';
import {
  activePeople,
  fanOut,
  forgetNotices,
  noteTest,
  noticeDone,
  noticeFacts,
  noticeFailed,
  noticesWaiting,
  takeDueNotices,
} from '../store/notices';
import { approvalRequests } from '../store/read-models';
import type { Row } from '../store/schema';
import type { Store } from '../store/store';
import { Loops } from './loops';

const POLL_MS = 500;
/** Where nothing is told, only what another configuration has left behind is looked for. */
const IDLE_POLL_MS = 60_000;
/** At the same time, by channel: one that hangs takes no place of another. */
const IN_FLIGHT = 4;
const SEND_TIMEOUT_MS = 30_000;
/** Longer than an attempt may take: what a killed server had taken waits so long, and no second server sends meanwhile. */
const LEASE_MS = 45_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 300_000;
/** About an hour. */
const MAX_ATTEMPTS = 20;
const CHORES_EVERY_MS = 60_000;
/** The same message would be refused again. */
const FINAL: ReadonlySet<ErrorType> = new Set<ErrorType>(['invalid_input', 'rejected', 'unsupported']);

export interface NotifierDeps {
  store: Store;
  channels: ReadonlyMap<string, ConnectedChannel>;
  /** Where people reach this server; without it messages carry no links. */
  publicUrl: string | undefined;
  log: CallContext['log'];
}

type Facts = NonNullable<Awaited<ReturnType<typeof noticeFacts>>>;

/**
 * Tells people of approval requests. It takes notices from the outbox, makes a row for each recipient, and delivers each channel's in
 * a loop of its own, with a time limit and again until it succeeds or is given up: a channel that is lost or slow costs neither
 * the request nor another channel anything. Several servers may run one each; none sends what another is sending.
 */
export class Notifier {
  readonly #loops: Loops;
  readonly #sending = new Map<string, Set<Promise<void>>>();
  #choresAt = 0;

  /** Deliveries of this process, by channel, event and outcome. */
  readonly counter = new Counter({
    name: 'cordon_notices_total',
    help: 'Attempts to tell people of an approval request: sent, skipped, retried (it will be tried again) or failed (given up).',
    labelNames: ['channel', 'event', 'outcome'],
    registers: [],
  });

  /** What waits, over all servers; none while the database is away: `cordon_database_up` says so. */
  readonly gauge: Gauge;

  constructor(private readonly deps: NotifierDeps) {
    const { store, channels } = deps;
    this.gauge = new Gauge({
      name: 'cordon_notices_waiting',
      help: 'Messages to people that have not arrived yet, by channel.',
      labelNames: ['channel'],
      registers: [],
      async collect() {
        this.reset();
        const waiting = await noticesWaiting(store).catch(() => undefined);
        if (waiting === undefined) return;
        for (const channel of channels.keys()) this.set({ channel }, 0);
        for (const { channel, n } of waiting) this.set({ channel }, n);
      },
    });
    this.#loops = new Loops(deps.log);
  }

  start(): void {
    const { channels } = this.deps;
    this.#loops.start(() => this.#spread(), channels.size === 0 ? IDLE_POLL_MS : POLL_MS);
    for (const channel of channels.values()) {
      this.#sending.set(channel.id, new Set());
      this.#loops.start(() => this.#deliver(channel), POLL_MS);
    }
  }

  /** A decision was recorded: look at once. */
  wake(): void {
    this.#loops.wake();
  }

  /** Ends the loops, gives up what is on its way (another attempt sends it), and closes the channels. */
  async stop(): Promise<void> {
    await this.#loops.stop();
    await Promise.all([...this.#sending.values()].flatMap((some) => [...some]));
    await Promise.all([...this.deps.channels.values()].map(({ outgoing }) => outgoing.close()));
  }

  /** Sends a message that is marked as a test; what went wrong, in words, when it did not arrive. Undefined channel: undefined. */
  async test(id: string, by: string): Promise<{ ok: true } | { ok: false; error: string } | undefined> {
    const { store, channels } = this.deps;
    const channel = channels.get(id);
    if (channel === undefined) return undefined;
    const at = await store.now();
    const to = (await activePeople(store.db)).filter((person) => channel.people.includes(person.id));
    const key = `test-${id}-${at.toISOString()}`;
    const text = `TEST of the Cordon channel ${id} by ${by}: nothing is to be decided.`;
    try {
      await channel.outgoing.test({ text, key, to }, AbortSignal.timeout(SEND_TIMEOUT_MS));
    } catch (error) {
      const why = this.#words(error);
      await noteTest(store, id, key, why);
      this.counter.inc({ channel: id, event: 'test', outcome: 'failed' });
      return { ok: false, error: why };
    }
    await noteTest(store, id, key, undefined);
    this.counter.inc({ channel: id, event: 'test', outcome: 'sent' });
    return { ok: true };
  }

  async #spread(): Promise<boolean> {
    const { store, channels } = this.deps;
    const isMore = await fanOut(
      store,
      [...channels.values()].map((channel) => ({
        ...channel,
        recipients: (event) => channel.outgoing.recipients(event),
      })),
    );
    if (isMore) this.wake();
    if (Date.now() - this.#choresAt > CHORES_EVERY_MS) {
      this.#choresAt = Date.now();
      await forgetNotices(store, [...channels.keys()]);
    }
    return isMore;
  }

  async #deliver(channel: ConnectedChannel): Promise<boolean> {
    const sending = this.#sending.get(channel.id) ?? new Set();
    const free = IN_FLIGHT - sending.size;
    if (free <= 0) return false;
    const due = await takeDueNotices(this.deps.store, channel.id, { limit: free, leaseMs: LEASE_MS });
    for (const row of due) {
      const one = this.#send(channel, row)
        .catch((error: unknown) => {
          this.deps.log.warn({ error, channel: channel.id }, 'a notice could not be noted; it is sent again');
        })
        .finally(() => {
          sending.delete(one);
          this.wake();
        });
      sending.add(one);
    }
    return due.length > 0;
  }

  async #send(channel: ConnectedChannel, row: Row<'notices'>): Promise<void> {
    const { store, log } = this.deps;
    const count = (outcome: string): void => {
      this.counter.inc({ channel: channel.id, event: row.event, outcome });
    };
    let incident: string | undefined;
    try {
      const facts = await noticeFacts(store, row);
      const [request] = facts === undefined ? [] : await approvalRequests(store, { id: row.request_id });
      incident = facts?.incident;
      const notice =
        facts === undefined || request === undefined
          ? undefined
          : await this.#notice(channel, row, facts, request);
      const signal = AbortSignal.any([this.#loops.signal, AbortSignal.timeout(SEND_TIMEOUT_MS)]);
      const result =
        notice === undefined ? 'skipped' : await within(channel.outgoing.send(notice, signal), signal);
      count(result === 'skipped' ? 'skipped' : 'sent');
      await noticeDone(store, row, incident ?? '', result);
    } catch (error) {
      const final = error instanceof CordonError && FINAL.has(error.type);
      const giveUp = final || row.attempts + 1 >= MAX_ATTEMPTS;
      const inMs = giveUp ? undefined : this.#pause(error, row.attempts);
      const why = this.#words(error);
      count(giveUp ? 'failed' : 'retried');
      if (giveUp || row.attempts === 0)
        log.warn(
          { channel: channel.id, event: row.event, request: row.request_id, error: why },
          giveUp ? 'a notice was given up' : 'a notice could not be delivered; it is tried again',
        );
      await noticeFailed(store, row, incident, { error: why, inMs });
    }
  }

  #pause(error: unknown, attempts: number): number {
    if (this.#loops.signal.aborted) return 0;
    const told = error instanceof CordonError ? error.options.retryAfterMs : undefined;
    return Math.min(MAX_RETRY_MS, Math.max(told ?? 0, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10)));
  }

  /** What is safe to show of an error: only a CordonError is known to carry neither secret nor body. */
  #words(error: unknown): string {
    if (error instanceof CordonError) return error.message;
    this.deps.log.warn({ error }, 'an unexpected error while telling people');
    return 'something went wrong in Cordon; its log has it';
  }

  /** The notice as things are now; undefined when there is nothing to tell any more. */
  async #notice(
    channel: ConnectedChannel,
    row: Row<'notices'>,
    facts: Facts,
    request: ApprovalRequest,
  ): Promise<Notice | undefined> {
    const at = await this.deps.store.now();
    const event = NoticeEvent.parse(row.event);
    const isOver = request.status === 'settled' || Date.parse(request.expiresAt) <= at.getTime();
    if (event !== 'approval_settled' && isOver) return undefined;
    const { to, posted, evidence } = facts;
    if (row.recipient !== '' && to === undefined) return undefined;
    const { publicUrl } = this.deps;
    const { step, people } = row.details;
    return {
      key: row.dedupe,
      event,
      at,
      request,
      evidence,
      people: Array.isArray(people) ? people.filter((one) => typeof one === 'string') : [],
      links:
        event === 'approval_settled'
          ? new Map()
          : this.#links(channel, facts, request, typeof step === 'number' ? step : 0),
      ...(typeof step === 'number' ? { step } : {}),
      ...(to === undefined ? {} : { to }),
      ...(posted === undefined ? {} : { posted }),
      ...(publicUrl === undefined ? {} : { overview: `${publicUrl}/#request-${request.id}` }),
    };
  }

  /** A link for each person of the channel who could fill a seat of something that the channel may decide. */
  #links(
    channel: ConnectedChannel,
    facts: Facts,
    request: ApprovalRequest,
    round: number,
  ): Map<string, string> {
    const { publicUrl } = this.deps;
    if (publicUrl === undefined || channel.kind.secrets !== 'sign the links it sends') return new Map();
    const items = decidable(request.items, channel.maxImpact);
    const roles = (person: Addressee) => person.roles.filter((role) => channel.roles.includes(role));
    const able = (facts.to === undefined ? facts.people : [facts.to]).filter(
      (person) =>
        channel.people.includes(person.id) &&
        items.some(({ requirement }) =>
          mayFillSeat(requirement, { id: person.id, roles: roles(person) }, facts.askers),
        ),
    );
    return new Map(
      able.map(({ id }) => {
        const link = signLink(channel.secrets, {
          channel: channel.id,
          request: request.id,
          person: id,
          plan: request.planHash,
          until: Date.parse(request.expiresAt),
          round,
        });
        return [id, `${publicUrl}/confirm?link=${link}`];
      }),
    );
  }
}

/** A channel that does not look at its signal is not waited for longer either. */
function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = (): void => {
      reject(new CordonError('timeout', 'the channel took too long'));
    };
    if (signal.aborted) late();
    else signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', late);
    });
  });
}
