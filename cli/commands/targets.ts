import { randomUUID } from 'node:crypto';
import { CommanderError, type Command } from 'commander';
import type { AddedTarget, RemovedTarget, TargetInput } from '../../contracts/steering';
import { api } from '../api';
import { say, tell, verb, type Common } from '../output';

const path = (number: string): string => `/incidents/${encodeURIComponent(number)}/targets`;

interface TargetOptions extends Common {
  host?: string;
  account?: string;
  ip?: string;
  dataset?: string;
  domain?: string;
  url?: string;
  sender?: string;
  message?: string;
  hash?: string;
  principal?: string;
  cloudKey?: string;
  bucket?: string;
  file?: string;
  process?: string;
  reason: string;
  key: string;
}

/** The one thing that the options name; what lies on a host is named with it. */
function targetOf(options: TargetOptions): TargetInput {
  const { host, account, ip, dataset, domain, url, sender, message, hash, principal, cloudKey, bucket } =
    options;
  const { file, process } = options;
  const onHost: TargetInput[] = [
    ...(file === undefined ? [] : [{ kind: 'file' as const, host: host ?? '', path: file }]),
    ...(process === undefined
      ? []
      : [{ kind: 'process' as const, host: host ?? '', process: { name: process } }]),
  ];
  const named: TargetInput[] = [
    ...onHost,
    ...(host === undefined || onHost.length > 0 ? [] : [{ kind: 'host' as const, name: host }]),
    ...(account === undefined ? [] : [{ kind: 'account' as const, name: account }]),
    ...(ip === undefined ? [] : [{ kind: 'ip' as const, ip }]),
    ...(dataset === undefined ? [] : [{ kind: 'dataset' as const, name: dataset }]),
    ...(domain === undefined ? [] : [{ kind: 'domain' as const, domain }]),
    ...(url === undefined ? [] : [{ kind: 'url' as const, url }]),
    ...(sender === undefined ? [] : [{ kind: 'sender' as const, address: sender }]),
    ...(message === undefined ? [] : [{ kind: 'message' as const, id: message }]),
    ...(hash === undefined ? [] : [{ kind: 'hash' as const, sha256: hash }]),
    ...(principal === undefined ? [] : [{ kind: 'principal' as const, name: principal }]),
    ...(cloudKey === undefined ? [] : [{ kind: 'key' as const, id: cloudKey }]),
    ...(bucket === undefined ? [] : [{ kind: 'bucket' as const, name: bucket }]),
  ];
  const [only, another] = named;
  if (only === undefined || another !== undefined)
    throw new CommanderError(2, 'cordon.usage', 'Name one target: --host, --account, --ip and the like.');
  if (onHost.length > 0 && host === undefined)
    throw new CommanderError(2, 'cordon.usage', 'Name the host that it is on too: --host.');
  return only;
}

const changing = (incidents: Command, name: string, description: string): Command =>
  verb(incidents, `${name} <number>`, description)
    .option('--host <name>')
    .option('--account <name>')
    .option('--ip <address>')
    .option('--dataset <name>', 'as the assets know it')
    .option('--file <path>', 'on the --host')
    .option('--process <name>', 'on the --host')
    .option('--hash <sha256>')
    .option('--domain <name>')
    .option('--url <url>')
    .option('--sender <address>')
    .option('--message <id>', 'Message-ID of a mail')
    .option('--principal <name>', 'of a cloud')
    .option('--cloud-key <id>', 'public id of a credential of a cloud')
    .option('--bucket <name>')
    .requiredOption('--reason <text>')
    .option('--key <text>', 'the same key does it once, however often it is sent', randomUUID());

/** `cordon incidents add-target|remove-target` */
export function targetCommands(incidents: Command): void {
  changing(incidents, 'add-target', 'add to what it is about; the standing orders of its run meet it').action(
    async (number: string, options: TargetOptions) => {
      const body = { target: targetOf(options), reason: options.reason };
      const headers = { 'Idempotency-Key': options.key };
      const added = await api<AddedTarget>('POST', `${path(number)}/add`, body, headers);
      tell(options, added, `${number} is about ${added.targets.join(', ')} too.`);
    },
  );
  changing(
    incidents,
    'remove-target',
    'take a target out: nothing more is done to it; what is in force stays',
  ).action(async (number: string, options: TargetOptions) => {
    const body = { target: targetOf(options), reason: options.reason };
    const headers = { 'Idempotency-Key': options.key };
    const removed = await api<RemovedTarget>('POST', `${path(number)}/remove`, body, headers);
    tell(options, removed, `${number} does nothing more to ${removed.targets.join(', ')}.`);
    if (options.json === true) return;
    for (const { action, target } of removed.underWay)
      say(`Under way at that moment: ${action} on ${target}.`);
    for (const { lease, action, target } of removed.stillContained)
      say(`Still in force: ${action} on ${target}. Take it back: cordon containments release ${lease}`);
  });
}
