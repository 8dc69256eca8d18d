import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { typedText, type Answered, type QuestionView } from '../../contracts/question';
import type { Json } from '../../contracts/values';
import { api } from '../api';
import { show, tell, verb, type Common } from '../output';

const ID_SHOWN = 8;

/** The one question that an id, its beginning, or an incident's number means. */
async function questionOf(which: string): Promise<QuestionView> {
  const { items } = await api<{ items: QuestionView[] }>('GET', '/questions');
  const [only, another] = items.filter(({ id, incident }) => id.startsWith(which) || incident === which);
  if (only === undefined)
    throw new Error(`No open question ${which}: cordon questions list shows those there are.`);
  if (another !== undefined) throw new Error(`${which} means more than one question: give its id.`);
  return only;
}

/** `entry=mail` as a field and its value, in the type that the form has. */
function fieldOf({ fields }: QuestionView, text: string): [string, Json] {
  const at = text.indexOf('=');
  if (at < 1)
    throw new Error(
      `--set ${text}: expected field=value, with a field of ${Object.keys(fields).join(', ')}.`,
    );
  const name = text.slice(0, at);
  return [name, typedText(fields[name], text.slice(at + 1))];
}

/** `cordon questions …` */
export function questionCommands(program: Command): void {
  const questions = program.command('questions').description('what runs ask people');
  verb(questions, 'list', 'questions that wait for an answer')
    .option('--settled', 'those that do not wait any more')
    .option('--incident <number>', 'of one incident')
    .action(async (options: Common & { settled?: boolean; incident?: string }) => {
      const query = new URLSearchParams({ status: options.settled === true ? 'settled' : 'open' });
      if (options.incident !== undefined) query.set('incident', options.incident);
      const found = await api<{ items: QuestionView[] }>('GET', `/questions?${query.toString()}`);
      const fieldText = ([name, field]: [string, QuestionView['fields'][string]]): string =>
        `${name} (${field.type === 'choice' ? field.options.join('|') : field.type}${field.required === false ? ', optional' : ''})`;
      show(options, found, ['id', 'incident', 'question', 'fields', 'asks', 'until', 'answer'], (one) => [
        one.id.slice(0, ID_SHOWN),
        one.incident,
        `${one.mode === 'drill' ? 'DRILL ' : ''}${one.title}${one.about === '' ? '' : ` (${one.about})`}`,
        Object.entries(one.fields).map(fieldText).join(', '),
        one.roles.join(' or '),
        one.expiresAt,
        one.answer === null ? one.status : `${JSON.stringify(one.answer)} by ${one.answeredBy ?? ''}`,
      ]);
    });
  verb(questions, 'answer <question>', 'answer one, by its id, the beginning of it, or the incident')
    .requiredOption('--set <field=value...>', 'each field of its form')
    .action(async (which: string, options: Common & { set: string[] }) => {
      const question = await questionOf(which);
      const answer = Object.fromEntries(options.set.map((text) => fieldOf(question, text)));
      const answered = await api<Answered>('POST', `/questions/${encodeURIComponent(question.id)}/answers`, {
        answerId: randomUUID(),
        answer,
      });
      tell(
        options,
        answered,
        `Answered: ${question.title}. The run of ${question.incident} goes on with it.`,
      );
    });
}
