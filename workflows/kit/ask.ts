import { answerOf, QuestionForm, type QuestionField } from '../../contracts/question';
import type { JsonObject, Role } from '../../contracts/values';
import { seconds, type Duration } from './duration';
import { PlaybookError } from './failure';
import type { Run } from './run';

const LOOK_AGAIN_MS = 1000;

export type Fields = Readonly<Record<string, Field>>;
type Field = {
  [T in QuestionField['type']]: Readonly<Omit<Extract<QuestionField, { type: T }>, 'options'>> &
    (T extends 'choice' ? { readonly options: readonly [string, ...string[]] } : unknown);
}[QuestionField['type']];

type ValueOf<F> = F extends { type: 'choice'; options: readonly (infer O)[] }
  ? O
  : F extends { type: 'boolean' }
    ? boolean
    : F extends { type: 'number' }
      ? number
      : string;
type Optional<F extends Fields> = { [K in keyof F]: F[K] extends { required: false } ? K : never }[keyof F];

/** An answer as the form's fields type it. */
export type AnswerOf<F extends Fields> = { readonly [K in Exclude<keyof F, Optional<F>>]: ValueOf<F[K]> } & {
  readonly [K in Optional<F>]?: ValueOf<F[K]>;
};

/** A question that a playbook can ask. */
export interface Question<F extends Fields = Fields> {
  readonly form: QuestionForm;
  /** The type of its answer; there is no value. */
  readonly answer?: AnswerOf<F>;
}

/**
 * Declares a question to people: what is asked and why, who answers, for how long it is waited, and what silence means.
 * `onSilence: 'wait'`: the run waits for as long as it takes and says that it does; else the answer that is taken once `within` is over.
 * An answer is information. It approves nothing: what needs an approval still asks for one.
 *
 * @example
 * const entry = defineQuestion({
 *   id: 'entry',
 *   title: 'How did the attacker get in?',
 *   why: 'The way in has to be closed before anything is restored.',
 *   fields: { way: { type: 'choice', label: 'Way in', options: ['mail', 'exposed service', 'unknown'] } },
 *   roles: ['analyst', 'lead'],
 *   within: '4h',
 *   onSilence: { way: 'unknown' },
 * });
 */
export function defineQuestion<const F extends Fields>(spec: {
  /** snake_case, frozen once released. */
  readonly id: string;
  readonly title: string;
  readonly why: string;
  readonly fields: F;
  readonly roles: readonly Role[];
  readonly within: Duration;
  readonly onSilence: 'wait' | AnswerOf<F>;
}): Question<F> {
  const { id, title, why, fields, roles, within, onSilence } = spec;
  const form = QuestionForm.safeParse({
    name: id,
    title,
    why,
    fields,
    roles,
    withinSeconds: seconds(within),
    default: onSilence === 'wait' ? null : onSilence,
  });
  const wrong = form.success
    ? onSilence !== 'wait' && answerOf(form.data.fields).safeParse(onSilence).error
    : form.error;
  if (!form.success || (wrong !== false && wrong !== undefined)) {
    const [issue] = wrong === false || wrong === undefined ? [] : wrong.issues;
    throw new PlaybookError(`The question ${id}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  return { form: form.data };
}

/** `ask`: see the words of a playbook. */
export async function ask<F extends Fields>(
  run: Run,
  question: Question<F>,
  about: string,
): Promise<AnswerOf<F>> {
  run.check();
  const { form } = question;
  const key = `${form.name}\n${about}`;
  const occurrence = (run.asked.get(key) ?? 0) + 1;
  run.asked.set(key, occurrence);
  const name = `question:${key}#${String(occurrence)}`;
  const what = about === '' ? form.title : `${form.title} (${about})`;
  for (;;) {
    if (run.paused !== undefined) await run.resumed();
    const wakes = run.wakes;
    const input = { incident: run.input.number, form, about, occurrence };
    const state = await run.host.askQuestion(input);
    if (state.answer !== undefined) {
      run.openQuestions.delete(name);
      run.ledger.clear(name);
      return typed<F>(form, state.answer);
    }
    run.openQuestions.set(name, what);
    const leftMs = Date.parse(state.expiresAt) - run.host.now();
    const waitsOn = leftMs <= 0 && form.default === null;
    if (waitsOn) run.ledger.note(name, `Nobody has answered in time: ${what}. The run waits for it`, false);
    await run.flush();
    await run.until(() => run.wakes !== wakes, waitsOn ? undefined : Math.max(leftMs, 0) + LOOK_AGAIN_MS);
  }
}

function typed<F extends Fields>(form: QuestionForm, answer: JsonObject): AnswerOf<F> {
  const parsed = answerOf(form.fields).safeParse(answer);
  if (!parsed.success) throw new PlaybookError(`The answer to ${form.name} does not fit its form any more`);
  return parsed.data as unknown as AnswerOf<F>;
}
