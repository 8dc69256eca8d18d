import { of, type Mutant } from './mutant';

const VERSIONING = 'test/temporal-config/versioning.test.ts';

/** What becomes of runs when a worker of another build comes. */
export const DEPLOYMENT: readonly Mutant[] = of('temporal-config/worker.ts', [
  [
    'runs are pinned',
    "behavior === 'pinned' ? 'PINNED' : 'AUTO_UPGRADE'",
    "'AUTO_UPGRADE'",
    VERSIONING,
    'pinned: what runs goes on with the old build',
  ],
  [
    'runs move on',
    "behavior === 'pinned' ? 'PINNED' : 'AUTO_UPGRADE'",
    "'PINNED'",
    VERSIONING,
    'auto_upgrade: what runs goes on with the new build',
  ],
]);
