import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { QuestionInput, QuestionState, QuestionView } from '../contracts/question';
import { answerOf } from '../contracts/question';
import type { JsonObject, Mode, Role } from '../contracts/values';
import { canonicalHash } from './canonical';
import { appendJournal } from './journal';
import { enqueue } from './outbox';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

const MAX_LIST = 500;
/** Who answers when nobody does. */
const BY_SILENCE = 'cordon';

/**
 * Asks people, once for each incident, name, matter and occurrence, and says what has become of it. What is still open when its time
 * is over gets the answer that silence gives, if there is one; from then on no other counts.
 */
export async function askQuestion(tx: Tx, input: QuestionInput, at: Date): Promise<QuestionState> {
  const { incident, form, about, occurrence } = input;
  const id = randomUUID();
  const made = await tx
    .insertInto('questions')
    .values({
      id,
      incident,
      name: form.name,
      about,
      occurrence,
      form: JSON.stringify(form),
      status: 'open',
      asked_at: at,
      expires_at: new Date(at.getTime() + form.withinSeconds * 1000),
    })
    .onConflict((conflict) => conflict.columns(['incident', 'name', 'about', 'occurrence']).doNothing())
    .returningAll()
    .executeTakeFirst();
  if (made !== undefined) {
    await appendJournal(tx, {
      incident,
      at,
      actor: `run:${incident}`,
      kind: 'question_asked',
      data: {
        question: id,
        name: form.name,
        title: form.title,
        ...(about === '' ? {} : { about }),
        roles: form.roles,
        until: made.expires_at.toISOString(),
        onSilence: form.default ?? 'wait',
      },
    });
    return stateOf(made, undefined);
  }
  const row = await tx
    .selectFrom('questions')
    .selectAll()
    .where('incident', '=', incident)
    .where('name', '=', form.name)
    .where('about', '=', about)
    .where('occurrence', '=', occurrence)
    .forUpdate()
    .executeTakeFirstOrThrow();
  if (row.status === 'open' && row.expires_at <= at && row.form.default !== null)
    return lapse(tx, row, row.form.default, at);
  const answer = await tx.selectFrom('answers').selectAll().where('question', '=', row.id).executeTakeFirst();
  return stateOf(row, answer?.answer);
}

const stateOf = (row: Row<'questions'>, answer: JsonObject | undefined): QuestionState => ({
  id: row.id,
  status: row.status,
  expiresAt: row.expires_at.toISOString(),
  ...(answer === undefined ? {} : { answer }),
});

async function lapse(tx: Tx, row: Row<'questions'>, answer: JsonObject, at: Date): Promise<QuestionState> {
  await tx.updateTable('questions').set({ status: 'lapsed' }).where('id', '=', row.id).execute();
  await tx
    .insertInto('answers')
    .values({
      question: row.id,
      answer_id: `silence:${row.id}`,
      answer: JSON.stringify(answer),
      answered_by: BY_SILENCE,
      channel: 'silence',
      at,
    })
    .execute();
  await appendJournal(tx, {
    incident: row.incident,
    at,
    actor: BY_SILENCE,
    kind: 'question_lapsed',
    data: { question: row.id, name: row.name, title: row.form.title, answer },
  });
  return stateOf({ ...row, status: 'lapsed' }, answer);
}

/** Ends the questions of an incident that is closed: nobody waits for them any more. */
export async function withdrawQuestions(tx: Tx, incident: string): Promise<void> {
  await tx
    .updateTable('questions')
    .set({ status: 'withdrawn' })
    .where('incident', '=', incident)
    .where('status', '=', 'open')
    .execute();
}

/** What has become of an answer. */
export type AnswerOutcome =
  | { kind: 'recorded' | 'repeated' }
  | { kind: 'not_found' }
  | { kind: 'reused' }
  | { kind: 'not_asked'; roles: readonly Role[] }
  | { kind: 'too_late'; why: string };

/**
 * Records an answer beside a message that wakes the run; the run reads it from here. The first answer counts. Throws a ZodError that
 * names the field where it does not fit the form.
 */
