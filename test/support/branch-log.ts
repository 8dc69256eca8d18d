import { appendFileSync } from 'node:fs';
import type * as Ask from '../../workflows/kit/ask';
import type * as Decide from '../../workflows/kit/decide';

/**
 * Set up before the tests of a playbook by `cordon playbooks test --coverage`: notes each way that a decision or a question takes in
 * a virtual run, a line each, in the words of the graph.
 */
const file = process.env['CORDON_BRANCH_LOG'];
const mockNote = (title: string, way: string): void => {
  if (file !== undefined) appendFileSync(file, `${title} → ${way}\n`);
};

jest.mock('../../workflows/kit/decide', () => {
  const actual = jest.requireActual<typeof Decide>('../../workflows/kit/decide');
  const decide: typeof Decide.decide = (run, title, given, among) => {
    const taken = actual.decide(run, title, given, among);
    mockNote(title, actual.wayOf(taken));
    return taken;
  };
  return { ...actual, decide };
});

interface Asked {
  questions?: Map<string, { form: { name: string }; about: string; status: string }>;
}

jest.mock('../../workflows/kit/ask', () => {
  const actual = jest.requireActual<typeof Ask>('../../workflows/kit/ask');
  const { wayOf } = jest.requireActual<typeof Decide>('../../workflows/kit/decide');
  const ask: typeof Ask.ask = async (run, question, about) => {
    const answer = await actual.ask(run, question, about);
    const { title, name, fields } = question.form;
    const { questions } = run.host as unknown as Asked;
    const state = [...(questions?.values() ?? [])].filter(
      (one) => one.form.name === name && one.about === about,
    );
    if (state.at(-1)?.status === 'lapsed') mockNote(title, 'silence');
    else {
      mockNote(title, 'answered');
      for (const [field, { type, label }] of Object.entries(fields))
        if (type === 'choice' || type === 'boolean')
          mockNote(
            title,
            `${label}: ${wayOf((answer as Readonly<Record<string, boolean | string>>)[field] ?? 'left out')}`,
          );
    }
    return answer;
  };
  return { ...actual, ask };
});
