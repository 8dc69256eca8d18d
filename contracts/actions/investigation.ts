import { z } from 'zod';
import { HostRef, Severity } from '../values';
import { defineAction, Evidence, READS } from './define';
import { OnHash, OnHost, onHash, onHost } from './on';

const Collected = OnHost.extend({ evidence: Evidence });

/** What hosts are asked for; nothing on them changes. Memory is taken before anything that loses it. */
export const investigationActions = {
  'endpoint.collect_memory': defineAction({
    ...READS,
    id: 'endpoint.collect_memory',
    title: 'Collect memory image',
    input: OnHost,
    output: Collected,
    target: onHost,
    openc2: 'copy artifact',
    cacao: 'analyze-collected-data',
  }),
  'endpoint.collect_disk': defineAction({
    ...READS,
    id: 'endpoint.collect_disk',
    title: 'Collect disk image',
    input: OnHost,
    output: Collected,
    target: onHost,
    openc2: 'copy artifact',
    cacao: 'analyze-collected-data',
  }),
  'endpoint.collect_logs': defineAction({
    ...READS,
    id: 'endpoint.collect_logs',
    title: 'Collect logs',
    input: OnHost.extend({ since: z.iso.datetime({ offset: true }).optional() }),
    output: Collected,
    target: onHost,
    react: ['RA_2311'],
    openc2: 'copy artifact',
    cacao: 'analyze-collected-data',
  }),
  'endpoint.hunt_hash': defineAction({
    ...READS,
    id: 'endpoint.hunt_hash',
    title: 'Hunt for a file in the fleet',
    category: 'detect',
    input: OnHash,
    output: OnHash.extend({
      /** Where it is, or was when the host was last heard of. */
      hosts: z.array(HostRef).max(1000),
      /** How many hosts were asked. */
      asked: z.number().int().nonnegative(),
      /** Hosts that did not answer: what they have is not known. */
      silent: z.number().int().nonnegative(),
    }),
    target: onHash,
    d3fend: ['D3-FH'],
    openc2: 'query file',
    cacao: 'match-indicator',
    ocsf: { class_uid: 7002, activity_id: 5 },
  }),
  'vuln.scan': defineAction({
    ...READS,
    id: 'vuln.scan',
    title: 'Scan host for vulnerabilities',
    input: OnHost,
    output: OnHost.extend({
      /** Nothing was found, and all of it could be looked at. */
      clean: z.boolean(),
      findings: z
        .array(z.object({ id: z.string().max(100), title: z.string().max(1000), severity: Severity }))
        .max(1000),
      errors: z.array(z.string()).max(1000),
      scanner: z.string(),
    }),
    target: onHost,
    d3fend: ['D3-NVA', 'D3-SYSVA', 'D3-AVE'],
    react: ['RA_2002'],
    openc2: 'scan device',
    cacao: 'scan-vulnerabilities',
    ocsf: { class_uid: 7001, activity_id: 5 },
  }),
} as const;
