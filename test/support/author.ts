import { AssetIndex } from '../../contracts/assets';
import { Entities, type AlertView } from '../../contracts/alert';
import { resolveScope } from '../../contracts/correlation';
import type { ErrorType } from '../../contracts/errors';
import type { Command, WaveItem } from '../../contracts/messages';
import type { JsonObject } from '../../contracts/values';
import type { Playbook } from '../../workflows/kit/define-playbook';
import { wayOf } from '../../workflows/kit/decide';
import { seconds, type Duration } from '../../workflows/kit/duration';
import { runVirtually, type Answer } from '../../workflows/kit/virtual-host';
import { PLAYBOOKS } from '../../workflows/registry';

/** What goes otherwise than well: by the item's id, and when. */
export interface Fault {
  readonly of: (item: WaveItem) => boolean;
  readonly answer: (
    item: WaveItem,
    context: { atMs: number; call: number; startedAtMs: number },
  ) => Answer | undefined;
}

const OPEN = ['awaiting', 'running', 'pending', 'held'];
const DECISION: Duration = '4h';
const MINUTE_MS = 60_000;

/** `isolate_host`, `isolate_host/host:ws-1`, or `release/isolate_host`. */
const called =
  (what: string) =>
  ({ id }: WaveItem): boolean =>
    id === what || id.startsWith(`${what}/`);
const failure = (type: ErrorType, message: string): Pick<Answer, 'failure'> => ({
  failure: { type, message },
});

/** People say no. */
export const denied = (what: string): Fault => ({
  of: called(what),
  answer: () => ({ status: 'denied', ...failure('approval_denied', 'denied in the test') }),
});

/** People are asked, and nobody answers within the time. */
export const silent = (what: string, within: Duration = DECISION): Fault =>
  awaited(what, within, () => ({
    status: 'denied',
    ...failure('approval_expired', 'nobody decided in time'),
  }));

/** People are asked, and approve after a while. */
export const approvedAfter = (what: string, after: Duration): Fault => awaited(what, after, () => undefined);

function awaited(what: string, time: Duration, end: () => Answer | undefined): Fault {
  const endsMs = seconds(time) * 1000;
  return {
    of: called(what),
    answer: (_item, { atMs, startedAtMs }) => {
      const expiresAt = new Date(startedAtMs + endsMs).toISOString();
      return atMs >= endsMs ? end() : { status: 'awaiting', request: { id: 'request-1', expiresAt } };
    },
  };
}

/** The product refuses, for good. */
export const fails = (what: string, type: ErrorType = 'rejected'): Fault => ({
  of: called(what),
  answer: () => ({ status: 'failed', ...failure(type, `${type} in the test`) }),
});

/** Whether it was done cannot be told: a reply was lost. */
export const unknown = (what: string): Fault => ({
  of: called(what),
  answer: () => ({ status: 'unknown', ...failure('unknown_outcome', 'a reply was lost') }),
});

/** The product puts it off so many times (429, busy), then does it. */
export const busy = (what: string, times: number): Fault => ({
  of: called(what),
  answer: (_item, { call }) => (call > times ? undefined : { status: 'pending', againInMs: MINUTE_MS }),
});

/** The target is offline for so long; what is told it then is done. */
export const offline = (what: string, time: Duration): Fault => ({
  of: called(what),
  answer: (_item, { atMs }) =>
    atMs >= seconds(time) * 1000 ? undefined : { status: 'pending', againInMs: MINUTE_MS },
});

/** What a read says, the first time; later reads find nothing. Takes the place of the simulated output's fields. */
export const finds = (what: string, output: JsonObject): Fault => ({
  of: called(what),
  answer: (item) => (item.occurrence === 1 ? { output: { ...item.input, ...output } } : undefined),
});

/** A scan finds a file, the first time. */
export const infected = (what = 'scan_av', path = '/tmp/dropped'): Fault =>
  finds(what, { clean: false, findings: [{ path, signature: 'Test' }], errors: [], engine: 'test' });

type Named = {
  readonly [K in keyof Entities]?: K extends 'hosts' | 'accounts'
    ? readonly (string | NonNullable<Entities[K]>[number])[]
    : readonly NonNullable<Entities[K]>[number][];
};

