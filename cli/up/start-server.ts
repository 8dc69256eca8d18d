import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Client } from '@temporalio/client';
import { alertsAfter } from '../../activities/incident';
import { connectChannels } from '../../channels';
import { INTEGRATIONS } from '../../integrations';
import { createGraphs, createPlanner } from '../../planner';
import { createApp } from '../../server/app';
import { Dispatcher } from '../../server/dispatcher';
import { Notifier } from '../../server/notifier';
import { temporalRuns } from '../../server/runs';
import { SOURCES } from '../../sources';
import { blocklistStore } from '../../store/blocklist';
import { savePolicy } from '../../store/policies';
import { readWitness } from '../../store/seals';
import { PLAYBOOKS } from '../../workflows/registry';
import { among, connectionAsker } from './ask-connection';
import type { Base } from './base';
import { letPeopleIn } from './people';
import { nextDrillAt } from './schedules';

/** How long requests that are under way may take to end when the process is told to stop. */
const DRAIN_MS = 5_000;

export interface StartedServer {
  url: string;
  /** The way in, when this start made it. */
  token: string | undefined;
}

/** HTTP and dispatcher. Needs SQL to start, never Temporal: what comes in waits in SQL while Temporal is away. */
export async function startServer(
  base: Base,
  client: Client,
  starter?: () => Client | undefined,
): Promise<StartedServer> {
  const { store, config, assets, settings, log, cleanups } = base;
  const policyVersion = await savePolicy(store, config.policy);
  const token = await letPeopleIn(store, config, settings.dataDir);
  const dispatcher = new Dispatcher({
    store,
    runs: temporalRuns(client, settings.taskQueue, starter),
    correlation: { assets, windowMinutes: config.correlation.windowMinutes, policyVersion },
    readAlerts: (incident) => alertsAfter(store.db, assets, incident, 0),
    log,
  });
  dispatcher.start();
  cleanups.add(() => dispatcher.stop());
  const connected = connectChannels(config);
  const notifier = new Notifier({ store, channels: connected, publicUrl: config.publicUrl, log });
  notifier.start();
  cleanups.add(() => notifier.stop());
  const stopping = new AbortController();
  const app = createApp({
    stopping: stopping.signal,
    store,
    config,
    sources: SOURCES,
    playbooks: PLAYBOOKS.map(({ id, version, title, authors = [] }) => ({ id, version, title, authors })),
    plan: createPlanner({
      store,
      config,
      integrations: INTEGRATIONS,
      sources: SOURCES,
      playbooks: PLAYBOOKS,
      ask: connectionAsker(among(config.connections), INTEGRATIONS, blocklistStore(store)),
    }),
    graph: createGraphs(PLAYBOOKS),
    nextDrillAt: (drill) => nextDrillAt(client, drill),
    witness: () => readWitness(settings.dataDir),
    connected,
    notifier,
    wake: () => {
      dispatcher.wake();
      notifier.wake();
    },
    log,
  });
  const server = app.listen(settings.port, settings.host);
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  cleanups.add(() => {
    stopping.abort();
    return drain(server);
  });
  const { port } = server.address() as AddressInfo;
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return { url: `http://${host}:${String(port)}`, token };
}

/** Takes nothing new; what is under way gets its answer. */
function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.closeAllConnections();
    }, DRAIN_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
