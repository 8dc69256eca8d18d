import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { DrillReport, DrillStarted, ScheduledDrillView } from '../../contracts/drill';
import { alertIn } from '../alert-file';
import { api } from '../api';
import { demoAlert } from '../demo';
import { say, sayJson, show, tell, verb, type Common } from '../output';

interface DrillOptions extends Common {
  alert?: string;
  source?: string;
  reason: string;
  key: string;
}

const took = (seconds: number | null): string =>
  seconds === null ? 'not yet' : `after ${String(seconds)} s`;

/** A report as lines for people. */
function reportText(report: DrillReport): string[] {
  const { incident, title, firstDecisionSeconds, firstContainmentSeconds, requests, unanswered } = report;
  return [
    `${incident} ${title} (${report.playbook ?? 'no playbook'}), started by ${report.startedBy} at ${report.openedAt}: ${report.status}`,
    `first decision:    ${took(firstDecisionSeconds)}`,
    `first containment: ${took(firstContainmentSeconds)} (simulated)`,
    ...requests.flatMap((one) => [
      `${one.title} (${one.phase}): ${one.outcome}`,
      `  first decision ${took(one.firstDecisionSeconds)}, approved ${took(one.approvedSeconds)}; answered by ${one.answeredBy.join(', ') || 'nobody'}`,
      ...(one.silent.length === 0
        ? []
        : [`  could have answered: ${one.silent.map(({ id, name }) => `${name} (${id})`).join(', ')}`]),
    ]),
    `requests that nobody answered: ${String(unanswered.length)} of ${String(requests.length)}`,
  ];
}

/** `cordon drill …` */
export function drillCommands(program: Command): void {
  const drill = program
    .command('drill')
    .description('run a playbook with simulated effects and real people, and see how they did');
  drill
    .command('start <playbook>', { isDefault: true })
    .description('start it (start may be left out): people are asked as ever, no product is told anything')
    .option('--json', 'for machines: one JSON value')
    .option('--alert <file>', 'JSON, as plan takes it; without one the alert of the demo')
    .option('--source <id>', 'a configured source, whose parser reads the file')
    .option('--reason <text>', 'why; people see it', 'a drill')
    .option('--key <text>', 'the same key is the same drill, however often it is sent', randomUUID())
    .action(async (playbook: string, options: DrillOptions) => {
      const { source, reason } = options;
      const alert =
        options.alert === undefined ? demoAlert(playbook.replace(/@\d+$/, '')) : alertIn(options.alert);
      const body = { playbook, alert, reason, ...(source === undefined ? {} : { source }) };
      const started = await api<DrillStarted>('POST', '/drills', body, { 'Idempotency-Key': options.key });
      tell(
        options,
        started,
        `DRILL ${started.incident} runs ${started.playbook}. How it goes: cordon drill report ${started.incident}`,
      );
    });
  verb(program, 'drills', 'the drills that the configuration schedules, and when each starts next').action(
    async (options: Common) => {
      const found = await api<{ items: ScheduledDrillView[] }>('GET', '/drills');
      show(options, found, ['drill', 'playbook', 'cron', 'zone', 'next', 'last', 'started by'], (one) => [
        one.id,
        one.playbook,
        one.cron,
        one.zone,
        one.nextAt ?? 'not known',
        one.last ?? '',
        one.startedBy ?? 'the schedule',
      ]);
    },
  );
  verb(
    drill,
    'report <number>',
    'how soon people answered, what was contained when, and who stayed silent',
  ).action(async (number: string, options: Common) => {
    const report = await api<DrillReport>('GET', `/drills/${encodeURIComponent(number)}/report`);
    if (options.json === true) sayJson(report);
    else for (const line of reportText(report)) say(line);
  });
}
