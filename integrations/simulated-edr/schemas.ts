import { z } from 'zod';

/** A device as the product lists it. `isolation_id` names the isolation in force. */
export const Device = z.object({
  id: z.string(),
  hostname: z.string(),
  online: z.boolean(),
  isolation_id: z.string().nullable(),
});
export type Device = z.infer<typeof Device>;
export const DeviceList = z.object({ devices: z.array(Device) });

/** One thing that a device was told to do; an offline one does it when it is back. */
export const DeviceAction = z.object({
  id: z.string(),
  kind: z.enum(['isolate', 'release', 'scan', 'quarantine', 'restore', 'triage']),
  status: z.enum(['pending', 'completed', 'failed']),
  result: z
    .object({
      isolation_id: z.string().optional(),
      quarantine_id: z.string().optional(),
      sha256: z.string().optional(),
      engine: z.string().optional(),
      findings: z.array(z.object({ path: z.string(), signature: z.string(), sha256: z.string() })).optional(),
      errors: z.array(z.string()).optional(),
      artefacts: z
        .array(z.object({ name: z.string(), media_type: z.string(), base64: z.base64() }))
        .optional(),
    })
    .default({}),
});
export type DeviceAction = z.infer<typeof DeviceAction>;

/** A file as the product knows it. */
export const DeviceFile = z.object({
  path: z.string(),
  sha256: z.string(),
  quarantine_id: z.string().nullable(),
});
export type DeviceFile = z.infer<typeof DeviceFile>;
