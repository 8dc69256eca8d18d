import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { CommanderError, type Command } from 'commander';
import type { ReviewView } from '../../contracts/api';
import { speakerOf, type ApprovalRequest } from '../../contracts/approval';
import { api, ApiError } from '../api';
import { mark, say, show, tell, verb, type Common } from '../output';

const INCIDENT = /^INC-\d{4}-\d{6}$/;
const ASKED_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 250;

type Verdict = 'approve' | 'deny' | 'withdraw';
type Deciding = Common & { reason?: string; item?: string[]; for?: string };
interface Decided {
  items: { itemHash: string; status: string; doesNotCount?: string }[];
}

/** Says of a request that nothing real comes of it. */
const drill = ({ mode }: ApprovalRequest): string => (mode === 'drill' ? 'DRILL: ' : '');

function decide(
  request: string,
  verdict: Verdict,
  { reason, item, for: seat }: Pick<Deciding, 'reason' | 'item' | 'for'>,
  planHash?: string,
): Promise<Decided> {
  return api<Decided>('POST', `/approvals/${encodeURIComponent(request)}/decisions`, {
    decisionId: randomUUID(),
    verdict,
    ...(reason === undefined ? {} : { reason }),
    ...(item === undefined ? {} : { items: item }),
    ...(seat === undefined ? {} : { for: seat }),
    ...(planHash === undefined ? {} : { planHash }),
  });
}

/** Says of what was recorded that it has no weight, and why. */
function muteText(items: Decided['items']): string {
  const mute = items.flatMap(({ doesNotCount }) => doesNotCount ?? []);
  return mute.length === 0
    ? ''
    : ` Recorded; ${String(mute.length)} of them do not count: ${[...new Set(mute)].join('; ')}.`;
}

/** Decides what an incident waits for, item by item as it is shown. An incident that has just begun is given time to ask. */
async function decideIncident(incident: string, verdict: Verdict, options: Deciding): Promise<Decided[]> {
  if (options.item !== undefined)
    throw new CommanderError(2, 'cordon.usage', '--item goes with a request, not with an incident.');
  const waiting = async (): Promise<ApprovalRequest[]> =>
    (await api<{ items: ApprovalRequest[] }>('GET', '/approvals')).items.filter(
      (one) => one.incident === incident,
    );
  const deadline = Date.now() + ASKED_WITHIN_MS;
  let requests = await waiting();
  for (; requests.length === 0 && Date.now() < deadline; requests = await waiting())
    await pause(LOOK_EVERY_MS);
  if (requests.length === 0) throw new ApiError(`${incident} waits for no decision.`);
  const answers: Decided[] = [];
  for (const { id, planHash, items } of requests) {
    const pending = items.filter(({ status }) => status === 'pending');
    if (options.json !== true)
      for (const item of pending)
        say(
          `  ${verdict}: ${item.title} on ${item.target.label}${mark(item.simulated)}; ${item.requirement.why}`,
        );
    const hashes = pending.map(({ itemHash }) => itemHash);
    if (hashes.length > 0) answers.push(await decide(id, verdict, { ...options, item: hashes }, planHash));
  }
  return answers;
}

