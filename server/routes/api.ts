import { randomUUID } from 'node:crypto';
import express, { Router } from 'express';
import { z } from 'zod';
import { ACTIONS } from '../../contracts/actions';
import { DecisionInput } from '../../contracts/approval';
import { SYSTEM_CHAIN } from '../../contracts/journal';
import type { JsonObject } from '../../contracts/values';
import { recordDecision } from '../../store/decisions';
import { appendJournal } from '../../store/journal';
import { enqueue } from '../../store/outbox';
import {
  approvalRequests,
  containments,
  incidentList,
  incidentOf,
  timelineOf,
} from '../../store/read-models';
import type { SealWitness } from '../../store/seals';
import { inTransaction, type Store, type Tx } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import { authorize } from '../auth/authenticate';
import { Problem } from '../problem';

export interface PlaybookInfo {
  id: string;
  version: number;
  title: string;
}

export interface ApiDeps {
  store: Store;
  playbooks: readonly PlaybookInfo[];
  witness: () => SealWitness | undefined;
  wake: () => void;
}

const Reason = z.object({ reason: z.string().trim().min(1).max(2000) }).strict();
const Verdict = Reason.extend({ verdict: z.enum(['true_positive', 'false_positive', 'benign']) });
const Resolution = Reason.extend({
  item: z.string().min(1).max(1500),
  resolution: z.enum(['retry', 'skip']),
});
const KillSwitch = Reason.extend({ on: z.boolean() });
const Page = z.object({
  status: z.enum(['open', 'closed']).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().optional(),
});

const notFound = (what: string): Problem => new Problem(404, 'Not found', `There is no such ${what}.`);

