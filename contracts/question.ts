import { z } from 'zod';
import { JsonObject, Mode, Role, type Json } from './values';

const label = z.string().trim().min(1).max(300);

/** One field of a form. `required` is true unless said otherwise. */
export const QuestionField = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), label, required: z.boolean().optional() }),
  z.object({
    type: z.literal('choice'),
    label,
    options: z.array(z.string().min(1).max(200)).min(1).max(50),
    required: z.boolean().optional(),
  }),
  z.object({ type: z.literal('boolean'), label, required: z.boolean().optional() }),
  z.object({
    type: z.literal('number'),
    label,
    min: z.number().optional(),
    max: z.number().optional(),
    required: z.boolean().optional(),
  }),
  /** An ISO 8601 date, or a moment with its offset. */
  z.object({ type: z.literal('date'), label, required: z.boolean().optional() }),
]);
export type QuestionField = z.infer<typeof QuestionField>;

/** A question to people as data: what is asked, of whom, for how long, and what silence means. */
export const QuestionForm = z.object({
  /** snake_case, the same in every run: it is in histories and in the journal. */
  name: z.string().regex(/^[a-z][a-z0-9_]{0,79}$/, 'expected snake_case'),
  title: z.string().trim().min(1).max(300),
  /** What depends on the answer, for those who are asked. */
  why: z.string().trim().min(1).max(2000),
  fields: z
    .record(
      z.string().regex(/^[a-z][A-Za-z0-9_]{0,62}$/, 'expected a name such as entryPoint'),
      QuestionField,
    )
    .refine((fields) => Object.keys(fields).length <= 50, 'at most 50 fields'),
  /** One of these roles answers. */
  roles: z.array(Role).min(1),
  withinSeconds: z
    .number()
    .int()
    .positive()
    .max(366 * 86_400),
  /** The answer that silence gives; null: the run waits on, and says that it does. */
  default: JsonObject.nullable(),
});
export type QuestionForm = z.infer<typeof QuestionForm>;

function valueOf(field: QuestionField): z.ZodType<Json> {
  switch (field.type) {
    case 'text':
      return z.string().trim().min(1, 'is empty').max(10_000);
    case 'choice':
      return z.enum(field.options);
    case 'boolean':
      return z.boolean();
    case 'number': {
      const atLeast = field.min === undefined ? z.number() : z.number().min(field.min);
      return field.max === undefined ? atLeast : atLeast.max(field.max);
    }
    case 'date':
      return z.union([z.iso.date(), z.iso.datetime({ offset: true })], {
        error: 'expected a date such as 2026-05-01, or a moment such as 2026-05-01T08:00:00Z',
      });
  }
}

/** Reads an answer to a form. Its issues name the field. */
export function answerOf(fields: QuestionForm['fields']): z.ZodType<JsonObject> {
  const shape = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const value = valueOf(field);
      return [name, field.required === false ? value.optional() : value];
    }),
  );
  return z.strictObject(shape) as unknown as z.ZodType<JsonObject>;
}

/** open: it waits. answered: by a person. lapsed: silence gave the default. withdrawn: the incident ended first. */
export const QuestionStatus = z.enum(['open', 'answered', 'lapsed', 'withdrawn']);
export type QuestionStatus = z.infer<typeof QuestionStatus>;

/** What a run asks for: the question, what it is about, and how often it asked the same before. */
export const QuestionInput = z.object({
  incident: z.string(),
  form: QuestionForm,
  /** What it is about where the same is asked of several things: `kim@corp.example.com`. Empty: the incident. */
  about: z.string().max(500),
  occurrence: z.number().int().min(1),
});
export type QuestionInput = z.infer<typeof QuestionInput>;

/** What a run hears of its question. */
export const QuestionState = z.object({
  id: z.string(),
  status: QuestionStatus,
  /** Present once it is answered or lapsed. */
  answer: JsonObject.optional(),
  expiresAt: z.iso.datetime(),
});
export type QuestionState = z.infer<typeof QuestionState>;

/** A question as people see it. */
export const QuestionView = z.object({
  id: z.string(),
  incident: z.string(),
  incidentTitle: z.string(),
  mode: Mode,
  name: z.string(),
  title: z.string(),
  why: z.string(),
  about: z.string(),
  fields: QuestionForm.shape.fields,
  roles: z.array(Role),
  status: QuestionStatus,
  default: JsonObject.nullable(),
  askedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  answer: JsonObject.nullable(),
  /** `person:<id>`, or `cordon` where silence gave the default; null while nobody has answered. */
  answeredBy: z.string().nullable(),
  answeredAt: z.iso.datetime().nullable(),
});
export type QuestionView = z.infer<typeof QuestionView>;

/** An answer. The same answerId counts once. */
export const AnswerInput = z.object({ answerId: z.string().min(1).max(100), answer: JsonObject }).strict();
export type AnswerInput = z.output<typeof AnswerInput>;

export const Answered = z.object({
  question: z.string(),
  answerId: z.string(),
  status: z.enum(['recorded', 'repeated']),
});
export type Answered = z.infer<typeof Answered>;

/** A value as a person types it, in the type of its field; what does not fit stays text, so that the form can say so. */
export function typedText(field: QuestionField | undefined, text: string): Json {
  if (field?.type === 'boolean')
    return text === 'true' || text === 'yes' ? true : text === 'false' || text === 'no' ? false : text;
  if (field?.type === 'number')
    return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
  return text;
}
