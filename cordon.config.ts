import { defineConfig } from './contracts/config';
import { DEFAULT_POLICY } from './contracts/policy';

/**
 * The configuration of `npm start`: a simulated estate, one real-shaped alert source, the policy that ships.
 * Replace the connections by your own; each integration's README has its settings. Secrets are named here, never written.
 * CORDON_DEMO_HOOK_SECRET is made by `npm start` unless it is set.
 */
export default defineConfig({
  connections: [
    { id: 'edr', use: 'simulated_edr', title: 'Simulated EDR', tags: ['simulated'] },
    { id: 'directory', use: 'simulated_identity', title: 'Simulated directory', tags: ['simulated'] },
    { id: 'backup', use: 'simulated_backup', title: 'Simulated backup', tags: ['simulated'] },
    { id: 'firewall', use: 'simulated_firewall', title: 'Simulated firewall', tags: ['simulated'] },
    { id: 'mail', use: 'simulated_mail', title: 'Simulated mail', tags: ['simulated'] },
    { id: 'cloud', use: 'simulated_cloud', title: 'Simulated cloud', tags: ['simulated'] },
    { id: 'mdm', use: 'simulated_mdm', title: 'Simulated MDM', tags: ['simulated'] },
    { id: 'management', use: 'simulated_management', title: 'Simulated management', tags: ['simulated'] },
    { id: 'service-desk', use: 'simulated_ticketing', title: 'Simulated ticketing', tags: ['simulated'] },
  ],
  sources: [{ id: 'demo', use: 'generic', secrets: [{ $env: 'CORDON_DEMO_HOOK_SECRET' }] }],
  people: [],
  assets: [
    {
      id: 'fin-ws-042',
      kind: 'host',
      aliases: ['fin-ws-042.corp.example.com'],
      ips: ['198.51.100.42'],
      tags: ['finance'],
      criticality: 3,
    },
    {
      id: 'fin-fs-01',
      kind: 'host',
      aliases: ['fin-fs-01.corp.example.com'],
      ips: ['198.51.100.20'],
      tags: ['finance', 'server'],
      criticality: 5,
    },
    { id: 'finance-share', kind: 'dataset', host: 'fin-fs-01', path: '/srv/finance', criticality: 5 },
    {
      id: 'm.okafor',
      kind: 'account',
      aliases: ['m.okafor@corp.example.com', 'CORP\\m.okafor'],
      criticality: 3,
    },
    { id: 'dc-01', kind: 'host', tags: ['domain-controller'], criticality: 5, protected: true },
    { id: 'scanner-1', kind: 'network', ips: ['198.51.100.250'], ambient: true, criticality: 1 },
  ],
  policy: DEFAULT_POLICY,
  budgets: [{ id: 'isolations', actions: ['endpoint.isolate_host'], limit: 20, windowSeconds: 3600 }],
});
