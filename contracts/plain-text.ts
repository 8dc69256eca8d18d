/**
 * What could make a terminal or a page lie: control characters and line breaks, characters that turn the direction of writing,
 * and invisible ones (zero width, tags).
 */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_C}\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Alerts carry text that an attacker wrote: nothing of it may steer the terminal. */
export function plain(text: string): string {
  return text.replace(UNSAFE, '\ufffd');
}

/** Text for a place in HTML, an attribute in quotes too. */
export const escapeHtml = (text: string): string =>
  plain(text).replace(/[&<>"'`]/g, (character) => `&#${String(character.charCodeAt(0))};`);

/** At most so many characters, none of them cut in two; what was left out is shown as an ellipsis. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const cut = text.slice(0, Math.max(0, limit - 1));
  // Half of a surrogate pair is no character.
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/** JSON in one line whose text is safe to print: the same value, what could steer a terminal escaped. */
export function plainJson(value: unknown, indent?: number): string {
  const escaped = (character: string): string =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join('');
  return JSON.stringify(value, undefined, indent)
    .split('\n')
    .map((line) => line.replace(UNSAFE, escaped))
    .join('\n');
}
