import type { Route } from '../table';
import { approvals } from './approvals';
import { channels } from './channels';
import { containments } from './containments';
import type { ApiDeps } from './deps';
import { drills } from './drills';
import { makingIncidents, readingIncidents, steeringIncidents } from './incidents';
import { delegations, people } from './people';
import { policy } from './policy';
import { plans } from './plans';
import { questions } from './questions';
import { system } from './system';
import { targetRoutes } from './targets';

/** Every route of `/api/v1`. What is not here does not exist. */
export const apiRoutes = (deps: ApiDeps): Route[] => [
  ...readingIncidents(deps),
  ...steeringIncidents(deps),
  ...makingIncidents(deps),
  ...targetRoutes(deps),
  ...approvals(deps),
  ...questions(deps),
  ...channels(deps),
  ...containments(deps),
  ...plans(deps),
  ...drills(deps),
  ...people(deps),
  ...delegations(deps),
  ...policy(deps),
  ...system(deps),
];