/** `/api/v1`: what people and tools read and decide. */
export function apiRoutes({ store, playbooks, witness, wake }: ApiDeps): Router {
  const router = Router();
  router.use(express.json({ limit: '2mb' }));

  router.get('/me', async (request, response) => {
    response.json(await authorize(store, request, 'read'));
  });
  router.get('/playbooks', async (request, response) => {
    await authorize(store, request, 'read');
    response.json({ items: playbooks });
  });
  router.get('/actions', async (request, response) => {
    await authorize(store, request, 'read');
    const items = Object.values(ACTIONS).map(
      ({ id, title, category, readOnly, impact, inverse, delivery, d3fend }) => ({
        id,
        title,
        category,
        readOnly,
        impact,
        inverse,
        delivery,
        d3fend,
      }),
    );
    response.json({ items });
  });

  router.get('/incidents', async (request, response) => {
    await authorize(store, request, 'read');
    response.json(await incidentList(store, Page.parse(request.query)));
  });
  router.get('/incidents/:number', async (request, response) => {
    await authorize(store, request, 'read');
    const found = await incidentOf(store, request.params.number);
    if (found === undefined) throw notFound('incident');
    response.json(found);
  });
  router.get('/incidents/:number/timeline', async (request, response) => {
    await authorize(store, request, 'read');
    const after = z.coerce.number().int().min(0).default(0).parse(request.query['after']);
    response.json({ items: await timelineOf(store, request.params.number, after) });
  });
  const tell = async (number: string, by: string, command: JsonObject): Promise<void> => {
    await inTransaction(store, async (tx) => {
      const incident = await tx
        .selectFrom('incidents')
        .select('status')
        .where('number', '=', number)
        .executeTakeFirst();
      if (incident === undefined) throw notFound('incident');
      if (incident.status === 'closed') throw new Problem(409, 'Conflict', `${number} is closed.`);
      await enqueue(
        tx,
        'command',
        number,
        { ...command, id: randomUUID(), by: `person:${by}` },
        await store.now(),
      );
    });
    wake();
  };
  router.post('/incidents/:number/verdict', async (request, response) => {
    const person = await authorize(store, request, 'verdict');
    await tell(request.params.number, person.id, { kind: 'verdict', ...Verdict.parse(request.body) });
    response.status(202).json({ accepted: true });
  });
  router.post('/incidents/:number/items', async (request, response) => {
    const person = await authorize(store, request, 'verdict');
    await tell(request.params.number, person.id, { kind: 'resolve_item', ...Resolution.parse(request.body) });
    response.status(202).json({ accepted: true });
  });
  router.post('/incidents/:number/close', async (request, response) => {
    const person = await authorize(store, request, 'verdict');
    await tell(request.params.number, person.id, { kind: 'close', ...Reason.parse(request.body) });
    response.status(202).json({ accepted: true });
  });
  router.post('/incidents/:number/rollback', async (request, response) => {
    const person = await authorize(store, request, 'release');
    const { reason } = Reason.parse(request.body);
    if ((await incidentOf(store, request.params.number)) === undefined) throw notFound('incident');
    const payload = { incident: request.params.number, by: `person:${person.id}`, reason };
    await inTransaction(store, async (tx) =>
      enqueue(tx, 'roll_back', request.params.number, payload, await store.now()),
    );
    wake();
    response.status(202).json({ accepted: true });
  });

  router.get('/approvals', async (request, response) => {
    await authorize(store, request, 'read');
    response.json({
      items: await approvalRequests(store, {
        status: z.enum(['open', 'settled']).default('open').parse(request.query['status']),
      }),
    });
  });
  router.get('/approvals/:id', async (request, response) => {
    await authorize(store, request, 'read');
    const [found] = await approvalRequests(store, { id: request.params.id });
    if (found === undefined) throw notFound('approval request');
    response.json(found);
  });
  router.post('/approvals/:id/decisions', async (request, response) => {
    const person = await authorize(store, request, 'decide');
    const input = DecisionInput.parse(request.body);
    const answer = await recordDecision(store, request.params.id, input, {
      person: person.id,
      roles: person.roles,
      channel: 'api',
    });
    switch (answer.kind) {
      case 'not_found':
        throw notFound('approval request');
      case 'plan_changed':
        throw new Problem(
          409,
          'Conflict',
          `The plan is another one now (${answer.planHash}): look at it again before you decide.`,
        );
      case 'unknown_item':
        throw new Problem(
          422,
          'Unprocessable content',
          `items: ${answer.itemHash} is not an item of this request.`,
        );
      case 'too_late':
        throw new Problem(409, 'Conflict', answer.why);
      case 'recorded':
        wake();
        response.status(202).json({ decisionId: input.decisionId, items: answer.items });
    }
  });

  router.get('/containments', async (request, response) => {
    await authorize(store, request, 'read');
    response.json({ items: await containments(store, request.query['all'] === 'true') });
  });
  router.post('/containments/:id/release', async (request, response) => {
    const person = await authorize(store, request, 'release');
    const { reason } = Reason.parse(request.body);
    const lease = await store.db
      .selectFrom('leases')
      .select('status')
      .where('id', '=', request.params.id)
      .executeTakeFirst();
    if (lease === undefined) throw notFound('containment');
    if (lease.status === 'released') throw new Problem(409, 'Conflict', 'It is released already.');
    const payload = { leaseId: request.params.id, by: `person:${person.id}`, reason };
    await inTransaction(store, async (tx) =>
      enqueue(tx, 'release_lease', request.params.id, payload, await store.now()),
    );
    wake();
    response.status(202).json({ accepted: true });
  });

  router.get('/kill-switch', async (request, response) => {
    await authorize(store, request, 'read');
    const row = await store.db
      .selectFrom('settings')
      .select('value')
      .where('key', '=', 'kill_switch')
      .executeTakeFirst();
    response.json(row?.value ?? { on: false });
  });
  router.put('/kill-switch', async (request, response) => {
    const person = await authorize(store, request, 'kill_switch');
    const input = KillSwitch.parse(request.body);
    await inTransaction(store, (tx) => setKillSwitch(tx, store, input, person.id));
    wake();
    response.json({ ...input, by: person.id });
  });

  router.get('/journal/verify', async (request, response) => {
    await authorize(store, request, 'read');
    response.json(await verifyJournal(store.db, witness()));
  });
  router.use(() => {
    throw notFound('route');
  });
  return router;
}

/** Lifting it wakes every open run: what was held is done. */
async function setKillSwitch(
  tx: Tx,
  store: Store,
  input: z.infer<typeof KillSwitch>,
  by: string,
): Promise<void> {
  const at = await store.now();
  const value = JSON.stringify({ ...input, by, at: at.toISOString() });
  await tx
    .insertInto('settings')
    .values({ key: 'kill_switch', value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
  await appendJournal(tx, {
    incident: SYSTEM_CHAIN,
    at,
    actor: `person:${by}`,
    kind: input.on ? 'kill_switch_on' : 'kill_switch_off',
    data: { reason: input.reason },
  });
  if (input.on) return;
  const open = await tx.selectFrom('incidents').select('number').where('status', '=', 'open').execute();
  for (const { number } of open) await enqueue(tx, 'wake', number, {}, at);
}
