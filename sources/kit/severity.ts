import type { Severity } from '../../contracts/values';

const WORDS: ReadonlyMap<string, Severity> = new Map([
  ['none', 1],
  ['debug', 1],
  ['info', 1],
  ['informational', 1],
  ['notice', 2],
  ['low', 2],
  ['minor', 2],
  ['warn', 3],
  ['warning', 3],
  ['medium', 3],
  ['moderate', 3],
  ['error', 4],
  ['high', 4],
  ['major', 4],
  ['critical', 5],
  ['fatal', 5],
  ['page', 5],
  ['emergency', 5],
]);

/** Severity by its word in any case; undefined for a word that nobody knows. */
export function severityFromWord(word: string): Severity | undefined {
  return WORDS.get(word.trim().toLowerCase());
}

/** Wazuh 4 `rule.level`, 0-16, https://documentation.wazuh.com/4.14/user-manual/ruleset/rules/rules-classification.html */
export function severityFromWazuhLevel(level: number): Severity {
  if (level >= 15) return 5;
  if (level >= 12) return 4;
  if (level >= 7) return 3;
  return level >= 4 ? 2 : 1;
}

/** Suricata counts the other way: 1 is the worst, and nothing is critical by itself. */
export function severityFromSuricata(severity: number): Severity {
  return Math.min(4, Math.max(1, 5 - severity));
}
