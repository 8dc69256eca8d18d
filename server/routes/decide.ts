import {
  recordDecision,
  type Decided as Decision,
  type DecidedItem,
  type Voice,
} from '../../store/decisions';
import type { Store } from '../../store/store';
import { Problem } from '../problem';

/** What of a decision was recorded. */
export interface Decided {
  decisionId: string;
  items: DecidedItem[];
}

/** What of a decision has no weight, in words for who made it; undefined when all that was recorded has. */
export function withoutWeight({ items }: Decided): string | undefined {
  const mute = items.filter(({ doesNotCount }) => doesNotCount !== undefined);
  if (mute.length === 0) return undefined;
  const reasons = [...new Set(mute.flatMap(({ doesNotCount }) => doesNotCount ?? []))].join('; ');
  const which =
    mute.length === items.length
      ? 'It does not count'
      : `${String(mute.length)} of ${String(items.length)} do not count`;
  return `${which}: ${reasons}.`;
}

/** Records a decision by whatever way it came; what cannot be recorded is a problem. One path for API, page and channels. */
export async function decide(store: Store, request: string, input: Decision, voice: Voice): Promise<Decided> {
  const answer = await recordDecision(store, request, input, voice);
  switch (answer.kind) {
    case 'not_found':
      throw new Problem(404, 'Not found', 'There is no such approval request.');
    case 'plan_changed':
      throw new Problem(
        409,
        'Conflict',
        `The plan is another one now (${answer.planHash}): look at it again before you decide.`,
      );
    case 'unknown_item':
      throw new Problem(
        422,
        'Unprocessable content',
        `items: ${answer.itemHash} is not an item of this request.`,
      );
    case 'too_late':
      throw new Problem(409, 'Conflict', answer.why);
    case 'reused':
      throw new Problem(
        409,
        'Conflict',
        'This decisionId was used for another decision: a new decision needs a new id.',
      );
    case 'glass_holds':
      throw new Problem(
        403,
        'Forbidden',
        `The policy lets ${voice.person} have none of these done alone: ${answer.items.join(', ')}. Ask who may approve them.`,
      );
    case 'no_seat':
      throw new Problem(403, 'Forbidden', answer.why);
    case 'above_impact': {
      const list = answer.items.map(({ itemHash, impact }) => `${itemHash} (${impact})`).join(', ');
      throw new Problem(403, 'Forbidden', `${voice.channel} may not decide these items: ${list}.`);
    }
    case 'recorded':
      return { decisionId: input.decisionId, items: answer.items };
  }
}
