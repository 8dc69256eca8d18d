import { randomUUID } from 'node:crypto';
import { CommanderError, Option, type Command } from 'commander';
import { CATEGORIES } from '../../contracts/alert';
import type { Detached, IncidentDetail, IncidentSummary, Started } from '../../contracts/api';
import type { JournalEntry } from '../../contracts/journal';
import { SEVERITY_NAMES, severityName } from '../../contracts/values';
import { api } from '../api';
import { say, sayJson, show, tell, verb, type Common } from '../output';
import { lineOf, watch } from '../timeline';
import { targetCommands } from './targets';

const MOST_HOURS = 8784;

const path = (number: string): string => `/incidents/${encodeURIComponent(number)}`;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function reading(incidents: Command): void {
  verb(incidents, 'list', 'incidents, newest first')
    .addOption(new Option('--status <status>').choices(['open', 'closed']))
    .action(async (options: Common & { status?: string }) => {
      const query = options.status === undefined ? '' : `?status=${options.status}`;
      const found = await api<{ items: IncidentSummary[] }>('GET', `/incidents${query}`);
      show(options, found, ['number', 'severity', 'phase', 'title', 'attention'], (one) => [
        one.number,
        severityName(one.severity),
        one.phase,
        one.title,
        one.attention ?? '',
      ]);
    });
  verb(incidents, 'show <number>', 'its timeline; with --json the incident itself').action(
    async (number: string, options: Common) => {
      if (options.json === true) {
        sayJson(await api('GET', path(number)));
        return;
      }
      const found = await api<{ items: JournalEntry[] }>('GET', `${path(number)}/timeline`);
      show(options, found, ['at', 'actor', 'what', 'on', 'how'], ({ at, actor, kind, data }) => [
        at,
        actor,
        kind,
        text(data['target'] ?? data['title']),
        text(data['status']),
      ]);
      const { attention } = await api<IncidentDetail>('GET', path(number));
      if (attention !== null) say(`${number} needs a person: ${attention}`);
    },
  );
  verb(
    incidents,
    'watch <number>',
    'its timeline, live, until it is closed; with --json one entry a line',
  ).action(async (number: string, { json }: Common) => {
    const incident = await watch(number, (entry) => {
      if (json === true) sayJson(entry);
      else say(lineOf(entry));
    });
    if (json !== true) say(`${number} is closed: ${incident.verdict ?? 'no verdict'}.`);
  });
  verb(incidents, 'alerts <number>', 'its alerts, with the ids that detach takes').action(
    async (number: string, options: Common) => {
      const { alerts } = await api<IncidentDetail>('GET', path(number));
      show(options, { items: alerts }, ['alert', 'severity', 'source', 'title'], (one) => [
        one.id,
        severityName(one.severity),
        one.source,
        one.title,
      ]);
    },
  );
}

/** The same key is the same request, however often it is sent. */
const KEY = ['--key <text>', 'the same key does it once, however often it is sent', randomUUID()] as const;
interface Keyed extends Common {
  key: string;
}
const keyed = ({ key }: Keyed): Record<string, string> => ({ 'Idempotency-Key': key });

