import { z } from 'zod';
import { canonicalIp } from '../assets';
import { IpAddress, type Target } from '../values';
import { defineAction } from './define';

const onIp = ({ ip }: { ip: string }): Target => ({ kind: 'ip', key: `ip:${canonicalIp(ip)}`, label: ip });

const Blocked = z.object({ ip: IpAddress, token: z.string().max(4096).optional() });

export const networkActions = {
  'network.block_ip': defineAction({
    id: 'network.block_ip',
    title: 'Block IP address',
    category: 'contain',
    readOnly: false,
    impact: 'low',
    inverse: 'network.unblock_ip',
    delivery: 'probe',
    mayLapse: true,
    input: z.object({ ip: IpAddress }),
    output: Blocked,
    target: onIp,
    d3fend: ['D3-ITF', 'D3-OTF'],
    react: ['RA_3101'],
    openc2: 'deny ipv4_net',
    cacao: 'restrict-access',
    ocsf: { class_uid: 7004, activity_id: 1 },
  }),
  'network.unblock_ip': defineAction({
    id: 'network.unblock_ip',
    title: 'Unblock IP address',
    category: 'recover',
    readOnly: false,
    impact: 'low',
    inverse: null,
    delivery: 'probe',
    input: Blocked,
    output: z.object({ ip: IpAddress }),
    target: onIp,
    d3fend: ['D3-RNA'],
    react: ['RA_5101'],
    openc2: 'allow ipv4_net',
    cacao: 'restore-capabilities',
    ocsf: { class_uid: 7004, activity_id: 3 },
  }),
} as const;
