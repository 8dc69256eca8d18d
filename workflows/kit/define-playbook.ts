import type { AlertView } from '../../contracts/alert';
import type { Words } from './words';

/** What a playbook answers. The more specific of two matching playbooks runs. */
export interface Matcher {
  readonly title: string;
  /** 1 a category, 2 a technique, 3 a sub-technique. */
  readonly specificity: number;
  matches(alert: AlertView): boolean;
}

/** Alerts with this ATT&CK technique or one of its sub-techniques. */
export function technique(id: `T${number}`): Matcher {
  const fits = (have: string): boolean => have === id || have.startsWith(`${id}.`);
  return {
    title: id,
    specificity: id.includes('.') ? 3 : 2,
    matches: (alert) => alert.techniques.some(fits),
  };
}

/** Alerts of this category. */
export function category(name: AlertView['category']): Matcher {
  return { title: name, specificity: 1, matches: (alert) => alert.category === name };
}

/** Alerts that any of these matches. */
export function anyOf(...matchers: readonly Matcher[]): Matcher {
  return {
    title: matchers.map(({ title }) => title).join(' or '),
    specificity: Math.max(0, ...matchers.map(({ specificity }) => specificity)),
    matches: (alert) => matchers.some((one) => one.matches(alert)),
  };
}

export interface PlaybookSpec {
  /** snake_case, frozen once released: it is in histories and in the journal. */
  readonly id: string;
  readonly version: number;
  readonly title: string;
  readonly answers: readonly Matcher[];
  /** Ids of the people who wrote this version. A policy may keep them from approving what it does. */
  readonly authors?: readonly string[];
}

export interface Playbook extends PlaybookSpec {
  /** `ransomware@1` */
  readonly ref: string;
  readonly run: (words: Words) => Promise<void>;
}

/**
 * Declares a playbook: what it answers, and what to do, in the words of the phases.
 *
 * @example
 * export const lostLaptop = definePlaybook(
 *   { id: 'lost_laptop', version: 1, title: 'Lost laptop', answers: [category('policy')] },
 *   async ({ scope, contain, watch }) => {
 *     await contain('Stop the account', scope.accounts, (account) => identity.disableAccount({ account }), { lease: '72h' });
 *     await watch('30d', { onRecurrence: 'contain' });
 *   },
 * );
 */
export function definePlaybook(spec: PlaybookSpec, run: (words: Words) => Promise<void>): Playbook {
  return { ...spec, ref: `${spec.id}@${spec.version}`, run };
}

/** The playbooks that answer the alerts, the most specific first; of two equals the one listed first. */
export function matching(playbooks: readonly Playbook[], alerts: readonly AlertView[]): Playbook[] {
  const score = (playbook: Playbook): number =>
    Math.max(
      0,
      ...playbook.answers
        .filter((one) => alerts.some((alert) => one.matches(alert)))
        .map((one) => one.specificity),
    );
  return playbooks
    .map((playbook) => ({ playbook, score: score(playbook) }))
    .filter((one) => one.score > 0)
    .sort((a, b) => b.score - a.score)
    .map((one) => one.playbook);
}