/** An alert about these, by their names. */
export function about(named: Named, more: Partial<AlertView> = {}): AlertView {
  const byName = (list: readonly unknown[] = []): unknown[] =>
    list.map((one) => (typeof one === 'string' ? { name: one } : one));
  const entities = Entities.parse({
    ...named,
    hosts: byName(named.hosts),
    accounts: byName(named.accounts),
  });
  const seq = more.seq ?? 1;
  return {
    id: `alert-${String(seq)}`,
    seq,
    alertKey: `test:${String(seq)}`,
    source: 'test',
    title: 'A test alert',
    severity: 4,
    category: 'other',
    techniques: [],
    occurredAt: '2026-03-02T08:00:00.000Z',
    resolved: false,
    scope: resolveScope({ entities }, new AssetIndex([])),
    ...more,
  };
}

export interface PlayOptions {
  readonly faults?: readonly Fault[];
  /** Answers to questions, by the question's id. A question that is not here gets none: silence counts in the end. */
  readonly replies?: Readonly<Record<string, JsonObject>>;
  /** Alerts that join later, so long after the start. */
  readonly joins?: readonly { readonly after: Duration; readonly alert: AlertView }[];
  /** What people tell the run, so long after the start. */
  readonly commands?: readonly { readonly after: Duration; readonly command: Command }[];
}

/** How it went. */
export interface Played {
  /** What was done, in order: `isolate_host/host:ws-1`, with `#2` when it was done a second time. */
  readonly done: readonly string[];
  /** What ended otherwise: `isolate_host/host:ws-1 denied`. */
  readonly notDone: readonly string[];
  /** Each way that a decision took: `Is it a campaign? → no`. */
  readonly branches: readonly string[];
  /** The questions that were asked, by id. */
  readonly asked: readonly string[];
  /** Sentences of the playbook's own in the journal. */
  readonly notes: readonly string[];
  readonly closed: boolean;
  /** What a person must look at; null when nothing. */
  readonly attention: string | null;
  readonly rolledBack: boolean;
  /** On the virtual clock. */
  readonly days: number;
}

/**
 * Plays a playbook to its end on the virtual clock, in milliseconds: everything succeeds but what `faults` say.
 *
 * @example
 * const { done, attention } = await play(lostBadge, about({ hosts: ['ws-1'] }), { faults: [offline('isolate_host', '3d')] });
 */
export async function play(playbook: Playbook, alert: AlertView, options: PlayOptions = {}): Promise<Played> {
  const { faults = [], replies = {}, joins = [], commands = [] } = options;
  const done: string[] = [];
  const notDone: string[] = [];
  const startedAtMs = Date.parse(alert.occurredAt);
  const input = {
    number: 'INC-TEST',
    mode: 'live' as const,
    severity: alert.severity,
    policyVersion: 'test',
    playbook: playbook.ref,
    alerts: [alert],
    quickStart: false,
  };
  const run = await runVirtually(input, [...PLAYBOOKS.filter(({ ref }) => ref !== playbook.ref), playbook], {
    alerts: joins.map((join) => ({ atMs: seconds(join.after) * 1000, alert: join.alert })),
    commands: commands.map(({ after, command }) => ({ atMs: seconds(after) * 1000, command })),
    reply: ({ form }) => replies[form.name],
    answer: (item, { atMs, call }) => {
      const fault = faults.find((one) => one.of(item));
      const answer = fault?.answer(item, { atMs, call, startedAtMs });
      const status = answer?.status ?? 'simulated';
      const name = item.occurrence === 1 ? item.id : `${item.id}#${String(item.occurrence)}`;
      if (status === 'simulated' || status === 'succeeded' || status === 'already') done.push(name);
      else if (!OPEN.includes(status)) notDone.push(`${name} ${status}`);
      return answer;
    },
  });
  return {
    done,
    notDone,
    branches: run.told.flatMap((one) =>
      one.kind === 'branch' ? [`${one.title} → ${wayOf(one.taken)}`] : [],
    ),
    asked: run.questions.map(({ form }) => form.name),
    notes: run.told.flatMap((one) => (one.kind === 'note' ? [one.text] : [])),
    closed: run.stuck === null,
    attention: run.status.attention,
    rolledBack: run.rolledBack,
    days: run.tookMs / 86_400_000,
  };
}
