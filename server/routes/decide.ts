import { recordDecision, type Decided as Decision, type Voice } from '../../store/decisions';
import type { Store } from '../../store/store';
import { Problem } from '../problem';

/** What of a decision was recorded. */
export interface Decided {
  decisionId: string;
  items: { itemHash: string; status: 'recorded' | 'repeated' | 'too_late' }[];
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
