import { actionSpec, type ActionCall } from '../../contracts/actions';
import type { AlertView } from '../../contracts/alert';
import { AssetIndex } from '../../contracts/assets';
import { identify } from '../../contracts/identity';
import type { IncidentInput, WaveItem } from '../../contracts/messages';
import { orderViolation, type Deed } from '../../contracts/order-rules';
import type { QuestionField, QuestionInput } from '../../contracts/question';
import { simulatedOutput } from '../../contracts/simulated';
import type { Json, JsonObject } from '../../contracts/values';
import type { Playbook } from './define-playbook';
import type { Decision } from './host';
import { runVirtually } from './virtual-host';

/** More ways through a playbook than these are not looked at. */
const MOST_WAYS = 128;
const LIMITS = { items: 2_000, ms: 400 * 86_400_000 };
const NO_ASSETS = new AssetIndex([]);

/** That a playbook does something in an order, or without a person, that it must not. */
export interface Violation {
  readonly playbook: string;
  readonly rule: string;
  readonly message: string;
  /** The branches and answers that lead there. */
  readonly way: readonly string[];
}

/** What was looked at. `failed`: ways on which the playbook throws, as where a branch is taken against the facts. */
export interface LintReport {
  readonly violations: readonly Violation[];
  readonly ways: number;
  /** There are more ways than were looked at. */
  readonly cut: boolean;
  readonly failed: readonly { readonly way: readonly string[]; readonly error: string }[];
}

/** Which way each branch goes, and how each question is answered; what is not in here goes as it would. */
interface Way {
  readonly branches: ReadonlyMap<string, boolean | string>;
  readonly answers: ReadonlyMap<string, JsonObject>;
}

const wordsOf = ({ branches, answers }: Way): string[] => [
  ...[...branches].map(([title, taken]) => `${title}: ${String(taken)}`),
  ...[...answers].map(([name, answer]) => `${name}: ${JSON.stringify(answer)}`),
];

/**
 * Runs a playbook on the virtual clock over all its branches (each boolean both ways, each choice of an answer) and tells what breaks a
 * rule: the order rules that the guard enforces (`contracts/order-rules.ts`), hosts that are released without a clean scan, and effects
 * against an insider before HR or legal have answered.
 */
export async function lintPlaybook(
  playbook: Playbook,
  { playbooks, alert }: { playbooks: readonly Playbook[]; alert: AlertView },
): Promise<LintReport> {
  const ways: Way[] = [{ branches: new Map(), answers: new Map() }];
  const seen = new Set(['']);
  const violations = new Map<string, Violation>();
  const failed: { way: string[]; error: string }[] = [];
  let looked = 0;
  for (let way = ways.shift(); way !== undefined && looked < MOST_WAYS; way = ways.shift()) {
    looked += 1;
    const look = new Look(playbook, alert);
    let more: Way[] = [];
    try {
      await look.run(way, playbooks);
    } catch (error) {
      failed.push({ way: wordsOf(way), error: String(error) });
    }
    more = look.others(way);
    for (const { rule, message } of look.broken) {
      const name = `${rule} ${message}`;
      if (!violations.has(name))
        violations.set(name, { playbook: playbook.ref, rule, message, way: wordsOf(way) });
    }
    for (const one of more) {
      const name = wordsOf(one).sort().join('\n');
      if (seen.has(name)) continue;
      seen.add(name);
      ways.push(one);
    }
  }
  return { violations: [...violations.values()], ways: looked, cut: ways.length > 0, failed };
}

/** One way through a playbook. */
class Look {
  readonly broken: { rule: string; message: string }[] = [];
  readonly #deeds: Deed[] = [];
  readonly #facts = new Map<string, Pick<Decision, 'fact' | 'ways'>>();
  readonly #asked = new Map<string, QuestionInput>();
  #isGiven = false;

  constructor(
    private readonly playbook: Playbook,
    private readonly alert: AlertView,
  ) {}

