import { z } from 'zod';
import { Severity } from '../values';
import { defineAction } from './define';

export const notifyActions = {
  'notify.send': defineAction({
    id: 'notify.send',
    title: 'Send notification',
    category: 'notify',
    readOnly: false,
    impact: 'none',
    inverse: null,
    delivery: 'at_least_once',
    input: z.object({
      to: z.array(z.string().min(1).max(320)).min(1).max(50),
      subject: z.string().min(1).max(300),
      text: z.string().min(1).max(20_000),
    }),
    output: z.object({
      accepted: z.array(z.string()),
      rejected: z.array(z.string()),
      messageId: z.string().optional(),
    }),
    target: ({ to }) => ({
      kind: 'channel',
      key: `channel:${[...to].sort().join(',').toLowerCase().slice(0, 1000)}`,
      label: to.join(', ').slice(0, 1000),
    }),
    openc2: 'x-notify',
    cacao: 'deliver-content',
  }),
  'ticket.open': defineAction({
    id: 'ticket.open',
    title: 'Open ticket',
    category: 'notify',
    readOnly: false,
    impact: 'none',
    inverse: null,
    delivery: 'key',
    input: z.object({
      title: z.string().min(1).max(300),
      text: z.string().min(1).max(20_000),
      severity: Severity.optional(),
      /** Team or project that it is for; the connection's own when left out. */
      queue: z.string().min(1).max(200).optional(),
    }),
    output: z.object({ ticket: z.string().min(1).max(255), link: z.url().max(2048).optional() }),
    target: ({ title, queue }) => ({
      kind: 'ticket',
      key: `ticket:${[queue, title].filter(Boolean).join('/').toLowerCase()}`,
      label: title,
    }),
    openc2: 'create x-ticket',
    cacao: 'compose-content',
  }),
} as const;
