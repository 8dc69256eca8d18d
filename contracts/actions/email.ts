import { z } from 'zod';
import { DomainName, MailAddress, Sha256, WebUrl } from '../values';
import { CONTAINS, defineAction, READS, TAKES_BACK, Token } from './define';
import { OnMessage, onMessage, OnSender, onSender } from './on';

const Purged = OnMessage.extend({
  /** From how many mailboxes. */
  mailboxes: z.number().int().nonnegative(),
  token: Token.optional(),
});
const SenderBlocked = OnSender.extend({ token: Token.optional() });

export const emailActions = {
  'email.find_messages': defineAction({
    ...READS,
    id: 'email.find_messages',
    title: 'Find who got a message',
    input: OnMessage,
    output: OnMessage.extend({
      recipients: z
        .array(
          z.object({
            address: MailAddress,
            opened: z.boolean(),
            clicked: z.boolean(),
            /** Typed something into the page behind a link. */
            submitted: z.boolean(),
          }),
        )
        .max(10_000),
      domains: z.array(DomainName).max(1000),
      urls: z.array(WebUrl).max(1000),
      /** Hashes of the attachments. */
      attachments: z.array(Sha256).max(100),
    }),
    target: onMessage,
    react: ['RA_2202'],
    openc2: 'query email_message',
    cacao: 'match-indicator',
    ocsf: { class_uid: 7001, activity_id: 5 },
  }),
  'email.purge_message': defineAction({
    ...CONTAINS,
    id: 'email.purge_message',
    title: 'Purge message from all mailboxes',
    impact: 'low',
    inverse: 'email.restore_message',
    input: OnMessage,
    output: Purged,
    target: onMessage,
    d3fend: ['D3-ER'],
    react: ['RA_4201', 'RA_3203'],
    openc2: 'delete email_message',
    cacao: 'eliminate-risk',
    ocsf: { class_uid: 7001, activity_id: 2 },
  }),
  'email.restore_message': defineAction({
    ...TAKES_BACK,
    id: 'email.restore_message',
    title: 'Restore purged message',
    impact: 'low',
    input: Purged,
    output: OnMessage,
    target: onMessage,
    d3fend: ['D3-RE'],
    react: ['RA_5203'],
    openc2: 'restore email_message',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
  'email.block_sender': defineAction({
    ...CONTAINS,
    id: 'email.block_sender',
    title: 'Block sender',
    impact: 'low',
    inverse: 'email.unblock_sender',
    input: OnSender,
    output: SenderBlocked,
    target: onSender,
    react: ['RA_3201', 'RA_3202'],
    openc2: 'deny email_addr',
    ocsf: { class_uid: 7001, activity_id: 1 },
  }),
  'email.unblock_sender': defineAction({
    ...TAKES_BACK,
    id: 'email.unblock_sender',
    title: 'Unblock sender',
    impact: 'low',
    input: SenderBlocked,
    output: OnSender,
    target: onSender,
    react: ['RA_5201', 'RA_5202'],
    openc2: 'allow email_addr',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
} as const;
