import { z } from 'zod';
import { Secret } from '../../contracts/secret';
import { VendorUrl } from '../../integrations/kit/http';

/** Configuration of a Slack channel. The channel's `secrets` are the app's signing secrets. */
export const SlackConfig = z.strictObject({
  /** Bot token, `xoxb-…`, with the scope `chat:write`; the app is a member of the channel. */
  token: z.instanceof(Secret),
  /** Id of the conversation, not its name. */
  channel: z.string().regex(/^[CGD][A-Z0-9]{2,30}$/, 'the id of a conversation, such as C0123456789'),
  /** Who is who: Slack's user id → id of the person. */
  users: z.record(
    z.string().regex(/^[UW][A-Z0-9]{2,30}$/, 'a user id, such as U0123456789'),
    z.string().min(1),
  ),
  /** Id of the workspace; clicks from others are refused. */
  team: z
    .string()
    .regex(/^T[A-Z0-9]{2,30}$/, 'the id of a workspace, such as T0123456789')
    .optional(),
  baseUrl: VendorUrl.default('https://slack.com/api'),
  timeoutMs: z.number().int().min(10).max(60_000).default(10_000),
});
export type SlackConfig = z.output<typeof SlackConfig>;

/** What a button of ours carries. Never the authority to decide: that is looked up when it is clicked. */
export const ButtonValue = z.strictObject({
  r: z.string().min(1).max(200),
  /** The plan hash, for a button about the whole request. */
  p: z.string().max(100).optional(),
  /** The item hash, for a button about one item. */
  i: z.string().max(200).optional(),
});

/** What Slack sends on a click. https://docs.slack.dev/reference/interaction-payloads/block_actions-payload */
export const BlockActions = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string() }),
  team: z.object({ id: z.string() }).nullish(),
  channel: z.object({ id: z.string() }).optional(),
  container: z.object({ message_ts: z.string().optional(), channel_id: z.string().optional() }).optional(),
  actions: z
    .array(z.object({ action_id: z.string(), value: z.string().max(2000).optional(), action_ts: z.string() }))
    .min(1),
});
