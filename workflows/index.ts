/** The worker's entry: every function exported here becomes a workflow type. */
export { incident } from './incident';
export { maintenance } from './maintenance';