function steering(incidents: Command): void {
  for (const [name, description, done] of [
    ['rollback', 'release every containment that it holds', 'is rolled back: watch it with incidents watch'],
    ['close', 'end it; what is in force stays in force', 'will be closed'],
    ['pause', 'ask for nothing new until it is resumed', 'will pause; what is under way ends'],
    ['resume', 'let a paused run go on', 'will go on'],
  ] as const) {
    verb(incidents, `${name} <number>`, description)
      .requiredOption('--reason <text>')
      .option(...KEY)
      .action(async (number: string, options: Keyed & { reason: string }) => {
        const answer = await api(
          'POST',
          `${path(number)}/${name}`,
          { reason: options.reason },
          keyed(options),
        );
        tell(options, answer, `${number} ${done}.`);
      });
  }
  verb(incidents, 'extend-watch <number>', 'let the watch that is under way end later')
    .requiredOption('--hours <count>', 'by how much: 1 to 8784')
    .requiredOption('--reason <text>')
    .option(...KEY)
    .action(async (number: string, options: Keyed & { hours: string; reason: string }) => {
      const hours = Number(options.hours);
      if (!Number.isInteger(hours) || hours < 1 || hours > MOST_HOURS)
        throw new CommanderError(2, 'cordon.usage', `--hours: give a whole number from 1 to ${MOST_HOURS}.`);
      const answer = await api(
        'POST',
        `${path(number)}/extend-watch`,
        { hours, reason: options.reason },
        keyed(options),
      );
      tell(options, answer, `${number}: the watch will end ${hours} h later.`);
    });
  verb(incidents, 'verdict <number> <verdict>', 'true_positive, false_positive (undoes everything) or benign')
    .requiredOption('--reason <text>')
    .option(...KEY)
    .action(async (number: string, verdict: string, options: Keyed & { reason: string }) => {
      const answer = await api(
        'POST',
        `${path(number)}/verdict`,
        { verdict, reason: options.reason },
        keyed(options),
      );
      tell(options, answer, `${number}: ${verdict}.`);
    });
  verb(incidents, 'resolve <number>', 'decide about a failed item: do it again, or go on without')
    .requiredOption('--item <item>')
    .requiredOption('--reason <text>')
    .option(...KEY)
    .option('--retry')
    .option('--skip')
    .action(
      async (
        number: string,
        options: Keyed & { item: string; reason: string; retry?: true; skip?: true },
      ) => {
        if ((options.retry === true) === (options.skip === true))
          throw new CommanderError(2, 'cordon.usage', 'Give either --retry or --skip.');
        const resolution = options.retry === true ? 'retry' : 'skip';
        const { item, reason } = options;
        const answer = await api(
          'POST',
          `${path(number)}/items`,
          { item, reason, resolution },
          keyed(options),
        );
        tell(options, answer, `${number}: ${item}: ${resolution}.`);
      },
    );
}

interface StartOptions extends Common {
  title: string;
  severity: string;
  category: string;
  technique: string[];
  host: string[];
  account: string[];
  ip: string[];
  playbook?: string;
  reason: string;
  key: string;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

function making(incidents: Command): void {
  verb(incidents, 'start', 'start an incident by hand; it correlates like any alert')
    .requiredOption('--title <text>')
    .requiredOption('--reason <text>', 'how you know')
    .addOption(new Option('--severity <word>').choices([...SEVERITY_NAMES]).default('high'))
    .addOption(new Option('--category <word>').choices([...CATEGORIES]).default('other'))
    .option('--technique <id>', 'ATT&CK id; may be repeated', collect, [])
    .option('--host <name>', 'may be repeated', collect, [])
    .option('--account <name>', 'may be repeated', collect, [])
    .option('--ip <address>', 'of an attacker; may be repeated', collect, [])
    .option('--playbook <id@version>', 'this one, instead of the one that fits')
    .option('--key <text>', 'the same key is the same incident, however often it is sent', randomUUID())
    .action(async (options: StartOptions) => {
      const { title, reason, category, playbook, technique, host, account, ip } = options;
      const body = {
        title,
        reason,
        category,
        severity: (SEVERITY_NAMES as readonly string[]).indexOf(options.severity) + 1,
        techniques: technique,
        entities: {
          hosts: host.map((name) => ({ name })),
          accounts: account.map((name) => ({ name })),
          ips: ip,
        },
        ...(playbook === undefined ? {} : { playbook }),
      };
      const started = await api<Started>('POST', '/incidents', body, { 'Idempotency-Key': options.key });
      const number = started.incident ?? 'an incident that is still being made';
      tell(
        options,
        started,
        started.joined
          ? `It joined ${number}, which knows one of these already${started.playbook === null ? '' : ` and runs ${started.playbook}`}.`
          : `Started ${number}. Watch it: cordon incidents watch ${number}`,
      );
    });
  verb(incidents, 'detach <number> <alert>', 'take a wrongly joined alert out, into an incident of its own')
    .requiredOption('--reason <text>')
    .option(...KEY)
    .action(async (number: string, alert: string, options: Keyed & { reason: string }) => {
      const detached = await api<Detached>(
        'POST',
        `${path(number)}/alerts/${encodeURIComponent(alert)}/detach`,
        { reason: options.reason },
        keyed(options),
      );
      const { detachedTo, targets, stillContained } = detached;
      tell(
        options,
        detached,
        `The alert is ${detachedTo} now. ${number} does nothing more to ${targets.length === 0 ? 'nothing less than before' : targets.join(', ')}.`,
      );
      if (options.json !== true)
        for (const { lease, action, target } of stillContained)
          say(`Still in force: ${action} on ${target}. Take it back: cordon containments release ${lease}`);
    });
}

/** `cordon incidents …` */
export function incidentCommands(program: Command): void {
  const incidents = program.command('incidents').description('incidents');
  reading(incidents);
  steering(incidents);
  making(incidents);
  targetCommands(incidents);
}
