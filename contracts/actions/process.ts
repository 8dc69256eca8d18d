import { CONTAINS, defineAction, TAKES_BACK, Token } from './define';
import { OnHash, OnProcess, onHash, onProcess } from './on';

const Suspended = OnProcess.extend({ token: Token.optional() });
const HashBlocked = OnHash.extend({ token: Token.optional() });

/** What runs on hosts, and what may not run on any. */
export const processActions = {
  'endpoint.kill_process': defineAction({
    id: 'endpoint.kill_process',
    title: 'Kill process',
    category: 'eradicate',
    readOnly: false,
    impact: 'high',
    inverse: null,
    delivery: 'probe',
    input: OnProcess,
    output: OnProcess,
    target: onProcess,
    d3fend: ['D3-PT'],
    openc2: 'stop process',
    cacao: 'eliminate-risk',
    ocsf: { class_uid: 7003, activity_id: 2 },
  }),
  'endpoint.suspend_process': defineAction({
    ...CONTAINS,
    id: 'endpoint.suspend_process',
    title: 'Suspend process',
    impact: 'low',
    inverse: 'endpoint.resume_process',
    input: OnProcess,
    output: Suspended,
    target: onProcess,
    d3fend: ['D3-PS'],
    openc2: 'contain process',
    ocsf: { class_uid: 7003, activity_id: 1 },
  }),
  'endpoint.resume_process': defineAction({
    ...TAKES_BACK,
    id: 'endpoint.resume_process',
    title: 'Resume process',
    // What was suspended goes on with what it was doing.
    impact: 'high',
    input: Suspended,
    output: OnProcess,
    target: onProcess,
    openc2: 'start process',
    ocsf: { class_uid: 7003, activity_id: 3 },
  }),
  'endpoint.block_hash': defineAction({
    ...CONTAINS,
    id: 'endpoint.block_hash',
    title: 'Block file on every host',
    // On the whole fleet at once: a hash of something ordinary stops everybody's work.
    impact: 'high',
    inverse: 'endpoint.unblock_hash',
    input: OnHash,
    output: HashBlocked,
    target: onHash,
    d3fend: ['D3-EDL'],
    react: ['RA_3403'],
    openc2: 'deny file',
    ocsf: { class_uid: 7002, activity_id: 1 },
  }),
  'endpoint.unblock_hash': defineAction({
    ...TAKES_BACK,
    id: 'endpoint.unblock_hash',
    title: 'Unblock file on every host',
    impact: 'low',
    input: HashBlocked,
    output: OnHash,
    target: onHash,
    react: ['RA_5401'],
    openc2: 'allow file',
    ocsf: { class_uid: 7002, activity_id: 3 },
  }),
} as const;