/** `cordon approvals …` */
export function approvalCommands(program: Command): void {
  const approvals = program.command('approvals').description('what waits for a decision');
  verb(approvals, 'list', 'what waits, oldest first').action(async (options: Common) => {
    const found = await api<{ items: ApprovalRequest[] }>('GET', '/approvals');
    show(options, found, ['request', 'incident', 'what', 'items', 'until'], (one) => [
      one.id,
      one.incident,
      drill(one) + one.title,
      one.items.map((item) => `${item.title}: ${item.target.label}${mark(item.simulated)}`).join('; '),
      one.expiresAt,
    ]);
  });
  verb(approvals, 'show <request>', 'its items, what each needs and who decided').action(
    async (request: string, options: Common) => {
      const found = await api<ApprovalRequest>('GET', `/approvals/${encodeURIComponent(request)}`);
      show(options, found, ['item', 'action', 'on', 'by', 'needs', 'status', 'so far'], (item) => [
        item.itemHash,
        item.title + mark(item.simulated),
        item.target.key,
        item.connection,
        item.requirement.why,
        item.status,
        item.decisions.map((one) => `${speakerOf(one)}: ${one.verdict} (${one.channel})`).join('; '),
      ]);
    },
  );
  for (const verdict of ['approve', 'deny', 'withdraw'] as const) {
    const command = verb(
      approvals,
      `${verdict} <request>`,
      `${verdict} items of a request; all that wait when none is named, or all that an incident waits for when its number is given`,
    )
      .option('--reason <text>')
      .option('--item <hash...>', 'only these items of the request');
    if (verdict !== 'withdraw') command.option('--for <person>', 'in the seat of who delegated to you');
    command.action(async (request: string, options: Deciding) => {
      const answers = INCIDENT.test(request)
        ? await decideIncident(request, verdict, options)
        : [await decide(request, verdict, options)];
      const items = answers.flatMap((answer) => answer.items);
      const late = items.filter(({ status }) => status === 'too_late').length;
      const taken = items.length - late;
      tell(
        options,
        { items },
        `${verdict}: ${String(taken)} item(s)${late === 0 ? '' : `; ${String(late)} were settled before`}.${muteText(items)}`,
      );
    });
  }
}

/** `cordon approvals break-glass` and `cordon reviews …` */
export function emergencyCommands(program: Command): void {
  const approvals = program.commands.find((one) => one.name() === 'approvals') ?? program;
  verb(
    approvals,
    'break-glass <request>',
    'have it done at once, alone, where the policy lets your role; another lead must review it',
  )
    .requiredOption('--reason <text>')
    .option('--item <hash...>', 'only these items of the request')
    .action(async (request: string, options: Common & { reason: string; item?: string[] }) => {
      const { reason, item } = options;
      const answer = await api<Decided>('POST', `/approvals/${encodeURIComponent(request)}/break-glass`, {
        decisionId: randomUUID(),
        reason,
        ...(item === undefined ? {} : { items: item }),
      });
      const taken = answer.items.filter(({ status }) => status === 'recorded').length;
      tell(options, answer, `break-glass: ${String(taken)} item(s); a review is open.`);
    });
  const reviews = program.command('reviews').description('what one person alone had done in an emergency');
  verb(reviews, 'list', 'what waits for a review, oldest first')
    .option('--all', 'also what was closed')
    .action(async (options: Common & { all?: boolean }) => {
      const found = await api<{ items: ReviewView[] }>('GET', `/reviews?all=${String(options.all ?? false)}`);
      show(options, found, ['review', 'incident', 'by', 'reason', 'at', 'closed by', 'note'], (one) => [
        one.id,
        one.incident,
        one.person,
        one.reason,
        one.openedAt,
        one.closedBy ?? '',
        one.note ?? '',
      ]);
    });
  verb(reviews, 'close <review>', 'close it; not your own')
    .requiredOption('--note <text>', 'what you found')
    .action(async (review: string, options: Common & { note: string }) => {
      const { note } = options;
      const closed = await api<ReviewView>('POST', `/reviews/${encodeURIComponent(review)}/close`, { note });
      tell(options, closed, `The review of what ${closed.person} did in ${closed.incident} is closed.`);
    });
}

/** `cordon kill-switch` */
export function killSwitchCommand(program: Command): void {
  verb(program, 'kill-switch [state]', 'show it, or turn it on or off')
    .option('--reason <text>', 'needed to turn it')
    .action(async (state: string | undefined, options: Common & { reason?: string }) => {
      if (state !== undefined && state !== 'on' && state !== 'off')
        throw new CommanderError(2, 'cordon.usage', 'The state is on or off.');
      if (state !== undefined && options.reason === undefined)
        throw new CommanderError(2, 'cordon.usage', 'Give a --reason.');
      const answer =
        state === undefined
          ? await api<{ on: boolean; by?: string }>('GET', '/kill-switch')
          : await api<{ on: boolean; by?: string }>('PUT', '/kill-switch', {
              on: state === 'on',
              reason: options.reason,
            });
      tell(
        options,
        answer,
        answer.on ? `On, by ${answer.by ?? 'somebody'}: effects are held.` : 'Off: effects go on.',
      );
    });
}
