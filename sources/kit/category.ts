import type { Alert } from '../../contracts/alert';

type Category = Alert['category'];

const BY_TECHNIQUE: readonly [RegExp, Category][] = [
  [/^T(1486|1490)/, 'ransomware'],
  [/^T(1110|1003|1555|1558)/, 'credential_attack'],
  [/^T1078/, 'account_compromise'],
  [/^T(1566|1598)/, 'phishing'],
  [/^T(1041|1048|1567|1020)/, 'exfiltration'],
  [/^T(1071|1095|1568|1572|1573)/, 'command_and_control'],
  [/^T1190/, 'web_attack'],
  [/^T(1498|1499)/, 'availability'],
];

/** The category that the techniques speak for, the gravest first; undefined when they speak for none. */
export function categoryOfTechniques(techniques: readonly string[]): Category | undefined {
  return BY_TECHNIQUE.find(([pattern]) => techniques.some((technique) => pattern.test(technique)))?.[1];
}

/** The first category whose pattern fits one of the vendor's words. */
export function categoryOfWords(
  words: readonly string[],
  patterns: readonly (readonly [RegExp, Category])[],
): Category | undefined {
  return patterns.find(([pattern]) => words.some((word) => pattern.test(word)))?.[1];
}
