import { createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Secret } from '../../contracts/secret';
import { sameSecret } from '../../sources/kit/authentication';
import { uuidOf } from './ids';

/** What a link to the confirm page says. It is for one person, one plan, one decision. */
const Content = z.strictObject({
  channel: z.string().min(1).max(63),
  request: z.string().min(1).max(200),
  person: z.string().min(1).max(63),
  plan: z.string().min(1).max(200),
  /** Milliseconds since the epoch. */
  until: z.number().int(),
  /** Id of the decision that it makes: what makes it usable once. */
  decision: z.uuid(),
});
export type LinkContent = z.infer<typeof Content>;

const mac = (secret: Secret, purpose: string, text: string): string =>
  createHmac('sha256', secret.reveal()).update(`cordon ${purpose}\n${text}`, 'utf8').digest('base64url');

/** An id that only who has the secret can foretell; the same link in each attempt has the same one. */
const decisionId = (secret: Secret, parts: readonly string[]): string =>
  uuidOf(
    createHmac('sha256', secret.reveal())
      .update(`cordon link decision\n${JSON.stringify(parts)}`, 'utf8')
      .digest(),
  );

/** Signs a link with the first secret. An escalation is another `round`, with a link of its own. */
export function signLink(
  secrets: readonly Secret[],
  content: Omit<LinkContent, 'decision'> & { round: number },
): string {
  const [secret] = secrets;
  if (secret === undefined || secret.reveal() === '') throw new TypeError('a link needs a secret');
  const { channel, request, person, plan, until, round } = content;
  const decision = decisionId(secret, [channel, request, person, plan, String(round)]);
  const text = Buffer.from(JSON.stringify({ channel, request, person, plan, until, decision })).toString(
    'base64url',
  );
  return `${text}.${mac(secret, 'link', text)}`;
}

function readContent(text: string): LinkContent | undefined {
  try {
    const parsed = Content.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The channel that a link says it is of, unproven: whose secrets to check it with. */
export function channelOfLink(link: string): string | undefined {
  return readContent(link.split('.')[0] ?? '')?.channel;
}

/** What a link says, if one of the secrets signed it. Whether it is still usable is for the caller. */
export function verifyLink(secrets: readonly Secret[], link: string): LinkContent | undefined {
  const [text = '', signature = '', ...rest] = link.split('.');
  if (rest.length > 0) return undefined;
  const fits = secrets.map(
    (secret) => secret.reveal() !== '' && sameSecret(signature, mac(secret, 'link', text)),
  );
  return fits.includes(true) ? readContent(text) : undefined;
}

/** What the form of the confirm page carries beside the link: only who has loaded the page knows it. */
export function formToken(secrets: readonly Secret[], link: string): string {
  const [secret] = secrets;
  if (secret === undefined) throw new TypeError('a form needs a secret');
  return mac(secret, 'form', link);
}

/** Whether the form came from the page of this link. */
export const isFormToken = (secrets: readonly Secret[], link: string, token: string): boolean =>
  secrets
    .map((secret) => secret.reveal() !== '' && sameSecret(token, mac(secret, 'form', link)))
    .includes(true);
