import { Option, type Command } from 'commander';
import { Assumption, PlanInput, type Plan } from '../../contracts/plan';
import { api } from '../api';
import { alertIn } from '../alert-file';
import { say, sayJson, verb, type Common } from '../output';
import { planText } from '../plan-text';
import type * as Offline from '../plan-offline';

interface PlanOptions extends Common {
  alert: string;
  source?: string;
  assume: string[];
  offline?: true;
  checkConnections?: true;
}

const words = Assumption.options.map((one) => one.replaceAll('_', '-'));

/** `cordon plan` */
export function planCommand(program: Command): void {
  verb(
    program,
    'plan <playbook>',
    'what a playbook would do about an alert, to whom, and whom it would ask; nothing is done',
  )
    .requiredOption(
      '--alert <file>',
      'JSON: a normalised alert, what a generic source takes, or see --source',
    )
    .option('--source <id>', 'a configured source, whose parser reads the file')
    .addOption(
      new Option(
        '--assume <what...>',
        'that not all goes well: people say no, or nothing; the detection returns; the scan finds a file',
      )
        .choices(words)
        .default([]),
    )
    .option('--offline', 'of cordon.config.ts alone, without a server')
    .option(
      '--check-connections',
      'ask each connection that it would use whether it is up and what it lacks; they are only read',
    )
    .action(async (playbook: string, options: PlanOptions) => {
      const { source, assume } = options;
      const input = {
        playbook,
        alert: alertIn(options.alert),
        ...(source === undefined ? {} : { source }),
        assume: assume.map((one) => one.replaceAll('-', '_')) as Assumption[],
        ...(options.checkConnections === true ? { checkConnections: true } : {}),
      };
      const plan =
        options.offline === true
          ? // eslint-disable-next-line @typescript-eslint/no-require-imports -- the other verbs must not load the whole of it
            await (require('../plan-offline') as typeof Offline).plan(PlanInput.parse(input))
          : await api<Plan>('POST', '/plans', input);
      if (options.json === true) sayJson(plan);
      else for (const line of planText(plan)) say(line);
    });
}
