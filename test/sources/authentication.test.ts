import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { Secret } from '../../contracts/secret';
import { verifyStandardWebhook } from '../../sources/kit/standard-webhooks';
import { authenticate, NOW, request } from './support';

const secretOf = (seed: string): string => `whsec_${Buffer.from(seed.padEnd(24, '.')).toString('base64')}`;
const SECRET = secretOf('one');
const OTHER = secretOf('two');
const SECONDS = NOW / 1000;

/** Signed by the reference library. */
function signed(body: string, { id = 'msg_1', at = SECONDS, secret = SECRET } = {}) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': new Webhook(secret).sign(id, new Date(at * 1000), body),
  };
}
const verify = (
  headers: Record<string, string | string[]>,
  body: string | Uint8Array,
  ...secrets: string[]
) =>
  verifyStandardWebhook(
    request(headers, body),
    (secrets.length === 0 ? [SECRET] : secrets).map((secret) => new Secret(secret)),
  );

describe('Standard Webhooks', () => {
  test('whatever the reference library signs is accepted', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (body) => {
        const text = Buffer.from(body, 'utf8').toString('utf8');
        expect(verify(signed(text), text)).toEqual({ ok: true });
      }),
    );
  });

  test('any altered byte of the body is refused', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (body, where, flip) => {
          const bytes = Buffer.from(body, 'utf8');
          const index = where % bytes.length;
          bytes[index] = bytes[index]! ^ flip;
          expect(verify(signed(body), bytes)).toMatchObject({ ok: false, why: 'bad_signature' });
        },
      ),
    );
  });

  test('any altered character of the id, the time or the signature is refused', () => {
    const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;
    const alphabet = fc.constantFrom(
      ...Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=,_ '),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), alphabet, (name, where, character) => {
        const headers = signed('{}');
        const value = headers[name];
        const index = where % value.length;
        fc.pre(value[index] !== character);
        headers[name] = value.slice(0, index) + character + value.slice(index + 1);
        expect(verify(headers, '{}').ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    [-301, 'stale'],
    [-300, 'ok'],
    [0, 'ok'],
    [300, 'ok'],
    [301, 'stale'],
  ])('a timestamp %i seconds away is %s', (offset, expected) => {
    const result = verify(signed('{}', { at: SECONDS + offset }), '{}');
    expect(result.ok ? 'ok' : result.why).toBe(expected);
  });

  test('one of several signatures by one of several secrets suffices', () => {
    const headers = signed('{}', { secret: OTHER });
    headers['webhook-signature'] = `v1a,x v1,AAAA ${headers['webhook-signature']}`;
    expect(verify(headers, '{}', SECRET, OTHER)).toEqual({ ok: true });
    expect(verify(headers, '{}', SECRET)).toMatchObject({ ok: false, why: 'bad_signature' });
  });

  test.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const)(
    '%s is required, once',
    (name) => {
      const headers = signed('{}');
      const { [name]: value, ...rest } = headers;
      expect(verify(rest, '{}')).toMatchObject({ ok: false, why: 'missing' });
      expect(verify({ ...rest, [name]: [value, value] }, '{}')).toMatchObject({ ok: false, why: 'missing' });
    },
  );

  test('a dot in the id is refused: its signature would fit a second message', () => {
    const headers = signed('{}', { id: `a.${String(SECONDS)}` });
    expect(verify(headers, '{}')).toMatchObject({ ok: false, why: 'bad_signature' });
  });

  test.each(['', 'whsec_'])('the empty secret %p signs nothing', (secret) => {
    expect(verify(signed('{}'), '{}', secret).ok).toBe(false);
  });
});

describe('bearer and basic', () => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
  const cases: [string, string, string | string[] | undefined, string[], string][] = [
    ['wazuh', 'the secret', 'Bearer s3cret', ['s3cret'], 'ok'],
    ['wazuh', 'the second of a rotation', 'bearer new', ['old', 'new'], 'ok'],
    ['wazuh', 'another secret', 'Bearer s3cret!', ['s3cret'], 'bad_signature'],
    ['wazuh', 'no header', undefined, ['s3cret'], 'missing'],
    ['wazuh', 'two headers', ['Bearer s3cret', 'Bearer s3cret'], ['s3cret'], 'missing'],
    ['wazuh', 'basic', basic('cordon:s3cret'), ['s3cret'], 'missing'],
    ['wazuh', 'an empty secret', 'Bearer ', [''], 'missing'],
    ['suricata', 'the secret', 'Bearer s3cret', ['s3cret'], 'ok'],
    ['suricata', 'no header', undefined, ['s3cret'], 'missing'],
    ['alertmanager', 'bearer', 'Bearer s3cret', ['s3cret'], 'ok'],
    ['alertmanager', 'basic', basic('cordon:s3cret'), ['s3cret'], 'ok'],
    ['alertmanager', 'basic with another user', basic('root:s3cret'), ['s3cret'], 'bad_signature'],
    ['alertmanager', 'basic with another password', basic('cordon:x'), ['s3cret'], 'bad_signature'],
    ['alertmanager', 'basic with an empty secret', basic('cordon:'), [''], 'bad_signature'],
    ['alertmanager', 'no header', undefined, ['s3cret'], 'missing'],
  ];
  test.each(cases)('%s, %s', (use, _name, authorization, secrets, expected) => {
    const result = authenticate(use, { authorization }, ...secrets);
    expect(result.ok ? 'ok' : result.why).toBe(expected);
  });

  test('an altered bearer secret is refused, and no detail repeats a secret', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{8,20}$/), fc.stringMatching(/^[a-z]{8,20}$/), (secret, given) => {
        fc.pre(secret !== given);
        const result = authenticate('wazuh', { authorization: `Bearer ${given}` }, secret);
        expect(result).toMatchObject({ ok: false, why: 'bad_signature' });
        expect(JSON.stringify(result)).not.toContain(secret);
      }),
    );
  });
});
