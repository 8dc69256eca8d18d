/** Control characters, and those that turn the direction of writing: what could make a terminal lie. */
const UNSAFE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** Alerts carry text that an attacker wrote: nothing of it may steer the terminal. */
export function plain(text: string): string {
  return text.replace(UNSAFE, '\ufffd');
}
