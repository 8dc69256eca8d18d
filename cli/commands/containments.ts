import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Lease, LeaseAudit } from '../../contracts/lease';
import { api, ApiError } from '../api';
import { mark, say, show, tell, verb, type Common } from '../output';

const AUDITED_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 250;

/** Asks for an audit and waits until it has ended. */
async function audited(): Promise<LeaseAudit> {
  const { id } = await api<{ id: string }>('POST', '/containments/audits', {});
  const deadline = Date.now() + AUDITED_WITHIN_MS;
  while (Date.now() < deadline) {
    const audit = await api<LeaseAudit>('GET', `/containments/audits/${id}`);
    if (audit.finishedAt !== null) return audit;
    await pause(LOOK_EVERY_MS);
  }
  throw new ApiError(
    `The audit ${id} has not ended: is a worker running? It goes on; see it with: cordon containments audit --latest`,
  );
}

const THERE = { in_force: 'in force', gone: 'gone', unknown: 'unknown' } as const;

function auditCommand(containments: Command): void {
  verb(containments, 'audit', 'compare what is in force here with what the products say; changes nothing')
    .option('--latest', 'show the newest audit instead of asking for one')
    .option('--all', 'also what agrees')
    .action(async (options: Common & { latest?: boolean; all?: boolean }) => {
      const audit =
        options.latest === true
          ? await api<LeaseAudit>('GET', '/containments/audits/latest')
          : await audited();
      const differ = audit.items.filter(({ finding }) => finding !== 'agrees');
      if (differ.length > 0) process.exitCode = 1;
      const items = options.all === true || options.json === true ? audit.items : differ;
      show(
        options,
        { ...audit, items },
        ['', 'action', 'target', 'by', 'here', 'there', 'held by'],
        (row) => [
          row.finding,
          row.action + mark(row.simulated),
          row.target.label,
          row.connection,
          row.here === 'none' ? 'no lease' : `${row.here} (${row.lease ?? ''})`,
          row.detail ?? THERE[row.there],
          row.holders.join(', '),
        ],
      );
      if (options.json !== true)
        say(`${String(audit.items.length - differ.length)} agree, ${String(differ.length)} do not.`);
    });
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
  auditCommand(containments);
}
