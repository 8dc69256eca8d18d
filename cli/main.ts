import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Table from 'cli-table3';
import { Command, CommanderError } from 'commander';
import type { ApprovalRequest } from '../contracts/approval';
import type { JournalEntry } from '../contracts/journal';
import type { Lease } from '../contracts/lease';
import { severityName } from '../contracts/values';
import { api, hookSecret } from './api';
import { demo } from './demo';
import { postAlert } from './hook';
import { plain } from './plain-text';
import type * as Up from './up';

const say = (line: string): void => {
  console.log(line);
};

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Rows for people, JSON for machines. */
function show<T>(
  json: boolean | undefined,
  value: { items: T[] },
  head: string[],
  cells: (item: T) => string[],
): void {
  if (json === true) {
    say(JSON.stringify(value));
    return;
  }
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const item of value.items) table.push(cells(item).map(plain));
  say(value.items.length === 0 ? 'Nothing.' : table.toString());
}

interface Options {
  json?: boolean;
  reason: string;
}
interface Incident {
  number: string;
  severity: number;
  phase: string;
  title: string;
  attention: string | null;
}

const program = new Command('cordon')
  .description('Safe incident response')
  .exitOverride()
  .showHelpAfterError();

program
  .command('up')
  .description('start Cordon: server, dispatcher, worker, and Temporal beside them')
  .action(async () => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the other verbs must not load the whole of it
    const { up } = require('./up') as typeof Up;
    await up();
  });

for (const [name, what] of [
  ['server', 'start a server: HTTP and dispatcher; several may share one PostgreSQL (DATABASE_URL)'],
  ['worker', 'start a worker: runs and their effects; several may share one PostgreSQL (DATABASE_URL)'],
] as const)
  program
    .command(name)
    .description(what)
    .action(async () => {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- as above
      const parts = require('./up') as typeof Up;
      await parts[name]();
    });

program
  .command('demo <playbook>')
  .description('send a made-up alert and follow it to the end on the simulated estate')
  .action((playbook: string) =>
    demo(playbook, (line) => {
      say(plain(line));
    }),
  );

program
  .command('alert')
  .description('alerts')
  .command('send <file>')
  .description('post a JSON file to a generic source, signed')
  .option('--source <id>', 'the source', 'demo')
  .option('--json')
  .action(async (file: string, options: { source: string }) => {
    say(JSON.stringify(await postAlert(options.source, hookSecret(), readFileSync(file, 'utf8'))));
  });

const incidents = program.command('incidents').description('incidents');
incidents
  .command('list')
  .option('--json')
  .action(async ({ json }: Options) => {
    const found = await api<{ items: Incident[] }>('GET', '/incidents');
    show(json, found, ['number', 'severity', 'phase', 'title', 'attention'], (one) => [
      one.number,
      severityName(one.severity),
      one.phase,
      one.title,
      one.attention ?? '',
    ]);
  });
incidents
  .command('show <number>')
  .option('--json')
  .action(async (number: string, { json }: Options) => {
    if (json === true) {
      say(JSON.stringify(await api('GET', `/incidents/${number}`)));
      return;
    }
    const found = await api<{ items: JournalEntry[] }>('GET', `/incidents/${number}/timeline`);
    show(false, found, ['at', 'actor', 'what', 'on', 'how'], ({ at, actor, kind, data }) => [
      at,
      actor,
      kind,
      text(data['target'] ?? data['title']),
      text(data['status']),
    ]);
  });
for (const [name, path] of [
  ['rollback', 'rollback'],
  ['close', 'close'],
] as const) {
  incidents
    .command(`${name} <number>`)
    .requiredOption('--reason <text>')
    .action(async (number: string, { reason }: Options) => {
      say(JSON.stringify(await api('POST', `/incidents/${number}/${path}`, { reason })));
    });
}
incidents
  .command('verdict <number> <verdict>')
  .description('true_positive, false_positive (undoes everything) or benign')
  .requiredOption('--reason <text>')
  .action(async (number: string, verdict: string, { reason }: Options) => {
    say(JSON.stringify(await api('POST', `/incidents/${number}/verdict`, { verdict, reason })));
  });

const approvals = program.command('approvals').description('what waits for a decision');
approvals
  .command('list')
  .option('--json')
  .action(async ({ json }: Options) => {
    const found = await api<{ items: ApprovalRequest[] }>('GET', '/approvals');
    show(json, found, ['request', 'incident', 'what', 'items', 'until'], (one) => [
      one.id,
      one.incident,
      one.title,
      one.items
        .map((item) => `${item.title}: ${item.target.label}${item.simulated ? ' (simulated)' : ''}`)
        .join('; '),
      one.expiresAt,
    ]);
  });
for (const verdict of ['approve', 'deny', 'withdraw'] as const) {
  approvals
    .command(`${verdict} <request>`)
    .option('--reason <text>')
    .option('--item <hash...>', 'only these items')
    .action(async (request: string, { reason, item }: { reason?: string; item?: string[] }) => {
      const input = {
        decisionId: randomUUID(),
        verdict,
        ...(reason === undefined ? {} : { reason }),
        ...(item === undefined ? {} : { items: item }),
      };
      say(JSON.stringify(await api('POST', `/approvals/${request}/decisions`, input)));
    });
}

const containments = program.command('containments').description('what is in force');
containments
  .command('list')
  .option('--all', 'also what was released')
  .option('--json')
  .action(async ({ json, all }: Options & { all?: boolean }) => {
    const found = await api<{ items: Lease[] }>('GET', `/containments?all=${String(all ?? false)}`);
    show(json, found, ['lease', 'action', 'target', 'status', 'until', 'held by'], (one) => [
      one.id,
      one.action + (one.simulated ? ' (simulated)' : ''),
      one.target.label,
      one.status,
      one.expiresAt ?? 'released by hand',
      one.holders
        .filter(({ releasedAt }) => releasedAt === null)
        .map(({ incident }) => incident)
        .join(', '),
    ]);
  });
containments
  .command('release <lease>')
  .requiredOption('--reason <text>')
  .action(async (lease: string, { reason }: Options) => {
    say(JSON.stringify(await api('POST', `/containments/${lease}/release`, { reason })));
  });

program
  .command('playbooks')
  .description('playbooks')
  .command('list')
  .option('--json')
  .action(async ({ json }: Options) => {
    const found = await api<{ items: { id: string; version: number; title: string }[] }>('GET', '/playbooks');
    show(json, found, ['playbook', 'title'], ({ id, version, title }) => [`${id}@${String(version)}`, title]);
  });

program
  .command('kill-switch [state]')
  .description('show it, or turn it on or off')
  .option('--reason <text>')
  .action(async (state: string | undefined, { reason }: { reason?: string }) => {
    if (state !== undefined && state !== 'on' && state !== 'off')
      throw new CommanderError(2, 'usage', 'state: on or off');
    say(
      JSON.stringify(
        state === undefined
          ? await api('GET', '/kill-switch')
          : await api('PUT', '/kill-switch', { on: state === 'on', reason: reason ?? '' }),
      ),
    );
  });

program
  .command('journal')
  .description('the journal')
  .command('verify')
  .action(async () => {
    const report = await api<{ ok: boolean }>('GET', '/journal/verify');
    say(JSON.stringify(report, undefined, 2));
    if (!report.ok) process.exitCode = 1;
  });

// Exit codes: 0 ok, 1 failed, 2 usage.
program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    if (error.exitCode !== 0 && !error.code.startsWith('commander.')) console.error(error.message);
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
