import { z } from 'zod';
import { hostKey, shortName } from '../assets';
import { HostRef, Sha256, type Target } from '../values';
import { defineAction } from './define';

/** Both names, where they differ: what is approved is what a product may be told. */
const labelOf = ({ name, fqdn }: HostRef): string =>
  fqdn === undefined || shortName(fqdn) === shortName(name) ? name : `${name} (${fqdn})`;

const onHost = ({ host }: { host: HostRef }): Target => ({
  kind: 'host',
  key: hostKey(host),
  label: labelOf(host),
});
const onFile = ({ host, path }: { host: HostRef; path: string }): Target => ({
  kind: 'file',
  key: `file:${hostKey(host).slice('host:'.length)}${path.startsWith('/') ? '' : '/'}${path}`,
  label: `${path} on ${labelOf(host)}`.slice(0, 1024),
});

const OnHost = z.object({ host: HostRef });
const Contained = OnHost.extend({
  /** The vendor's id of the isolation, or whatever it needs to lift exactly this one. */
  token: z.string().max(4096).optional(),
});

export const endpointActions = {
  'endpoint.isolate_host': defineAction({
    id: 'endpoint.isolate_host',
    title: 'Isolate host',
    category: 'contain',
    readOnly: false,
    impact: 'high',
    inverse: 'endpoint.release_host',
    delivery: 'probe',
    input: OnHost,
    output: Contained,
    target: onHost,
    d3fend: ['D3-NI'],
    react: ['RA_3109'],
    openc2: 'contain device',
    cacao: 'disconnect-system',
    ocsf: { class_uid: 7004, activity_id: 1 },
  }),
  'endpoint.release_host': defineAction({
    id: 'endpoint.release_host',
    title: 'Release host',
    category: 'recover',
    readOnly: false,
    impact: 'low',
    inverse: null,
    delivery: 'probe',
    input: Contained,
    output: OnHost,
    target: onHost,
    d3fend: ['D3-RNA'],
    react: ['RA_5105'],
    openc2: 'allow device',
    cacao: 'restore-capabilities',
    ocsf: { class_uid: 7004, activity_id: 3 },
  }),
  'endpoint.scan_av': defineAction({
    id: 'endpoint.scan_av',
    title: 'Scan host with antivirus',
    category: 'investigate',
    readOnly: true,
    impact: 'none',
    inverse: null,
    delivery: 'at_least_once',
    input: OnHost.extend({ paths: z.array(z.string().min(1).max(4096)).max(100).optional() }),
    output: OnHost.extend({
      clean: z.boolean(),
      findings: z
        .array(z.object({ path: z.string(), signature: z.string(), sha256: Sha256.optional() }))
        .max(1000),
      /** What could not be read. Not clean, unless there is none. */
      errors: z.array(z.string()).max(1000),
      engine: z.string(),
    }),
    target: onHost,
    d3fend: ['D3-FA'],
    openc2: 'scan device',
    cacao: 'scan-system',
    ocsf: { class_uid: 7001, activity_id: 5 },
  }),
  'endpoint.quarantine_file': defineAction({
    id: 'endpoint.quarantine_file',
    title: 'Quarantine file',
    category: 'eradicate',
    readOnly: false,
    impact: 'low',
    inverse: 'endpoint.restore_file',
    delivery: 'probe',
    input: OnHost.extend({ path: z.string().min(1).max(4096), sha256: Sha256.optional() }),
    output: OnHost.extend({
      path: z.string().min(1).max(4096),
      sha256: Sha256,
      token: z.string().max(4096).optional(),
    }),
    target: onFile,
    d3fend: ['D3-CQ'],
    react: ['RA_3302'],
    openc2: 'contain file',
    cacao: 'eliminate-risk',
    ocsf: { class_uid: 7002, activity_id: 1 },
  }),
  'endpoint.restore_file': defineAction({
    id: 'endpoint.restore_file',
    title: 'Restore quarantined file',
    category: 'recover',
    readOnly: false,
    impact: 'high',
    inverse: null,
    delivery: 'probe',
    input: OnHost.extend({
      path: z.string().min(1).max(4096),
      sha256: Sha256,
      token: z.string().max(4096).optional(),
    }),
    output: OnHost.extend({ path: z.string(), sha256: Sha256 }),
    target: onFile,
    d3fend: ['D3-RF'],
    react: ['RA_5301'],
    openc2: 'restore file',
    cacao: 'revert-system',
    ocsf: { class_uid: 7002, activity_id: 3 },
  }),
  'endpoint.collect_triage': defineAction({
    id: 'endpoint.collect_triage',
    title: 'Collect triage evidence',
    category: 'investigate',
    readOnly: true,
    impact: 'none',
    inverse: null,
    delivery: 'at_least_once',
    input: OnHost,
    output: OnHost.extend({
      evidence: z
        .array(z.object({ name: z.string(), sha256: Sha256, bytes: z.number().int().nonnegative() }))
        .max(200),
    }),
    target: onHost,
    react: ['RA_2311'],
    openc2: 'investigate device',
    cacao: 'analyze-collected-data',
  }),
} as const;
