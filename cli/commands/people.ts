import { CommanderError, type Command } from 'commander';
import type { DelegationView, PersonView, TokenView } from '../../contracts/api';
import { api } from '../api';
import { say, sayJson, show, tell, verb, type Common } from '../output';

/** A time as the API takes it: a time with its zone, or so many minutes, hours or days from now. */
function endOf(until: string): string {
  const [, count, unit] = /^(\d{1,4})(m|h|d)$/.exec(until) ?? [];
  const length = { m: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? ''];
  if (count !== undefined && length !== undefined)
    return new Date(Date.now() + Number(count) * length).toISOString();
  if (/^\d{4}-\d\d-\d\dT.+(Z|[+-]\d\d:\d\d)$/.test(until) && !Number.isNaN(Date.parse(until)))
    return new Date(until).toISOString();
  throw new CommanderError(
    2,
    'cordon.usage',
    '--until is a time with its zone (2026-05-01T18:00:00+02:00), or 30m, 8h, 5d.',
  );
}

/** `cordon people delegate`, `delegations` and `undelegate` */
function delegationCommands(people: Command): void {
  verb(people, 'delegate <to>', 'let another person decide in your seat until a time')
    .requiredOption('--until <time>', 'a time with its zone, or from now: 30m, 8h, 5d; 90 days at most')
    .requiredOption('--reason <text>')
    .option('--from <person>', 'whose seat, for admins; your own when left out')
    .action(async (to: string, options: Common & { until: string; reason: string; from?: string }) => {
      const { from, reason } = options;
      const made = await api<DelegationView>('POST', '/delegations', {
        to,
        until: endOf(options.until),
        reason,
        ...(from === undefined ? {} : { from }),
      });
      tell(options, made, `${made.to} decides for ${made.from} until ${made.until} (${made.id}).`);
    });
  verb(people, 'delegations', 'who decides in whose seat, newest first')
    .option('--all', 'also what is over')
    .action(async (options: Common & { all?: boolean }) => {
      const path = `/delegations?all=${String(options.all ?? false)}`;
      const found = await api<{ items: DelegationView[] }>('GET', path);
      const head = ['delegation', 'from', 'to', 'until', 'reason', 'revoked'];
      show(options, found, head, (one) => [
        one.id,
        one.from,
        one.to,
        one.until,
        one.reason,
        one.revokedAt ?? '',
      ]);
    });
  verb(people, 'undelegate <id>', 'end a delegation; what was decided under it stays').action(
    async (id: string, options: Common) => {
      const ended = await api<DelegationView>('DELETE', `/delegations/${encodeURIComponent(id)}`);
      tell(options, ended, `${ended.to} does not decide for ${ended.from} any more.`);
    },
  );
}

/** `cordon people …` and `cordon tokens …` */
export function peopleCommands(program: Command): void {
  const people = program.command('people').description('people and their roles');
  verb(people, 'list', 'everybody of the configuration').action(async (options: Common) => {
    const found = await api<{ items: PersonView[] }>('GET', '/people');
    show(options, found, ['person', 'name', 'roles', 'active'], (one) => [
      one.id,
      one.name,
      one.roles.join(', '),
      one.active ? 'yes' : 'no',
    ]);
  });
  delegationCommands(people);

  const tokens = program.command('tokens').description('API tokens (for admins)');
  verb(tokens, 'list', 'tokens, newest first').action(async (options: Common) => {
    const found = await api<{ items: TokenView[] }>('GET', '/tokens');
    show(options, found, ['token', 'person', 'label', 'until', 'revoked'], (one) => [
      one.id,
      one.person,
      one.label,
      one.expiresAt ?? 'revoked',
      one.revokedAt ?? '',
    ]);
  });
  verb(tokens, 'create <person>', 'make a token; it is shown this once')
    .requiredOption('--label <text>', 'what it is for')
    .option('--days <n>', 'how long it holds', '90')
    .action(async (person: string, options: Common & { label: string; days: string }) => {
      if (!/^\d{1,3}$/.test(options.days))
        throw new CommanderError(2, 'cordon.usage', '--days is a whole number, 1 to 366.');
      const made = await api<TokenView & { token: string }>('POST', '/tokens', {
        person,
        label: options.label,
        expiresInDays: Number(options.days),
      });
      if (options.json === true) {
        sayJson(made);
        return;
      }
      say(`A token for ${made.person} until ${made.expiresAt ?? 'it is revoked'}, shown this once:`);
      say(made.token);
    });
  verb(tokens, 'revoke <token>', 'end it, by the id that list shows').action(
    async (token: string, options: Common) => {
      const revoked = await api<TokenView>('DELETE', `/tokens/${encodeURIComponent(token)}`);
      tell(options, revoked, `The token ${revoked.label} of ${revoked.person} is revoked.`);
    },
  );
}
