import { defineConfig } from '../contracts/config';
import { APPROVALS_OFF_FOR_LAB, DEFAULT_POLICY } from '../contracts/policy';

/** Cordon as it is measured: the policy that ships with approvals off for simulated connections, which are the bench's mock. */
const url = process.env['BENCH_MOCK_URL'];

export default defineConfig({
  connections: [
    { id: 'directory', use: 'simulated_identity', config: { url } },
    { id: 'firewall', use: 'simulated_firewall', config: { url } },
  ],
  sources: [{ id: 'demo', use: 'generic', secrets: [{ $env: 'CORDON_DEMO_HOOK_SECRET' }] }],
  policy: { rules: [APPROVALS_OFF_FOR_LAB, ...DEFAULT_POLICY.rules] },
});
