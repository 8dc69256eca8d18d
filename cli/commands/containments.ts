import { setTimeout as pause } from 'node:timers/promises';
import { CommanderError, type Command } from 'commander';
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

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A time so long from now. */
function fromNow(text: string): string {
  const [, number, unit = ''] = /^(\d{1,4})([mhdw])$/.exec(text) ?? [];
  if (number === undefined)
    throw new CommanderError(2, 'cordon.usage', '--for is a time such as 30m, 8h, 2d or 1w.');
  return new Date(Date.now() + Number(number) * (UNITS_MS[unit] ?? 0)).toISOString();
}

const path = (lease: string, verb: string): string => `/containments/${encodeURIComponent(lease)}/${verb}`;

type Releasing = Common & { reason: string; incident?: string; target?: string; all?: boolean };

function releaseCommand(containments: Command): void {
  verb(containments, 'release [lease]', 'take it back; repeated until the product confirms it')
    .requiredOption('--reason <text>')
    .option('--incident <number>', 'all that this incident holds; what others hold too stays')
    .option('--target <name>', 'all of this host, account or address, whoever holds it')
    .option('--all', 'all there are, whoever holds them')
    .action(async (lease: string | undefined, { reason, incident, target, all, ...common }: Releasing) => {
      if ([lease, incident, target, all].filter((one) => one !== undefined).length !== 1)
        throw new CommanderError(2, 'cordon.usage', 'Give one of: a lease, --incident, --target, --all.');
      if (lease !== undefined) {
        tell(
          common,
          await api('POST', path(lease, 'release'), { reason }),
          `The release of ${lease} is under way.`,
        );
        return;
      }
      if (incident !== undefined) {
        const answer = await api('POST', `/incidents/${encodeURIComponent(incident)}/rollback`, { reason });
        tell(common, answer, `The release of all that ${incident} holds is under way.`);
        return;
      }
      const which = target === undefined ? { all: true } : { target };
      const answer = await api<{ containments: number }>('POST', '/containments/release', {
        reason,
        ...which,
      });
      tell(common, answer, `The release of ${String(answer.containments)} containment(s) is under way.`);
    });
}

function holdCommands(containments: Command): void {
  verb(containments, 'extend <lease>', 'let it stand so long from now; never shortens it')
    .requiredOption('--for <time>', '30m, 8h, 2d, 1w')
    .requiredOption('--reason <text>')
    .action(async (lease: string, options: Common & { for: string; reason: string }) => {
      const answer = await api<{ changed: boolean; expiresAt: string | null }>(
        'POST',
        path(lease, 'extend'),
        {
          until: fromNow(options.for),
          reason: options.reason,
        },
      );
      const until = answer.expiresAt ?? 'it is released by hand';
      tell(options, answer, `${answer.changed ? 'It stands' : 'Unchanged: it stands'} until ${until}.`);
    });
  verb(containments, 'transfer <lease>', 'hand the hold of one incident over to another')
    .requiredOption('--to <incident>')
    .option('--from <incident>', 'needed where several others hold it')
    .requiredOption('--reason <text>')
    .action(
      async (lease: string, { json, ...body }: Common & { to: string; from?: string; reason: string }) => {
        const answer = await api<{ holders: string[] }>('POST', path(lease, 'transfer'), body);
        tell({ ...(json === undefined ? {} : { json }) }, answer, `Held by ${answer.holders.join(', ')}.`);
      },
    );
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
  releaseCommand(containments);
  holdCommands(containments);
  auditCommand(containments);
}
