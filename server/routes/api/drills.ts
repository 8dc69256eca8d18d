import { z } from 'zod';
import { CordonError } from '../../../contracts/errors';
import { DrillInput, DrillReport, DrillStarted, ScheduledDrillView } from '../../../contracts/drill';
import { playbookRef } from '../../../contracts/plan';
import type { Json } from '../../../contracts/values';
import { drillReport } from '../../../store/drill-report';
import { lastDrillOf, startDrill } from '../../../store/drills';
import { Problem } from '../../problem';
import { route, type Route } from '../table';
import { Idempotency, notFound, type ApiDeps } from './deps';

const Number_ = z.object({ number: z.string().min(1).max(40) });

/** The run of a playbook with simulated effects and real people. */
export const drills = ({
  store,
  config,
  playbooks,
  correlation,
  readAlerts,
  wake,
  nextDrillAt,
}: ApiDeps): Route[] => [
  route({
    method: 'post',
    path: '/drills',
    id: 'startDrill',
    tag: 'drills',
    summary: 'Start a drill: people are asked as ever, and no product is told anything',
    permission: 'drill',
    headers: Idempotency,
    body: DrillInput,
    status: 202,
    answer: DrillStarted,
    problems: {
      409: 'The Idempotency-Key stands for another request.',
      422: 'The alert does not fit, or there is no such playbook or source.',
    },
    handle: async ({ person, body, header }) => {
      const { 'Idempotency-Key': key } = Idempotency.parse({ 'Idempotency-Key': header('idempotency-key') });
      const { reason } = body;
      try {
        const playbook = playbookRef(body.playbook, playbooks);
        const alerts = readAlerts(body, await store.now());
        const raw = JSON.parse(JSON.stringify(body)) as Json;
        const requested = { person: person.id, playbook, reason };
        const answer = await startDrill(store, { alerts, raw, requested, key }, correlation);
        if (answer.kind === 'reused')
          throw new Problem(409, 'Conflict', 'This Idempotency-Key was used for another request.');
        wake();
        return { incident: answer.incident, playbook, repeated: answer.repeated };
      } catch (error) {
        if (!(error instanceof CordonError) || error.type !== 'invalid_input') throw error;
        throw new Problem(422, 'Unprocessable content', error.message);
      }
    },
  }),
  route({
    method: 'get',
    path: '/drills',
    id: 'listDrills',
    tag: 'drills',
    summary: 'The drills that the configuration schedules, and when each starts next',
    permission: 'read',
    answer: z.object({ items: z.array(ScheduledDrillView) }),
    handle: async () => ({
      items: await Promise.all(
        config.drills.map(async ({ id, playbook, cron, zone, startedBy = null }) => ({
          id,
          playbook,
          cron,
          zone,
          startedBy,
          nextAt: (await nextDrillAt?.(id)) ?? null,
          last: await lastDrillOf(store, id),
        })),
      ),
    }),
  }),
  route({
    method: 'get',
    path: '/drills/{number}/report',
    id: 'getDrillReport',
    tag: 'drills',
    summary: 'How a drill went: how soon people answered, what was contained when, and who stayed silent',
    permission: 'read',
    params: Number_,
    answer: DrillReport,
    problems: { 404: 'There is no such incident.', 409: 'It is no drill.' },
    handle: async ({ params }) => {
      const found = await drillReport(store, params.number);
      if (found === 'not_found') throw notFound('incident');
      if (found === 'live') throw new Problem(409, 'Conflict', `${params.number} is no drill.`);
      return found;
    },
  }),
];
