import { z } from 'zod';
import { DecisionInput } from './approval';

/** What a chat or ticket system sends to `POST /hooks/approvals/:channel`: a decision, the request, and whose it is. */
export const ChannelDecision = DecisionInput.extend({
  request: z.string().min(1).max(200),
  /** Id of the person who answered. */
  person: z.string().min(1).max(63),
}).strict();
export type ChannelDecision = z.infer<typeof ChannelDecision>;
