import { z } from 'zod';
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
} as const;
