import { z } from 'zod';
import { defineAction } from './define';
import { OnHost, onHost } from './on';

const Patches = z.array(z.string().min(1).max(200)).max(500);

export const hostActions = {
  'host.patch': defineAction({
    id: 'host.patch',
    title: 'Patch host',
    category: 'eradicate',
    readOnly: false,
    impact: 'high',
    inverse: null,
    delivery: 'probe',
    input: OnHost.extend({
      /** CVE or vendor ids; all that is missing when left out. */
      patches: Patches.optional(),
    }),
    output: OnHost.extend({
      installed: Patches,
      /** Nothing holds until then. */
      rebootPending: z.boolean(),
    }),
    target: onHost,
    d3fend: ['D3-SU'],
    react: ['RA_3001'],
    openc2: 'update device',
    cacao: 'configure-systems',
    ocsf: { class_uid: 7001, activity_id: 4 },
  }),
  'host.reimage': defineAction({
    id: 'host.reimage',
    title: 'Reimage host',
    category: 'recover',
    readOnly: false,
    impact: 'irreversible',
    inverse: null,
    // That it was imaged before says nothing of now: the product knows the order by the key.
    delivery: 'key',
    input: OnHost.extend({ image: z.string().min(1).max(255).optional() }),
    output: OnHost.extend({ image: z.string().min(1).max(255) }),
    target: onHost,
    d3fend: ['D3-RDI', 'D3-RS', 'D3-DKE'],
    react: ['RA_5001'],
    openc2: 'restore device',
    cacao: 'revert-system',
    ocsf: { class_uid: 7001, activity_id: 3 },
  }),
} as const;
