import { randomUUID } from 'node:crypto';
import type { QuestionField, QuestionView } from '../../contracts/question';
import type { Session } from '../auth/session';
import { html, NOTHING, type Html } from './html';

/** The name of a field in the form: what a playbook names must not meet what the form itself sends. */
export const fieldName = (name: string): string => `field.${name}`;

function options(values: readonly (readonly [value: string, text: string])[], isRequired: boolean): Html {
  const [first] = values;
  const head =
    isRequired && first !== undefined
      ? html`<option value="">choose</option>`
      : html`<option value="">no answer</option>`;
  return html`${head}${values.map(([value, text]) => html`<option value="${value}">${text}</option>`)}`;
}

function inputOf(name: string, field: QuestionField): Html {
  const isRequired = field.required !== false;
  const required = isRequired ? html`required` : NOTHING;
  switch (field.type) {
    case 'boolean':
      return html`<select name="${fieldName(name)}" ${required}>
        ${options(
          [
            ['true', 'yes'],
            ['false', 'no'],
          ],
          isRequired,
        )}
      </select>`;
    case 'choice':
      return html`<select name="${fieldName(name)}" ${required}>
        ${options(
          field.options.map((one) => [one, one] as const),
          isRequired,
        )}
      </select>`;
    case 'number':
      return html`<input type="number" step="any" name="${fieldName(name)}" ${required} />`;
    case 'date':
      return html`<input type="date" name="${fieldName(name)}" ${required} />`;
    case 'text':
      return html`<input name="${fieldName(name)}" maxlength="10000" ${required} />`;
  }
}

/** One open question; with its form for those whom it asks. */
export function questionSection(question: QuestionView, { person, csrf }: Session): Html {
  const { id, incident, incidentTitle, mode, title, why, about, roles, expiresAt, fields } = question;
  const mayAnswer = person.roles.some((role) => roles.includes(role));
  const silence =
    question.default === null ? 'the run waits for it' : `then ${JSON.stringify(question.default)} is taken`;
  return html`<section>
    <h3 id="question-${id}">
      ${mode === 'drill' ? html`<strong class="simulated">DRILL</strong> ` : NOTHING}${incident}: ${title}
    </h3>
    <p>${incidentTitle}. ${about === '' ? NOTHING : html`About <code>${about}</code>. `}${why}</p>
    <p>For ${roles.join(' or ')}, until ${expiresAt}; ${silence}.</p>
    ${
      mayAnswer
        ? html`<form method="post" action="/plain/answer">
            <input type="hidden" name="csrf" value="${csrf}" />
            <input type="hidden" name="question" value="${id}" />
            <input type="hidden" name="answerId" value="${randomUUID()}" />
            ${Object.entries(fields).map(
              ([name, field]) => html`<p><label>${field.label} ${inputOf(name, field)}</label></p>`,
            )}
            <button>Answer</button>
          </form>`
        : NOTHING
    }
  </section>`;
}
