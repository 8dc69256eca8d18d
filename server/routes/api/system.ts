import { z } from 'zod';
import { ACTIONS } from '../../../contracts/actions';
import {
  ActionView,
  JournalReport,
  KillSwitch,
  KillSwitchInput,
  Me,
  PlaybookView,
} from '../../../contracts/api';
import { readKillSwitch, turnKillSwitch } from '../../../store/kill-switch';
import { verifyJournal } from '../../../store/verify-journal';
import { route, type Route } from '../table';
import type { ApiDeps } from './deps';

/** Who am I, what can be done, the kill switch, the journal's check. */
export const system = ({ store, playbooks, witness, wake }: ApiDeps): Route[] => [
  route({
    method: 'get',
    path: '/me',
    id: 'me',
    tag: 'people',
    summary: 'The person behind the token',
    permission: 'read',
    answer: Me,
    handle: ({ person }) => Promise.resolve(person),
  }),
  route({
    method: 'get',
    path: '/playbooks',
    id: 'listPlaybooks',
    tag: 'catalogue',
    summary: 'Playbooks that can run',
    permission: 'read',
    answer: z.object({ items: z.array(PlaybookView) }),
    handle: () => Promise.resolve({ items: [...playbooks] }),
  }),
  route({
    method: 'get',
    path: '/actions',
    id: 'listActions',
    tag: 'catalogue',
    summary: 'The catalogue of actions',
    permission: 'read',
    answer: z.object({ items: z.array(ActionView) }),
    handle: () =>
      Promise.resolve({
        items: Object.values(ACTIONS).map(
          ({ id, title, category, readOnly, impact, inverse, delivery, d3fend }) => ({
            id,
            title,
            category,
            readOnly,
            impact,
            inverse,
            delivery,
            d3fend: [...d3fend],
          }),
        ),
      }),
  }),
  route({
    method: 'get',
    path: '/kill-switch',
    id: 'getKillSwitch',
    tag: 'kill switch',
    summary: 'Whether effects are held',
    permission: 'read',
    answer: KillSwitch,
    handle: () => readKillSwitch(store),
  }),
  route({
    method: 'put',
    path: '/kill-switch',
    id: 'turnKillSwitch',
    tag: 'kill switch',
    summary: 'Hold all effects, or let them go on',
    permission: 'kill_switch',
    body: KillSwitchInput,
    answer: KillSwitch,
    handle: async ({ person, body }) => {
      const state = await turnKillSwitch(store, body, person.id);
      wake();
      return state;
    },
  }),
  route({
    method: 'get',
    path: '/journal/verify',
    id: 'verifyJournal',
    tag: 'journal',
    summary: 'Check every chain, head, seal and signature',
    permission: 'read',
    answer: JournalReport,
    handle: () => verifyJournal(store.db, witness()),
  }),
];
