import { z } from 'zod';

/** An account as the directory shows it. `lock_id` names the present disablement. */
export const User = z.object({
  id: z.string(),
  login: z.string(),
  enabled: z.boolean(),
  lock_id: z.string().nullable(),
  sessions: z.number().int().nonnegative(),
});
export type User = z.infer<typeof User>;

export const UserList = z.object({ users: z.array(User) });
export const Revoked = z.object({ revoked: z.number().int().nonnegative() });
