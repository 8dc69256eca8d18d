import { CommanderError, type Command } from 'commander';
import type { PersonView, TokenView } from '../../contracts/api';
import { api } from '../api';
import { say, sayJson, show, tell, verb, type Common } from '../output';

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
