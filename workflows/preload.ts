import { z } from 'zod';
import * as actions from '../contracts/actions';
import * as cloud from '../contracts/actions/cloud';
import * as data from '../contracts/actions/data';
import * as define from '../contracts/actions/define';
import * as email from '../contracts/actions/email';
import * as endpoint from '../contracts/actions/endpoint';
import * as host from '../contracts/actions/host';
import * as identity from '../contracts/actions/identity';
import * as investigation from '../contracts/actions/investigation';
import * as network from '../contracts/actions/network';
import * as notify from '../contracts/actions/notify';
import * as on from '../contracts/actions/on';
import * as process from '../contracts/actions/process';
import * as traffic from '../contracts/actions/traffic';
import * as alert from '../contracts/alert';
import * as assets from '../contracts/assets';
import * as correlation from '../contracts/correlation';
import * as errors from '../contracts/errors';
import * as messages from '../contracts/messages';
import * as names from '../contracts/names';
import * as question from '../contracts/question';
import * as scans from '../contracts/scans';
import * as removed from '../contracts/removed';
import * as values from '../contracts/values';

/**
 * What all runs of a worker share: zod and the contracts, which hold no state. Without this each run makes every schema anew,
 * for about half of the worker's CPU time and memory.
 *
 * The SDK deep-freezes what is shared and stops at what is frozen already. A schema memoises on itself what it works out when
 * it is first used, so the modules are frozen here, one level deep, and their schemas stay as they are.
 */
const SHARED: readonly object[] = [
  z.core,
  z.util,
  z.regexes,
  z.iso,
  z.coerce,
  actions,
  cloud,
  data,
  define,
  email,
  endpoint,
  host,
  identity,
  investigation,
  network,
  notify,
  on,
  process,
  traffic,
  alert,
  assets,
  correlation,
  errors,
  messages,
  names,
  question,
  scans,
  removed,
  values,
];
for (const shared of SHARED) Object.freeze(shared);

// zod looks once whether it may compile; that, too, it must have done before it is frozen.
z.object({}).parse({});
