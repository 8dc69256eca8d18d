import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { channelOfLink, formToken, isFormToken, signLink, verifyLink } from '../../channels/kit/links';
import { Secret } from '../../contracts/secret';

const OLD = new Secret('the old secret of the links, long enough');
const NEW = new Secret('the new secret of the links, long enough');
const content = {
  channel: 'mail',
  request: 'r-1',
  person: 'ana',
  plan: 'p'.repeat(64),
  until: 1_800_000_000_000,
  round: 0,
};

test('a link says what was signed, under any secret of a rotation and no other', () => {
  const link = signLink([OLD], content);
  const { round: _round, ...said } = content;
  expect(verifyLink([NEW, OLD], link)).toMatchObject(said);
  expect(verifyLink([NEW], link)).toBeUndefined();
  expect(verifyLink([new Secret('')], link)).toBeUndefined();
  expect(channelOfLink(link)).toBe('mail');
});

test('the same link in each attempt, another one for another person, plan or request', () => {
  const idOf = (over: Partial<typeof content>): string | undefined =>
    verifyLink([OLD], signLink([OLD], { ...content, ...over }))?.decision;
  expect(signLink([OLD], content)).toBe(signLink([OLD], content));
  const ids = [
    {},
    { person: 'bo' },
    { plan: 'q' },
    { request: 'r-2' },
    { channel: 'teams' },
    { round: 1 },
  ].map(idOf);
  expect(new Set(ids).size).toBe(6);
});

test('whatever is changed in a link, it does not hold any more', () => {
  const link = signLink([OLD], content);
  const other = signLink([OLD], { ...content, person: 'bo' });
  fc.assert(
    fc.property(fc.nat(link.length - 1), fc.stringMatching(/^[\w.-]$/), (at, character) => {
      fc.pre(link[at] !== character);
      expect(verifyLink([OLD], link.slice(0, at) + character + link.slice(at + 1))).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
  const [text] = other.split('.');
  const [, signature] = link.split('.');
  expect(verifyLink([OLD], `${String(text)}.${String(signature)}`)).toBeUndefined();
  for (const bad of ['', '.', 'x', `${link}.${link}`, `${link} `, 'e30.e30'])
    expect(verifyLink([OLD], bad)).toBeUndefined();
});

test('a secret that is empty opens nothing, also not to who signs with nothing', () => {
  const text = signLink([OLD], content).split('.')[0] ?? '';
  const signed = (purpose: string, about: string): string =>
    createHmac('sha256', '').update(`cordon ${purpose}\n${about}`).digest('base64url');
  const link = `${text}.${signed('link', text)}`;
  expect(verifyLink([new Secret('')], link)).toBeUndefined();
  expect(isFormToken([new Secret('')], link, signed('form', link))).toBe(false);
  expect(() => signLink([new Secret('')], content)).toThrow(TypeError);
});

test('the token of the form is not in the link, and is of this link only', () => {
  const link = signLink([OLD], content);
  const token = formToken([OLD], link);
  expect(link).not.toContain(token);
  expect(isFormToken([NEW, OLD], link, token)).toBe(true);
  expect(isFormToken([NEW], link, token)).toBe(false);
  expect(isFormToken([OLD], signLink([OLD], { ...content, person: 'bo' }), token)).toBe(false);
  expect(isFormToken([OLD], link, link.split('.')[1] ?? '')).toBe(false);
});
