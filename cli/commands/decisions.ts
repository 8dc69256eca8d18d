import { randomUUID } from 'node:crypto';
import { CommanderError, type Command } from 'commander';
import type { ApprovalRequest } from '../../contracts/approval';
import type { Lease } from '../../contracts/lease';
import { api } from '../api';
import { show, tell, verb, type Common } from '../output';

const mark = (simulated: boolean): string => (simulated ? ' (simulated)' : '');

/** `cordon approvals …` */
export function approvalCommands(program: Command): void {
  const approvals = program.command('approvals').description('what waits for a decision');
  verb(approvals, 'list', 'what waits, oldest first').action(async (options: Common) => {
    const found = await api<{ items: ApprovalRequest[] }>('GET', '/approvals');
    show(options, found, ['request', 'incident', 'what', 'items', 'until'], (one) => [
      one.id,
      one.incident,
      one.title,
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
        item.decisions.map(({ person, verdict, channel }) => `${person}: ${verdict} (${channel})`).join('; '),
      ]);
    },
  );
  for (const verdict of ['approve', 'deny', 'withdraw'] as const) {
    verb(approvals, `${verdict} <request>`, `${verdict} items of a request; all that wait when none is named`)
      .option('--reason <text>')
      .option('--item <hash...>', 'only these items')
      .action(async (request: string, options: Common & { reason?: string; item?: string[] }) => {
        const { reason, item } = options;
        const input = {
          decisionId: randomUUID(),
          verdict,
          ...(reason === undefined ? {} : { reason }),
          ...(item === undefined ? {} : { items: item }),
        };
        const answer = await api<{ items: { itemHash: string; status: string }[] }>(
          'POST',
          `/approvals/${encodeURIComponent(request)}/decisions`,
          input,
        );
        const late = answer.items.filter(({ status }) => status === 'too_late').length;
        const taken = answer.items.length - late;
        tell(
          options,
          answer,
          `${verdict}: ${String(taken)} item(s)${late === 0 ? '' : `; ${String(late)} were settled before`}.`,
        );
      });
  }
}

/** `cordon containments …` */
export function containmentCommands(program: Command): void {
  const containments = program.command('containments').description('what is in force');
  verb(containments, 'list', 'what is in force, newest first')
    .option('--all', 'also what was released')
    .action(async (options: Common & { all?: boolean }) => {
      const found = await api<{ items: Lease[] }>('GET', `/containments?all=${String(options.all ?? false)}`);
      show(options, found, ['lease', 'action', 'target', 'status', 'until', 'held by'], (one) => [
        one.id,
        one.action + mark(one.simulated),
        one.target.label,
        one.status,
        one.expiresAt ?? 'released by hand',
        one.holders
          .filter(({ releasedAt }) => releasedAt === null)
          .map(({ incident }) => incident)
          .join(', '),
      ]);
    });
  verb(containments, 'release <lease>', 'take it back; repeated until the product confirms it')
    .requiredOption('--reason <text>')
    .action(async (lease: string, options: Common & { reason: string }) => {
      const answer = await api('POST', `/containments/${encodeURIComponent(lease)}/release`, {
        reason: options.reason,
      });
      tell(options, answer, `The release of ${lease} is under way.`);
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
