import { channelMayDecide, countVotes, type Requirement, type Vote } from '../../contracts/policy';
import type { Role } from '../../contracts/values';

const needs = (groups: [Role[], number][], noSelfApproval = false): Requirement => ({
  kind: 'approvals',
  groups: groups.map(([roles, count]) => ({ roles, count })),
  timeoutSeconds: 60,
  noSelfApproval,
  why: 'test',
});
const says = (person: string, role: Role, voice = 'person', verdict: Vote['verdict'] = 'approve'): Vote => ({
  person,
  roles: [role],
  verdict,
  voice,
});
const TWO = needs([[['analyst', 'lead'], 2]]);
const CHAT = 'channel:chat';

describe('voices', () => {
  test.each<[string, Vote[], string]>([
    ['two authenticated people', [says('ana', 'analyst'), says('bo', 'analyst')], 'met'],
    ['one person twice', [says('ana', 'analyst'), says('ana', 'analyst')], 'open'],
    ['two people named by one channel', [says('ana', 'analyst', CHAT), says('bo', 'analyst', CHAT)], 'open'],
    [
      'a person, and another one named by a channel',
      [says('ana', 'analyst'), says('bo', 'analyst', CHAT)],
      'met',
    ],
    [
      'a person, and the same one named by a channel',
      [says('ana', 'analyst'), says('ana', 'analyst', CHAT)],
      'open',
    ],
    [
      'two channels that name the same person',
      [says('ana', 'analyst', CHAT), says('ana', 'analyst', 'channel:tickets')],
      'open',
    ],
    [
      'two channels that have one person in common',
      [says('ana', 'analyst', CHAT), says('bo', 'analyst', CHAT), says('bo', 'analyst', 'channel:tickets')],
      'open',
    ],
    [
      'two channels that name two people',
      [says('ana', 'analyst', CHAT), says('bo', 'analyst', 'channel:tickets')],
      'met',
    ],
    [
      'who withdrew in person is not spoken for',
      [says('bo', 'analyst'), says('ana', 'analyst', CHAT), says('ana', 'analyst', 'person', 'withdraw')],
      'open',
    ],
    [
      'a deny through a channel, and another name that approves through it later',
      [says('ana', 'analyst', CHAT, 'deny'), says('bo', 'analyst', CHAT), says('lea', 'lead')],
      'denied',
    ],
    [
      'a withdrawal through a channel',
      [says('ana', 'analyst', CHAT), says('ana', 'analyst', CHAT, 'withdraw'), says('lea', 'lead')],
      'open',
    ],
  ])('%s', (_name, votes, expected) => {
    expect(countVotes(TWO, votes)).toBe(expected);
  });

  test('a channel sits on the seat that one of its people may have', () => {
    const both = needs([
      [['lead'], 1],
      [['analyst'], 1],
    ]);
    const chat = [says('ana', 'analyst', CHAT), says('lea', 'lead', CHAT)];
    expect(countVotes(both, chat)).toBe('open');
    expect(countVotes(both, [...chat, says('bo', 'analyst')])).toBe('met');
    expect(countVotes(both, [...chat, says('lou', 'lead')])).toBe('met');
  });

  test('where the starter may not approve, a channel that cannot prove who spoke does not count when a person started it', () => {
    const one = needs([[['analyst'], 1]], true);
    expect(countVotes(one, [says('ana', 'analyst')], ['ana'])).toBe('open');
    expect(countVotes(one, [says('bo', 'analyst', CHAT)], ['ana'])).toBe('open');
    expect(countVotes(one, [says('bo', 'analyst', CHAT, 'deny')], ['ana'])).toBe('denied');
    expect(countVotes(one, [says('bo', 'analyst', CHAT)])).toBe('met');
    expect(countVotes(one, [says('bo', 'analyst')], ['ana'])).toBe('met');
  });
});

test('a channel decides up to its impact, and never what cannot be taken back', () => {
  expect(
    (['none', 'low', 'high', 'irreversible'] as const).map((impact) => channelMayDecide(impact, 'low')),
  ).toEqual([true, true, false, false]);
  expect(
    (['none', 'low', 'high', 'irreversible'] as const).map((impact) => channelMayDecide(impact, 'high')),
  ).toEqual([true, true, true, false]);
});
