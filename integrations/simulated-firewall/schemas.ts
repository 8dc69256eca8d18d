import { z } from 'zod';

/** The state of one address at the firewall. */
export const Block = z.object({ ip: z.string(), rule_id: z.string().nullable() });
export const BlockList = z.object({ blocks: z.array(Block) });
export type Block = z.infer<typeof Block>;
