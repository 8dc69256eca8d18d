import { z } from 'zod';
import { Phase } from './values';

export const GraphNode = z.object({
  id: z.string(),
  kind: z.enum(['start', 'group', 'decision', 'question', 'watch', 'closed', 'waits']),
  title: z.string(),
  /** Of a group. */
  phase: Phase.optional(),
  /** Of a group: the actions that it takes; `undo …` where a containment is lifted. */
  actions: z.array(z.string()).optional(),
});
export type GraphNode = z.infer<typeof GraphNode>;

export const GraphEdge = z.object({
  from: z.string(),
  to: z.string(),
  /** From a decision or a question: the way taken. */
  way: z.string().optional(),
});
export type GraphEdge = z.infer<typeof GraphEdge>;

/** All ways through a playbook as one directed graph. */
export const PlaybookGraph = z.object({
  /** `id@version` */
  ref: z.string(),
  title: z.string(),
  nodes: z.array(GraphNode),
  edges: z.array(GraphEdge),
  /** True when there are more ways than were walked. */
  isCut: z.boolean(),
});
export type PlaybookGraph = z.infer<typeof PlaybookGraph>;
