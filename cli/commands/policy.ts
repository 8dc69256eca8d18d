import { CommanderError, Option, type Command } from 'commander';
import type { PolicyExplanation } from '../../contracts/api';
import { api } from '../api';
import { say, sayJson, verb, type Common } from '../output';

type Asked = Common & {
  severity?: string;
  confidence?: string;
  incidentCategory?: string;
  playbook?: string;
  mode?: string;
  at?: string;
  connection?: string;
};

const names = (people: readonly { name: string; id: string }[]): string =>
  people.length === 0
    ? 'nobody'
    : people.map(({ name, id }) => (name === id ? id : `${name} (${id})`)).join(', ');

/** Seconds as people say them: `4 h`, `90 min`, `45 s`. */
function span(seconds: number): string {
  if (seconds % 3600 === 0) return `${String(seconds / 3600)} h`;
  return seconds % 60 === 0 ? `${String(seconds / 60)} min` : `${String(seconds)} s`;
}

function* linesOf(found: PolicyExplanation): Generator<string> {
  const { requirement } = found;
  const may =
    found.mayBe.length === 0 ? 'no known asset' : `may be ${found.mayBe.join(', ')}; the strictest counts`;
  yield `${found.target}: ${found.asset === null ? may : `the asset ${found.asset}`}`;
  if (found.protected !== null) yield found.protected;
  for (const { name, whyNot } of found.rules)
    yield whyNot === null ? `  decides   ${name}` : `  passed    ${name}: ${whyNot}`;
  if (requirement.kind === 'none') yield 'Nobody is asked.';
  else if (requirement.kind === 'never') yield `It is never done: ${requirement.why}.`;
  else {
    for (const { roles, count, people, delegates } of found.seats) {
      const lent = delegates.map((one) => `; ${one.id} for ${one.for} until ${one.until}`);
      yield `Asked: ${String(count)} of ${roles.join(' or ')}: ${names(people)}${lent.join('')}`;
    }
    if (requirement.noSelfApproval) yield 'Not by who started the incident.';
    if (requirement.authors !== undefined)
      yield `Not by who wrote the playbook: ${requirement.authors.join(', ')}.`;
    if (requirement.veto !== undefined) yield `Veto: ${names(found.veto)}`;
    for (const { afterSeconds, people = [], channels = [] } of requirement.escalation ?? [])
      yield `After ${span(afterSeconds)} it is told to ${[...people, ...channels].join(', ')}.`;
    const end = requirement.silence === 'allow' ? 'allows: it is done' : 'denies';
    yield `After ${span(requirement.timeoutSeconds)} silence ${end}.`;
  }
  for (const { id, used, limit, windowSeconds } of found.budgets)
    yield `Budget ${id}: ${String(used)} of ${String(limit)} used in ${span(windowSeconds)}.`;
}

/** `cordon policy …` */
export function policyCommands(program: Command): void {
  verb(
    program.command('policy').description('the policy'),
    'explain <action> <target>',
    'what it would ask for, of whom, and by which rule',
  )
    .option('--severity <n>', 'of the incident, 1 informational to 5 critical')
    .option('--confidence <n>', 'of the incident, 0 to 100; not told when left out')
    .option('--incident-category <words>', 'of its alerts, with commas: insider,malware; other when left out')
    .option('--playbook <id>', 'whose authors count')
    .addOption(new Option('--mode <mode>').choices(['plan', 'drill', 'live']))
    .option('--at <time>', 'as if it were then, for example 2026-05-01T03:00:00+02:00; now when left out')
    .option('--connection <id>', 'whose tags count; none when left out')
    .action(async (action: string, target: string, { json, ...asked }: Asked) => {
      if (asked.severity !== undefined && !/^[1-5]$/.test(asked.severity))
        throw new CommanderError(2, 'cordon.usage', '--severity is a number from 1 to 5.');
      const query = new URLSearchParams({ action, target, ...asked });
      const found = await api<PolicyExplanation>('GET', `/policy/explain?${query.toString()}`);
      if (json === true) sayJson(found);
      else for (const line of linesOf(found)) say(line);
    });
}
