import type { Answered, AnswerInput } from '../../contracts/question';
import type { Role } from '../../contracts/values';
import { recordAnswer } from '../../store/questions';
import type { Store } from '../../store/store';
import { Problem } from '../problem';

/** Records an answer by whatever way it came; what cannot be recorded is a problem. One path for API and page. */
export async function answer(
  store: Store,
  question: string,
  input: AnswerInput,
  voice: { person: string; roles: readonly Role[]; channel: string },
): Promise<Answered> {
  const outcome = await recordAnswer(store, question, input, voice);
  switch (outcome.kind) {
    case 'not_found':
      throw new Problem(404, 'Not found', 'There is no such question.');
    case 'not_asked':
      throw new Problem(
        403,
        'Forbidden',
        `This question is for one of the roles ${outcome.roles.join(', ')}; ${voice.person} has ${voice.roles.join(', ')}.`,
      );
    case 'reused':
      throw new Problem(
        409,
        'Conflict',
        'This answerId was used for another answer: a new answer needs a new id.',
      );
    case 'too_late':
      throw new Problem(409, 'Conflict', outcome.why);
    default:
      return { question, answerId: input.answerId, status: outcome.kind };
  }
}
