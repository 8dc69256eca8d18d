import type { QuestionField, QuestionView } from '../contracts/question';
import type { Json, JsonObject } from '../contracts/values';

/** What the demo says where the form's own example would lead it off the playbook's main path; by the name of the question. */
const ANSWERS: Readonly<Record<string, JsonObject>> = {
  phishing_victims: { accounts: 'm.okafor', hosts: 'fin-ws-042' },
  exfiltration_data: { personal: 'no', hold: true },
  exfiltration_access: { back: true },
  web_shell_reach: { accounts: 'm.okafor' },
  web_shell_return: { way: 'restore its data' },
  lost_device_contents: { encrypted: 'yes' },
  lost_device_found: { outcome: 'found' },
};

function exampleOf(field: QuestionField): Json | undefined {
  if (field.required === false) return undefined;
  switch (field.type) {
    case 'choice':
      return field.options[0];
    case 'boolean':
      return true;
    case 'number':
      return field.min ?? field.max ?? 1;
    case 'date':
      return '2026-01-06T09:00:00Z';
    case 'text':
      return 'a demo';
  }
}

/** The demo's answer to a question: its own, else what silence would mean, else an example that fits the form. */
export function demoAnswer({
  name,
  fields,
  default: silence,
}: Pick<QuestionView, 'name' | 'fields' | 'default'>): JsonObject {
  const own = ANSWERS[name] ?? silence;
  if (own !== null) return own;
  const values = Object.entries(fields).map(([key, field]) => [key, exampleOf(field)] as const);
  return Object.fromEntries(values.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

/** An answer as a line of the demo: `Personal data: unknown`. */
export function answerInWords({ fields }: Pick<QuestionView, 'fields'>, answer: JsonObject): string {
  const words = Object.entries(answer).map(([key, value]) => {
    const word =
      value === true
        ? 'yes'
        : value === false
          ? 'no'
          : typeof value === 'string'
            ? value
            : JSON.stringify(value);
    return `${fields[key]?.label ?? key}: ${word}`;
  });
  return words.length === 0 ? 'nothing to add' : words.join('; ');
}