export function recordAnswer(
  store: Store,
  question: string,
  given: { answerId: string; answer: JsonObject },
  voice: { person: string; roles: readonly Role[]; channel: string },
): Promise<AnswerOutcome> {
  return inTransaction(store, async (tx): Promise<AnswerOutcome> => {
    const row = await tx
      .selectFrom('questions')
      .selectAll()
      .where('id', '=', question)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) return { kind: 'not_found' };
    const { form, incident } = row;
    if (!voice.roles.some((role) => form.roles.includes(role)))
      return { kind: 'not_asked', roles: form.roles };
    const answer = answerOf(form.fields).parse(given.answer);
    const earlier = await tx
      .selectFrom('answers')
      .selectAll()
      .where('question', '=', question)
      .executeTakeFirst();
    const by = `person:${voice.person}`;
    if (earlier?.answer_id === given.answerId) {
      const same = earlier.answered_by === by && canonicalHash(earlier.answer) === canonicalHash(answer);
      return { kind: same ? 'repeated' : 'reused' };
    }
    if (row.status !== 'open') return { kind: 'too_late', why: whyLate(row, earlier) };
    const at = await store.now();
    await tx.updateTable('questions').set({ status: 'answered' }).where('id', '=', question).execute();
    await tx
      .insertInto('answers')
      .values({
        question,
        answer_id: given.answerId,
        answer: JSON.stringify(answer),
        answered_by: by,
        channel: voice.channel,
        at,
      })
      .execute();
    await appendJournal(tx, {
      incident,
      at,
      actor: by,
      kind: 'question_answered',
      data: { question, name: row.name, title: form.title, answer, channel: voice.channel },
    });
    await enqueue(tx, 'wake', incident, { question }, at);
    return { kind: 'recorded' };
  });
}

function whyLate(row: Row<'questions'>, earlier: Row<'answers'> | undefined): string {
  if (row.status === 'withdrawn' || earlier === undefined)
    return `${row.incident} is closed: nobody waits for this answer any more.`;
  const at = earlier.at.toISOString();
  const text = JSON.stringify(earlier.answer);
  return row.status === 'lapsed'
    ? `Its time was over at ${at}: the run went on with ${text}, as nobody had answered.`
    : `${earlier.answered_by} answered it at ${at} with ${text}: the run goes on with that. Add a note to the incident if it was wrong.`;
}

/** Questions, the oldest first. */
export async function listQuestions(
  store: Store,
  which: { id?: string; status?: 'open' | 'settled'; incident?: string },
): Promise<QuestionView[]> {
  const { id, status, incident } = which;
  const rows = await store.db
    .selectFrom('questions')
    .innerJoin('incidents', 'incidents.number', 'questions.incident')
    .leftJoin('answers', 'answers.question', 'questions.id')
    .select([
      'questions.id',
      'incident',
      'name',
      'about',
      'form',
      'questions.status',
      'asked_at',
      'expires_at',
    ])
    .select([
      'incidents.title as incident_title',
      'mode',
      'answer',
      'answered_by',
      'answers.at as answered_at',
    ])
    .$if(id !== undefined, (query) => query.where('questions.id', '=', id ?? ''))
    .$if(incident !== undefined, (query) => query.where('incident', '=', incident ?? ''))
    .$if(status !== undefined, (query) =>
      query.where('questions.status', status === 'open' ? '=' : '<>', 'open'),
    )
    .orderBy('asked_at')
    .orderBy(sql`questions.id`)
    .limit(MAX_LIST)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    incident: row.incident,
    incidentTitle: row.incident_title,
    mode: row.mode as Mode,
    name: row.name,
    title: row.form.title,
    why: row.form.why,
    about: row.about,
    fields: row.form.fields,
    roles: row.form.roles,
    status: row.status,
    default: row.form.default,
    askedAt: row.asked_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    answer: row.answer,
    answeredBy: row.answered_by,
    answeredAt: row.answered_at?.toISOString() ?? null,
  }));
}