  async run(way: Way, playbooks: readonly Playbook[]): Promise<void> {
    const input: IncidentInput = {
      number: 'LINT',
      mode: 'live',
      severity: this.alert.severity,
      policyVersion: 'lint',
      playbook: this.playbook.ref,
      alerts: [this.alert],
      quickStart: false,
    };
    await runVirtually(input, [this.playbook, ...playbooks.filter((one) => one !== this.playbook)], {
      limits: LIMITS,
      onWave: (wave) => {
        this.#wave(wave.items);
      },
      branch: ({ title, fact, ways }) => {
        this.#facts.set(title, { fact, ways });
        return way.branches.get(title);
      },
      reply: (question) => {
        this.#asked.set(question.form.name, question);
        if (question.form.roles.every((role) => role === 'hr' || role === 'legal')) this.#isGiven = true;
        return way.answers.get(question.form.name) ?? replyTo(question);
      },
    });
  }

  #wave(items: readonly WaveItem[]): void {
    const deeds = items.map(deedOf);
    const beside = deeds.map((deed) => ({ ...deed, state: 'under_way' as const }));
    for (const item of items) {
      const spec = actionSpec(item.action);
      if (item.release) {
        if (item.action === 'endpoint.isolate_host' && !item.onlyWhenClean)
          this.#breaks(
            'release_when_clean',
            `${item.id}: a host goes back only when its scans are clean. Fix: release(…, { when: 'clean' })`,
          );
        continue;
      }
      const early = orderViolation(item, [...this.#deeds, ...beside], NO_ASSETS);
      if (early !== undefined && !early.waits) this.#breaks(early.rule, early.message);
      const isEffect = !spec.readOnly && spec.category !== 'notify';
      if (isEffect && this.alert.category === 'insider' && !this.#isGiven)
        this.#breaks(
          'insider_gate',
          `${item.action} comes before HR or legal have answered. Fix: ask them first, with roles hr and legal`,
        );
    }
    this.#deeds.push(...deeds);
  }

  #breaks(rule: string, message: string): void {
    this.broken.push({ rule, message });
  }

  /** The ways that differ from this one in one branch or one answer that was met. */
  others(way: Way): Way[] {
    const flips = [...this.#facts].flatMap(([title, { fact, ways }]) =>
      way.branches.has(title)
        ? []
        : ways
            .filter((other) => other !== fact)
            .map((other) => ({ ...way, branches: new Map([...way.branches, [title, other] as const]) })),
    );
    const answers = [...this.#asked].flatMap(([name, question]) =>
      way.answers.has(name)
        ? []
        : variantsOf(question).map((answer) => ({
            ...way,
            answers: new Map([...way.answers, [name, answer] as const]),
          })),
    );
    return [...flips, ...answers];
  }
}

const deedOf = (item: WaveItem): Deed => ({
  action: item.action,
  target: identify({ action: item.action, input: item.input } as ActionCall, NO_ASSETS).target.key,
  state: item.release ? 'not_done' : 'done',
  output: simulatedOutput(item, '2026-01-01T00:00:00Z'),
});

function valueOf(field: QuestionField): Json {
  switch (field.type) {
    case 'choice':
      return field.options[0] ?? '';
    case 'boolean':
      return true;
    case 'number':
      return field.min ?? field.max ?? 0;
    case 'date':
      return '2026-01-01';
    case 'text':
      return 'assumed';
  }
}

/** An answer that fits the form: the first choice, yes, the least number. */
export function replyTo({ form }: Pick<QuestionInput, 'form'>): JsonObject {
  return Object.fromEntries(Object.entries(form.fields).map(([name, field]) => [name, valueOf(field)]));
}

/** Answers that differ from the assumed one in one field. */
function variantsOf(question: QuestionInput): JsonObject[] {
  const base = replyTo(question);
  return Object.entries(question.form.fields).flatMap(([name, field]) => {
    const values: Json[] =
      field.type === 'boolean' ? [false] : field.type === 'choice' ? field.options.slice(1) : [];
    return values.map((value) => ({ ...base, [name]: value }));
  });
}
