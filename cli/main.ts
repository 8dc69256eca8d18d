import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json';
import { api, hookSecret } from './api';
import { containmentCommands } from './commands/containments';
import { approvalCommands, emergencyCommands, killSwitchCommand } from './commands/decisions';
import { drillCommands } from './commands/drills';
import { channelCommands } from './commands/channels';
import { incidentCommands } from './commands/incidents';
import { peopleCommands } from './commands/people';
import { policyCommands } from './commands/policy';
import { questionCommands } from './commands/questions';
import { playbookCommands } from './commands/playbooks';
import { planCommand } from './commands/plans';
import { demo } from './demo';
import type * as Doctor from './doctor';
import { postAlert } from './hook';
import type * as JournalVerify from './journal-verify';
import { say, sayJson, show, tell, verb, type Common } from './output';
import { plain } from './plain-text';
import type * as Up from './up';

const program = new Command('cordon')
  .description('Safe incident response')
  .version(packageJson.version)
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

verb(
  program,
  'doctor',
  'check configuration, secrets, database, Temporal and connections; changes nothing',
).action(async (options: Common) => {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- as above
  const { doctor } = require('./doctor') as typeof Doctor;
  const report = await doctor();
  show(options, report, ['', 'what', 'found'], (one) => [one.status, one.what, one.detail]);
  if (!report.ok) process.exitCode = 1;
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

verb(
  program,
  'demo <playbook>',
  'send a made-up alert and follow it to the end on the simulated estate',
).action(async (playbook: string, { json }: Common) => {
  const end = await demo(playbook, (line) => {
    if (json !== true) say(line);
  });
  if (json === true) sayJson(end);
});

verb(
  program.command('alert').description('alerts'),
  'send <file>',
  'post a JSON file to a generic source, signed',
)
  .option('--source <id>', 'the source', 'demo')
  .action(async (file: string, options: Common & { source: string }) => {
    const sent = await postAlert(options.source, hookSecret(), readFileSync(file, 'utf8'));
    tell(
      options,
      sent,
      `${sent.duplicate ? 'Known already' : 'Accepted'}: delivery ${sent.deliveryId}, ${String(sent.alerts.length)} alert(s).`,
    );
  });

incidentCommands(program);
approvalCommands(program);
emergencyCommands(program);
containmentCommands(program);
killSwitchCommand(program);
peopleCommands(program);
policyCommands(program);
playbookCommands(program);
planCommand(program);
drillCommands(program);
channelCommands(program);
questionCommands(program);

verb(
  program.command('journal').description('the journal'),
  'verify',
  'check every chain, head, seal and signature',
)
  .option('--data-dir <folder>', 'read key and seals there and the database itself, without a server')
  .action(async ({ dataDir }: Common & { dataDir?: string }) => {
    const report =
      dataDir === undefined
        ? await api<{ ok: boolean }>('GET', '/journal/verify')
        : // eslint-disable-next-line @typescript-eslint/no-require-imports -- as above
          await (require('./journal-verify') as typeof JournalVerify).verifyOffline(dataDir);
    sayJson(report, 2);
    if (!report.ok) process.exitCode = 1;
  });

// Exit codes: 0 ok, 1 failed, 2 usage.
program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    if (error.exitCode !== 0 && !error.code.startsWith('commander.')) console.error(plain(error.message));
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  const text = error instanceof Error ? error.message : String(error);
  console.error(text.split('\n').map(plain).join('\n'));
  process.exitCode = 1;
});
