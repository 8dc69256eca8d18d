import { z } from 'zod';
import { DatasetRef, Sha256, type Target } from '../values';
import { defineAction } from './define';

const onDataset = ({ set }: { set: DatasetRef }): Target => ({
  kind: 'dataset',
  key: `dataset:${set.name.toLowerCase()}`,
  label: set.name,
});

const OnDataset = z.object({ set: DatasetRef });
const Snapshot = z.string().min(1).max(255);
const Restored = OnDataset.extend({
  snapshot: Snapshot,
  files: z.number().int().nonnegative(),
  /** sha256 over the restored tree, as the adapter's README defines it. */
  treeSha256: Sha256.optional(),
  /** Where the replaced data was put aside; the undo swaps it back. */
  token: z.string().max(4096).optional(),
});

export const dataActions = {
  'data.verify_backup': defineAction({
    id: 'data.verify_backup',
    title: 'Verify backup',
    category: 'investigate',
    readOnly: true,
    impact: 'none',
    inverse: null,
    delivery: 'at_least_once',
    input: OnDataset.extend({ before: z.iso.datetime({ offset: true }).optional() }),
    output: OnDataset.extend({
      snapshot: Snapshot,
      takenAt: z.iso.datetime({ offset: true }),
      intact: z.boolean(),
      /** Null when nothing could scan it. */
      clean: z.boolean().nullable(),
      findings: z.array(z.string()).max(1000),
    }),
    target: onDataset,
    d3fend: ['D3-RD'],
    openc2: 'query x-backup',
    cacao: 'analyze-collected-data',
  }),
  'data.restore_backup': defineAction({
    id: 'data.restore_backup',
    title: 'Restore backup',
    category: 'recover',
    readOnly: false,
    impact: 'high',
    inverse: 'data.revert_restore',
    delivery: 'probe',
    input: OnDataset.extend({
      snapshot: Snapshot.optional(),
      before: z.iso.datetime({ offset: true }).optional(),
    }),
    output: Restored,
    target: onDataset,
    d3fend: ['D3-RD', 'D3-RF'],
    react: ['RA_5002'],
    openc2: 'restore x-backup',
    cacao: 'restore-data',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
  'data.revert_restore': defineAction({
    id: 'data.revert_restore',
    title: 'Put back what a restore replaced',
    category: 'recover',
    readOnly: false,
    impact: 'high',
    inverse: null,
    delivery: 'probe',
    input: Restored,
    output: OnDataset,
    target: onDataset,
    d3fend: ['D3-RD'],
    openc2: 'restore x-backup',
    cacao: 'revert-system',
  }),
} as const;
